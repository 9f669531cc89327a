"""The simulated switch unit with its digital ports, alone and wired to an amplifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.switch_unit_34970a import Simulated34970A
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import World, load_world

WORLD = """\
aimdlab: world/1
seed: 3
instruments:
  generator: {model: g, variant: 33522B, serial: MY1, firmware: "1", transport: socket}
  unit: {model: u, variant: 34972A, serial: MY2, firmware: "1", transport: socket, modules: {200: 34907A}}
nodes:
  amplifier: {kind: voltage_amplifier, input: generator.1, gain: 4, bandwidth: "1 MHz", clip: "40 V"}
wires:
  amplifier.enable: unit.201.0
  amplifier.reset: unit.201.1
  unit.202.0: amplifier.fault
  unit.202.1: amplifier.over_temperature
"""
SIMULATORS = {"g": Simulated33500B, "u": Simulated34970A}


class Lab:
    def __init__(self, folder: Path, text: str = WORLD) -> None:
        path = folder / "world.yaml"
        path.write_text(text, encoding="utf-8")
        self.time = Timebase()
        self.time.claim()
        self.world: World = load_world(path, self.time, SIMULATORS)
        self.unit = self.world.instruments["unit"]

    def __call__(self, message: str) -> str:
        answer = self.unit.handle(message.encode())
        return "" if answer is None else answer.decode()

    def amplifier(self) -> dict[str, object]:
        state = self.world.observe()["amplifier"]
        assert isinstance(state, dict)
        return state


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_says_what_is_plugged_in(lab: Lab) -> None:
    assert lab("*IDN?") == "Agilent Technologies,34972A,MY2,1"
    assert lab("SYST:CTYP? 200") == "Agilent Technologies,34907A,0,1.0"
    assert lab("SYSTem:CTYPe? 300") == "Agilent Technologies,0,0,0"
    assert lab("SYST:CTYP? 150;:SYST:ERR?") == '-222,"Data out of range"'


def test_a_port_that_is_written_drives_and_one_that_is_read_lets_go(lab: Lab) -> None:
    assert lab("SOUR:DIG:STAT? (@201,202)") == "0,0"
    lab("SOUR:DIG:DATA:BYTE 254,(@201)")
    assert lab("SOUR:DIG:STAT? (@201:202);DATA:BYTE? (@201)") == "1,0;254"
    assert lab.amplifier()["enabled"] is True
    assert lab("SENS:DIG:DATA:BYTE? (@201)") == "+2.55000000E+02"
    assert lab.amplifier()["enabled"] is False
    assert lab("source:digital:state? (@201)") == "0"
    lab("SOUR:DIG:DATA:WORD #H1234,(@201)")
    assert lab("SOUR:DIG:DATA? (@201,202);:SOUR:DIG:DATA:WORD? (@201)") == f"{0x34},{0x12};{0x1234}"
    assert lab("SYST:ERR?") == '+0,"No error"'


@pytest.mark.parametrize("how", ["*RST", "SYST:CPON 200", "SYST:CPON ALL"])
def test_a_reset_makes_both_ports_inputs(lab: Lab, how: str) -> None:
    lab("SOUR:DIG:DATA 0,(@201,202)")
    lab(how)
    assert lab("SOUR:DIG:STAT? (@201,202)") == "0,0"
    assert lab.amplifier()["enabled"] is False
    assert lab("SYST:ERR?") == '+0,"No error"'


def test_after_a_power_cut_outputs_come_back_only_where_the_state_is_recalled(lab: Lab) -> None:
    lab("SOUR:DIG:DATA 254,(@201)")
    lab.unit.power_cycle()
    assert lab("MEM:STAT:REC:AUTO?;:SOUR:DIG:STAT? (@201)") == "1;1"
    assert lab.amplifier()["enabled"] is True
    lab("MEM:STAT:REC:AUTO OFF")
    lab.unit.power_cycle()
    assert lab("MEM:STAT:REC:AUTO?;:SOUR:DIG:STAT? (@201)") == "0;0"
    assert lab.amplifier()["enabled"] is False


def test_contacts_are_read_and_reset_clears(lab: Lab) -> None:
    def levels() -> int:
        return int(float(lab("SENS:DIG:DATA:BYTE? (@202)")))

    assert levels() == 0b11111100  # both contacts closed
    lab.world.disturb("amplifier", "overheat", **{"for": 10.0})
    assert levels() == 0b11111111
    lab("SOUR:DIG:DATA 253,(@201);DATA 255,(@201)")
    assert levels() == 0b11111111  # too hot to be reset
    lab.time.advance_to(11.0)
    assert levels() == 0b11111101
    lab("SOUR:DIG:DATA 253,(@201);DATA 255,(@201)")
    assert levels() == 0b11111100
    lab("FORM:READ:CHAN ON")
    assert lab("DIG:DATA:BYTE? (@202)") == "+2.52000000E+02,202"


def test_an_amplifier_may_have_its_lines_the_other_way_round(tmp_path: Path) -> None:
    active = ", active: {enable: high, fault: low}}"
    lab = Lab(tmp_path, WORLD.replace('clip: "40 V"}', 'clip: "40 V"' + active))
    assert lab.amplifier()["enabled"] is True  # at power-on: why a driver refuses such a line
    lab("SOUR:DIG:DATA 254,(@201)")
    assert lab.amplifier()["enabled"] is False
    assert lab("DIG:DATA? (@202)") == f"{0b11111101:+.8E}"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("SOUR:DIG:DATA 256,(@201)", -222),
        ("SOUR:DIG:DATA 1,(@101)", 302),
        ("SOUR:DIG:DATA 1,(@203)", 305),
        ("SOUR:DIG:DATA 1,201", -224),
        ("SOUR:DIG:DATA 1", -109),
        ("SOUR:DIG:DATA:WORD 1,(@202)", 305),
        ("SYST:CPON 400", -222),
    ],
)
def test_errors_are_queued_and_nothing_is_driven(lab: Lab, message: str, error: int) -> None:
    lab(message)
    assert lab("SYST:ERR?").startswith(f"{error:+d},")
    assert lab("SOUR:DIG:STAT? (@201,202)") == "0,0"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("200: 34907A", "150: 34907A", r"key instruments\.unit: .*slots are 100, 200 and 300"),
        ("200: 34907A", "200: 34901A", "no module '34901A'"),
        ("34972A", "34980A", "no variant '34980A'"),
        ('"1", transport: socket}', '"1", transport: socket, modules: {1: x}}', "nothing can be plugged into"),
        ("unit.201.0", "unit.201.8", r"key wires\.amplifier\.enable: .*no digital line 'unit\.201\.8'"),
        ("amplifier.fault", "amplifier.flaut", "no contact 'amplifier.flaut'. Did you mean 'amplifier.fault'"),
        ("unit.202.0:", "unit.102.0:", r"no oscilloscope input 'unit\.102\.0'. Did you mean 'unit\.202\.0'"),
    ],
)
def test_a_wrong_world_is_refused(tmp_path: Path, old: str, new: str, what: str) -> None:
    assert old in WORLD
    with pytest.raises(ConfigurationError, match=what):
        Lab(tmp_path, WORLD.replace(old, new))
