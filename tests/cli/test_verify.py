"""`aimdlab verify` as a technician, an auditor and a script use it; and the key that `aimdlab run` signs with."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from aimdlab.cli.signature import signed_with
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.keys import bench_key, keys_folder
from command_line import Lab

BENCH = "simulated_gradient_injection"


@pytest.fixture(autouse=True, scope="module")
def _no_key_yet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIMDLAB_KEYS", str(tmp_path_factory.mktemp("keys")))
        yield


# Made before any test: whichever comes first in a worker may make the key.
@pytest.fixture(autouse=True, scope="module")
def recorded(_no_key_yet: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A sealed session of a real run in a lab of its own, at a bench that had no key, and what the run said of it."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.change(lab.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["20 mT"]')
    lab.change(lab.test, 't_dwell: ["0.5 ms", "5 ms"]', 't_dwell: ["0.5 ms"]')
    status, said = lab.run()
    assert status == 0
    return Path(said["session"]), said


@pytest.fixture
def session(recorded: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    path = tmp_path / "session.h5"
    shutil.copyfile(recorded[0], path)
    return path


def test_a_run_is_signed_with_the_key_of_its_bench(recorded: tuple[Path, dict[str, Any]], lab: Lab) -> None:
    path, said = recorded
    key = bench_key(BENCH)
    assert said["signing_key"]["public_key"] == key.public
    assert said["signing_key"]["fingerprint"] == key.fingerprint
    assert Path(said["signing_key"]["public_key_file"]) == keys_folder() / f"{BENCH}.pub.pem"
    done = lab.cli("verify", path, "--key", key.public_file, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["sealed"] is True
    assert found["attempts"]["count"] == 5
    assert found["signature"] == {
        "signed": True,
        "public_key": key.public,
        "fingerprint": key.fingerprint,
        "known_as_bench": BENCH,
        "is_the_key_given": True,
    }
    with h5py.File(path) as file:
        assert found["root_sha256"] == file["entry/integrity/root_sha256"].asstr()[()]


def test_a_person_reads_what_was_found_and_by_whom_it_was_signed(
    session: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, root = bench_key(BENCH), h5py.File(session)["entry/integrity/root_sha256"].asstr()[()]
    said = lab.cli("verify", session.with_suffix("")).stdout  # the name it had as a folder does as well
    assert f"by key {key.fingerprint}, known to this computer as that of the bench {BENCH}" in said
    assert f"root            {root}" in said
    assert said.endswith("whole: no record was altered, added, removed or moved\n")
    monkeypatch.setenv("AIMDLAB_KEYS", str(tmp_path / "keys of another computer"))
    said = lab.cli("verify", session).stdout
    assert f"by key {key.fingerprint}, which this computer does not know\n" in said
    assert "compare it with the copy in your records" in said
    stranger = bench_key("another bench")
    done = lab.cli("verify", session, "--key", stranger.public_file)
    assert done.returncode == 5
    assert f"is signed by the key {key.fingerprint}, not by {stranger.fingerprint}" in done.stderr


def test_what_was_altered_is_named_and_json_stands_alone(session: Path, lab: Lab) -> None:
    with h5py.File(session, "r+") as file:
        file["entry/capture_device_monitor_exposure/codes"][0, 70_000] += 1
    done = lab.cli("verify", session, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["kind"], error["exit_status"]) == (5, "RecordAlteredError", 5)
    assert "attempt 1 at step 2 (1/0001): the codes of 'device_monitor', exposure" in error["message"]
    assert "attempt 1 at step 2 (1/0001)" in done.stderr


def test_a_folder_is_verified_but_shows_no_signature(lab: Lab) -> None:
    key = bench_key(BENCH)
    plan = ({"step_id": "1/0001"},)
    header = new_header(title="[bold]Half", plan=plan, configuration={}, signing_key=key.public)
    SessionFolder.create(lab.session, header).close()
    done = lab.cli("verify", lab.session)
    assert done.returncode == 0, done.stderr
    assert "session folder, not sealed" in done.stdout
    assert "[bold]Half" in done.stdout
    assert "not sealed yet, so not signed" in done.stdout
    done = lab.cli("verify", lab.session, "--key", key.public_file)
    assert done.returncode == 5
    assert "is not signed by the key" in done.stderr
    assert "a session is signed when it is sealed" in done.stderr


def test_a_session_that_is_not_signed_is_plainly_said_to_be(lab: Lab) -> None:
    old = Path(__file__).parents[1] / "data" / "format_1" / "sealed.h5"
    done = lab.cli("verify", old)
    assert done.returncode == 0, done.stderr
    assert "signature       not signed\n" in done.stdout
    assert "nothing shows that the bench wrote it" in done.stdout
    assert lab.cli("verify", old, "--key", bench_key(BENCH).public_file).returncode == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "there is no session at nothing"),
        (["configs.h5"], "it is not sealed yet, and still the folder configs"),
        (["configs"], "configs holds no session"),
        (["session", "--key", "nothing.pem"], "the key nothing.pem cannot be read"),
        (["session", "--key", "configs/campaigns/demo.yaml"], "demo.yaml holds no public Ed25519 key"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_no_altered_record(lab: Lab, arguments: list[str], said: str) -> None:
    done = lab.cli("verify", *arguments)
    assert said in done.stderr
    assert done.returncode == 2


def test_a_key_is_made_and_told_or_refused_before_the_bench_is_connected(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIMDLAB_KEYS", str(lab.campaign))  # a file
    done = lab.cli("run", lab.campaign, "--session", lab.session, "--attach", "127.0.0.1:1")
    assert done.returncode == 2, done.stderr
    assert f"the bench's key {lab.campaign / BENCH}.pem cannot be read or made" in done.stderr
    assert not lab.session.exists()
    monkeypatch.setenv("AIMDLAB_KEYS", str(tmp_path / "fresh"))
    done = lab.cli("run", lab.campaign, "--session", lab.session, "--attach", "127.0.0.1:1")
    assert done.returncode == 3, done.stderr
    key = bench_key(BENCH)
    assert not key.made
    assert f"to be signed with the bench's key {key.fingerprint}, which is new:" in done.stderr


def test_a_new_key_is_told_and_where_its_public_half_lies(
    recorded: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert recorded[1]["signing_key"]["made_now"] is True
    monkeypatch.setenv("AIMDLAB_KEYS", str(tmp_path / "new keys"))
    key = bench_key(BENCH)
    words = signed_with(key)
    assert words.startswith(f"signed with the bench's key {key.fingerprint}, which is new:\n")
    assert f"keep a copy of {key.public_file} with the quality records" in words
    assert signed_with(bench_key(BENCH)) == f"signed with the bench's key {key.fingerprint}"
