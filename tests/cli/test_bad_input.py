"""Bad input: a clear error that names file and key, the right exit status, and nothing switched on."""

import socket
from pathlib import Path
from typing import Any

import pytest

from command_line import Control, Lab
from patience import refusing_port


def refused(lab: Lab, status: int, *words: str, command: tuple[str, ...] = ("run",)) -> None:
    more = ["--session", str(lab.session)] if command == ("run",) else []
    done = lab.cli(*command, lab.campaign, *more)
    assert done.returncode == status, done.stderr
    for word in words:
        assert word in done.stderr.replace("\n", " "), done.stderr
    assert "Traceback" not in done.stderr
    assert not lab.session.exists()
    assert not lab.session.with_suffix(".h5").exists()


def test_an_unknown_key(lab: Lab) -> None:
    lab.change(lab.bench, "roles:", "rolls:")
    refused(lab, 2, lab.bench.name, "line", "key rolls", "Did you mean 'roles'")


def test_a_missing_unit(lab: Lab) -> None:
    lab.change(lab.device, 'amplitude: "3.5 V"', "amplitude: 3.5")
    refused(lab, 2, lab.device.name, "key therapy.amplitude", "a unit is missing", "'3.5 V'")


def test_a_wrong_unit(lab: Lab) -> None:
    lab.change(lab.device, 'amplitude: "3.5 V"', 'amplitude: "3.5 mT"')
    refused(lab, 2, lab.device.name, "key therapy.amplitude", "'3.5 mT'")


def test_a_missing_file(lab: Lab) -> None:
    lab.device.unlink()
    refused(lab, 2, lab.campaign.name, "key device", "there is no file")


def test_a_missing_world(lab: Lab) -> None:
    lab.world.unlink()
    refused(lab, 2, lab.bench.name, "key simulated.world", "there is no file")


def test_a_broken_world(lab: Lab) -> None:
    lab.change(lab.world, "input: amplifier", "input: loudspeaker")
    refused(lab, 3, "did not start", lab.world.name, "loudspeaker")


def test_a_driver_that_does_not_exist(lab: Lab) -> None:
    lab.change(lab.bench, "driver: keysight_infiniivision", "driver: keysight_infinivision")
    refused(lab, 2, lab.bench.name, "key instruments.oscilloscope.driver", "Did you mean 'keysight_infiniivision'")


@pytest.mark.parametrize(("old", "new", "field"), [
    ("model: 33522B", "model: 33611A", "model"), ("serial: MY57801234", "serial: MY00000001", "serial"),
])  # fmt: skip
@pytest.mark.parametrize("command", [("run",), ("check",)])
def test_another_instrument_than_the_bench_file_says(
    lab: Lab, old: str, new: str, field: str, command: tuple[str, ...]
) -> None:
    lab.change(lab.bench, old, new)
    refused(lab, 3, lab.bench.name, f"key instruments.generator.identity.{field}", "answered", command=command)


def make_real(lab: Lab, generator: str, oscilloscope: str, timeout: str = "60 s") -> None:
    lab.change(lab.bench, "simulated:\n  world: ../worlds/robust_pacemaker.yaml\n", "")
    lab.change(
        lab.bench,
        "driver: keysight_33500b\n",
        f"driver: keysight_33500b\n    resource: {generator}\n    timeout: {timeout}\n",
    )
    lab.change(
        lab.bench, "driver: keysight_infiniivision\n", f"driver: keysight_infiniivision\n    resource: {oscilloscope}\n"
    )


def test_an_instrument_that_is_not_there(lab: Lab) -> None:
    with refusing_port() as port:
        make_real(lab, f"TCPIP::127.0.0.1::{port}::SOCKET", f"TCPIP::127.0.0.1::{port}::SOCKET")
        refused(lab, 3, lab.bench.name, "instruments.generator", str(port))


def test_an_instrument_that_never_answers(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        make_real(lab, f"TCPIP::127.0.0.1::{port}::SOCKET", f"TCPIP::127.0.0.1::{port}::SOCKET", "1 s")
        refused(lab, 3, lab.bench.name, "instruments.generator", "*IDN?")


def test_the_oscilloscope_where_the_generator_should_be(lab: Lab, served: tuple[Control, dict[str, Any]]) -> None:
    control, hello = served
    resources = {entry["instrument"]: entry["resource"] for entry in hello["instruments"]}
    make_real(lab, resources["oscilloscope"], resources["generator"])
    refused(lab, 3, lab.bench.name, "key instruments.generator.identity", "answered")
    assert control.generator()["channels"]["1"]["output"] is False


def test_a_yaml_bomb(lab: Lab) -> None:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    lab.device.write_text("\n".join(lines), encoding="utf-8")
    refused(lab, 2, lab.device.name, "line 1", "anchors")


def test_a_tag_that_would_construct_an_object(lab: Lab) -> None:
    victim = lab.folder / "victim"
    lab.device.write_text(f"name: !!python/object/apply:os.mkdir [{victim}]\n", encoding="utf-8")
    refused(lab, 2, lab.device.name, "line 1", "tag")
    assert not victim.exists()


@pytest.mark.parametrize("name", ["session", "session.h5"])
def test_a_session_path_that_is_taken(lab: Lab, name: str) -> None:
    taken = lab.folder / name
    taken.write_text("do not touch", encoding="utf-8")
    done = lab.cli("run", lab.campaign, "--session", lab.session)
    assert done.returncode == 2
    assert "there already" in done.stderr
    assert taken.read_text(encoding="utf-8") == "do not touch"
    assert sorted(path.name for path in lab.folder.iterdir()) == sorted(["configs", "sequences", name])


def test_a_session_name_with_the_suffix_of_the_sealed_file(lab: Lab) -> None:
    lab.session = lab.folder / "monday.h5"
    refused(lab, 2, "without .h5")


def test_wrong_usage(lab: Lab) -> None:
    assert lab.cli("run").returncode == 2
    assert lab.cli("run", lab.campaign, "--session", "s", "--clock", "sundial").returncode == 2
    assert lab.cli("no-such-command").returncode == 2


def test_a_virtual_clock_on_a_real_bench(lab: Lab) -> None:
    make_real(lab, "TCPIP::127.0.0.1::9::SOCKET", "TCPIP::127.0.0.1::9::SOCKET")
    done = lab.cli("run", lab.campaign, "--session", lab.session, "--clock", "virtual")
    assert done.returncode == 2
    assert "real bench" in done.stderr


def test_nothing_to_attach_to(lab: Lab) -> None:
    with refusing_port() as port:
        done = lab.cli("run", lab.campaign, "--session", lab.session, "--attach", f"127.0.0.1:{port}")
    assert done.returncode == 3
    assert "no simulated bench answers" in done.stderr


def test_a_folder_that_cannot_be_written(lab: Lab) -> None:
    blocked = lab.folder / "file"
    blocked.write_text("", encoding="utf-8")
    done = lab.cli("run", lab.campaign, "--session", blocked / "session")
    assert done.returncode == 2, done.stderr
    assert "is not a folder" in done.stderr
    assert Path(blocked).read_text(encoding="utf-8") == ""
