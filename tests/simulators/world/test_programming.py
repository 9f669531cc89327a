"""Normal and MR mode, and what a programmer reads: through the control socket of a real simulated bench."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aimdlab.bench.simulated import SimulatedBench
from aimdlab.errors import ConfigurationError, SimulationError
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import SimulatorError, Timebase
from aimdlab_simulators.world import World, load_world
from aimdlab_simulators.world.waveforms import Bursts, Constant

WORLDS = Path(__file__).parents[3] / "configs" / "worlds"
SIMULATORS = {"keysight_33500b": Simulated33500B, "keysight_infiniivision": SimulatedInfiniiVision}
NORMAL = {
    "program": "normal", "mode": "VVI", "rate_per_s": pytest.approx(70 / 60), "amplitude_v": 2.5,
    "pulse_width_s": pytest.approx(0.4e-3), "reset": False,
}  # fmt: skip
MR = {
    "program": "mr", "mode": "VOO", "rate_per_s": pytest.approx(1.0), "amplitude_v": 3.5,
    "pulse_width_s": pytest.approx(0.5e-3), "reset": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[SimulatedBench]:
    bench = SimulatedBench.start(WORLDS / "annex_d_mr_mode.yaml", hold_time=True)
    bench.claim_time()
    yield bench
    bench.close()


def test_it_is_programmed_and_read_over_the_control_socket(bench: SimulatedBench) -> None:
    assert bench.interrogate() == {"pacemaker": NORMAL}
    bench.program("mr")
    assert bench.interrogate() == {"pacemaker": MR}
    bench.advance(10.0)
    assert bench.ask("program", mode="normal", device="pacemaker")["programmed"] == ["pacemaker"]
    assert bench.interrogate() == {"pacemaker": NORMAL}
    assert bench.ask("state")["world"]["pacemaker"]["program"] == "normal"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"mode": "sleep"}, "no mode 'sleep'; there are normal and mr"),
        ({"mode": "mr", "device": "pacer"}, "no device 'pacer' answers; there are: pacemaker"),
        ({}, "'mode' is missing"),
    ],
)
def test_what_cannot_be_programmed_is_refused(bench: SimulatedBench, request_: dict[str, str], said: str) -> None:
    with pytest.raises(SimulationError, match=said):
        bench.ask("program", **request_)


class Lab:
    """A world whose time is ours."""

    def __init__(self, path: Path) -> None:
        self.time = Timebase(held=True)
        self.time.claim()
        self.world: World = load_world(path, self.time, SIMULATORS)
        self.output = self.world.instruments["generator"].outputs[1]  # type: ignore[attr-defined]
        self.k = self.world.instruments["oscilloscope"].inputs[2].signal  # type: ignore[attr-defined]

    def beats(self, start_s: float, end_s: float) -> np.ndarray:
        paced = self.k._parts[1]
        above = paced.samples(start_s, 5e-5, round((end_s - start_s) / 5e-5)) > 0.5
        return start_s + np.flatnonzero(~above[:-1] & above[1:]) * 5e-5

    def program(self, at_s: float, mode: str) -> None:
        self.time.advance_to(at_s)
        self.world.program(mode)

    def read(self, at_s: float) -> dict[str, str | float | bool]:
        self.time.advance_to(at_s)
        return self.world.interrogate()["pacemaker"]

    def inject(self, at_s: float, until_s: float, generator_v: float) -> None:
        self.time.advance_to(at_s)
        train = Bursts(Constant(generator_v), 1e-3, 0.1, 0.0)
        self.output.play(at_s, (at_s, train, at_s), (until_s, Constant(), until_s))
        self.time.advance_to(until_s)


def varied(tmp_path: Path, name: str, *changes: tuple[str, str]) -> Path:
    text = (WORLDS / f"{name}.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_mode_paces_with_its_own_rate_and_a_switch_loses_no_beat() -> None:
    lab = Lab(WORLDS / "annex_d_mr_mode.yaml")
    lab.program(20.0, "mr")
    lab.program(40.5, "normal")
    lab.time.advance_to(60.0)
    times = lab.beats(0.0, 60.0)
    assert np.diff(times[times < 20.0]) == pytest.approx(60 / 70, rel=0.01)
    assert np.diff(times[(times > 20.0) & (times < 40.5)]) == pytest.approx(1.0, rel=0.01)
    assert np.diff(times[times > 40.5]) == pytest.approx(60 / 70, rel=0.01)
    # The cycle in hand ends with the new interval, but not before the switch.
    assert np.diff(times).max() < 1.01


def test_a_beat_that_the_new_interval_makes_overdue_comes_at_the_switch() -> None:
    lab = Lab(WORLDS / "annex_d_mr_mode.yaml")
    lab.program(0.0, "mr")
    lab.program(5.95, "normal")  # 0.95 s after a beat; the normal interval is 0.857 s
    lab.time.advance_to(8.0)
    after = lab.beats(4.5, 8.0)
    assert after[0] == pytest.approx(5.0, abs=0.01)
    assert after[1] == pytest.approx(5.95, abs=1.5e-4)
    assert after[2] == pytest.approx(5.95 + 60 / 70, rel=0.01)


def test_only_the_normal_mode_is_inhibited() -> None:
    lab = Lab(WORLDS / "annex_d_mr_mode.yaml")
    lab.inject(10.0, 20.0, 0.5)
    assert lab.beats(11.0, 20.0).size == 0
    lab.program(21.0, "mr")
    lab.inject(25.0, 35.0, 7.5)
    assert lab.beats(25.0, 35.0).size == 10


def test_a_reset_leaves_both_modes_and_shows_until_the_end(tmp_path: Path) -> None:
    normal = 'normal_mode: {rate: "80 1/min", amplitude: "2 V"}\nwires:'
    lab = Lab(varied(tmp_path, "annex_d_resetting", ("\nwires:", f"\n    {normal}")))
    for k, mode in enumerate(("normal", "mr")):
        start_s = 100.0 * (k + 1)
        lab.program(start_s, mode)
        assert lab.read(start_s + 1.0)["program"] == mode
        lab.inject(start_s + 10.0, start_s + 10.5, 4.0)
        told = lab.read(start_s + 20.0)
        assert told == {
            "program": "default", "mode": "VVI", "rate_per_s": pytest.approx(65 / 60), "amplitude_v": 5.0,
            "pulse_width_s": pytest.approx(0.6e-3), "reset": True,
        }  # fmt: skip
        assert np.diff(lab.beats(start_s + 14.0, start_s + 20.0)) == pytest.approx(60 / 65, rel=0.01)
    lab.program(300.0, "normal")
    told = lab.read(310.0)
    assert (told["program"], told["reset"]) == ("normal", True)
    assert told["amplitude_v"] == 2.0
    assert np.diff(lab.beats(301.0, 310.0)) == pytest.approx(60 / 80, rel=0.01)


def test_a_device_with_one_mode_and_a_dummy_load(tmp_path: Path) -> None:
    lab = Lab(WORLDS / "annex_d_pacemaker.yaml")
    assert lab.world.program("mr") == []
    with pytest.raises(SimulatorError, match="pacemaker has one mode only"):
        lab.world.program("mr", "pacemaker")
    assert lab.read(1.0)["program"] == "mr"
    assert Lab(WORLDS / "annex_d_dummy_load.yaml").world.interrogate() == {}
    absent = varied(tmp_path, "annex_d_pacemaker", ("kind: pacemaker\n", "kind: pacemaker\n    present: false\n"))
    assert Lab(absent).world.interrogate() == {}


def test_mistakes_in_a_normal_mode_are_named(tmp_path: Path) -> None:
    path = varied(tmp_path, "annex_d_mr_mode", ("      mode: VVI\n", "      mode: VVT\n"))
    with pytest.raises(ConfigurationError, match=r"(?s)nodes\.pacemaker.*normal_mode: mode VVT needs an upper_rate"):
        load_world(path, Timebase(), SIMULATORS)
