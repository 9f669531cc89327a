"""What a scenario file may say, and how it is told what it must not; the files that ship."""

from pathlib import Path

import pytest

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.faults import Places, load_scenario
from aimdlab_simulators.faults.kinds import KINDS
from aimdlab_simulators.process import places_of
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world

ROOT = Path(__file__).parents[2]
PLACES = Places(["generator", "oscilloscope"], {"amplifier": ("drift", "trip"), "oscilloscope.1": ("unplug",)})
RANDOM = "random: {seed: 1, probability: 1 %, faults: [{"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fault: [drop]", "line 2, key fault: unknown key. Did you mean 'faults'?"),
        ("faults:\n  - {instrument: generator}", "line 3, key faults[0].fault: this key is missing"),
        ("faults:\n  - {fault: drop, instrument: generator}\n  - {fault: drop}", "line 4, key faults[1].instrument: this key"),
        ("faults:\n  - {fault: drop, instrument: gen}", "line 3, key faults[0].instrument: there is no 'gen'"),
        ("faults:\n  - {fault: drop, instrument: generator, by: 1 s}", "key faults[0].by: unknown key"),
        ("faults:\n  - {fault: drop, instrument: generator, node: x}", "befalls an instrument, not a node"),
        ("faults:\n  - {fault: late, instrument: generator, by: 3}", "key faults[0].by: a unit is missing"),
        ("faults:\n  - {fault: hang, instrument: generator, for: 3 V}", "key faults[0].for: expected a value like '3 s'"),
        ("faults:\n  - {fault: hang, instrument: generator, for: 0}", "greater than or equal to 1"),
        ("faults:\n  - {fault: hang, instrument: generator, for: 0.5}", "a whole number of messages or a time"),
        ("faults:\n  - {fault: hang, instrument: generator, attempt: 2}", "an attempt is one at a step"),
        ("faults:\n  - {fault: error, instrument: generator, text: 'a\"b'}", "key faults[0].text"),
        ("faults:\n  - {fault: trip}", "key faults[0].node: this key is missing; known here: amplifier"),
        ("faults:\n  - {fault: overheat, node: amplifier}", "known here: none in this world"),
        ("faults:\n  - {fault: trip, node: amplifier, message: 3}", "key faults[0].instrument: this key is missing"),
        ("faults:\n  - {fault: unplug, node: oscilloscope.2}", "Did you mean 'oscilloscope.1'?"),
        (RANDOM + "fault: drop, step: a}]}", "when drop comes is drawn; leave out step"),
        (RANDOM + "fault: drop, instrument: x}]}", "key random.faults[0].instrument: there is no 'x'"),
        (RANDOM + "fault: trip, node: x}]}", "key random.faults[0].node: there is no 'x'"),
        ("random: {seed: 1, probability: 2, faults: []}", "key random.probability"),
        ("random: {seed: 1, probability: 1 %, instruments: [x], faults: [{fault: drop}]}", "random.instruments[0]: there"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(f"aimdlab: scenario/1\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_scenario(path, PLACES)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


def test_another_file_is_no_scenario() -> None:
    with pytest.raises(ConfigurationError, match=r"key aimdlab: expected 'scenario/1'"):
        load_scenario(ROOT / "configs/worlds/robust_pacemaker.yaml", PLACES)


SHIPPED = sorted((ROOT / "configs/scenarios").glob("*.yaml"))
WORLDS = [
    *("robust_pacemaker", "annex_d_pacemaker", "annex_d_susceptible", "annex_d_switched_amplifier"),
]  # fmt: skip


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("world", WORLDS)
def test_the_files_that_ship_fit_the_worlds_that_ship(path: Path, world: str) -> None:
    loaded = load_world(ROOT / f"configs/worlds/{world}.yaml", Timebase(held=True))
    scenario = load_scenario(path, places_of(loaded))
    assert scenario.text == path.read_text(encoding="utf-8")
    assert scenario.faults or scenario.random


def test_every_kind_is_in_the_random_one_and_in_the_description() -> None:
    places = Places(["generator"], {"amplifier": ("drift", "trip", "overheat"), "oscilloscope.1": ("unplug",)})
    random = load_scenario(ROOT / "configs/scenarios/every_fault_at_random.yaml", places).random
    assert random is not None
    assert {one.fault for one in random.faults} == set(KINDS)
    described = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| `{kind}`" not in described] == []
