"""PyMeasure's Agilent33500, unmodified, drives the simulated 33500B: every property and every method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pymeasure.instruments.agilent import Agilent33500

from patience import LIMIT_S

pytestmark = [pytest.mark.peers, pytest.mark.usefixtures("no_errors")]

# Property, value set, value that must come back.
SETTINGS: list[tuple[str, object, object]] = [
    ("shape", "RAMP", "RAMP"),
    ("ramp_symmetry", 30.0, 30.0),
    ("shape", "SQU", "SQU"),
    ("square_dutycycle", 20.0, 20.0),
    ("shape", "PULS", "PULS"),
    ("pulse_period", 2e-3, 2e-3),
    ("pulse_hold", "DCYC", "DCYC"),
    ("pulse_width", 5e-4, 5e-4),
    ("pulse_dutycycle", 10.0, 10.0),
    ("pulse_transition", 2e-8, 2e-8),
    *[("shape", shape, shape) for shape in ("TRI", "PRBS", "NOIS", "ARB", "DC", "SIN")],
    ("frequency", 12345.0, 12345.0),
    ("amplitude", 1.5, 1.5),
    ("amplitude_unit", "VRMS", "VRMS"),
    ("amplitude_unit", "DBM", "DBM"),
    ("amplitude_unit", "VPP", "VPP"),
    ("offset", -0.25, -0.25),
    ("voltage_high", 2.0, 2.0),
    ("voltage_low", -1.0, -1.0),
    ("phase", 90.0, 90.0),
    ("output_load", 75, 75.0),
    ("output_load", "INF", 9.9e37),
    ("output", True, True),
    ("output", "off", False),
    ("burst_period", 0.5, 0.5),
    ("burst_ncycles", 12, 12),
    ("burst_mode", "GAT", "GAT"),
    ("burst_mode", "TRIG", "TRIG"),
    ("burst_state", True, True),
    ("burst_state", False, False),
    ("arb_advance", "TRIG", "TRIG"),
    ("arb_advance", "SRAT", "SRAT"),
    ("arb_filter", "OFF", "OFF"),
    ("arb_srate", 2e6, 2e6),
]


@pytest.fixture
def generator(resource: Callable[[str], str]) -> Iterator[Agilent33500]:
    instrument = Agilent33500(resource("generator"), visa_library="@py", read_termination="\n", write_termination="\n")
    instrument.adapter.connection.timeout = 1000 * LIMIT_S
    yield instrument
    instrument.adapter.close()


def properties_of(owner: object) -> set[str]:
    return {name for name in dir(type(owner)) if isinstance(getattr(type(owner), name, None), property)}


@pytest.mark.parametrize("which", ["instrument", "ch_1", "ch_2"])
def test_every_setting_comes_back(generator: Agilent33500, which: str) -> None:
    target = generator if which == "instrument" else getattr(generator, which)
    for name, value, expected in SETTINGS:
        setattr(target, name, value)
        found = getattr(target, name)
        assert found == (pytest.approx(expected) if isinstance(expected, float) else expected), name


def test_the_list_of_settings_is_complete(generator: Agilent33500) -> None:
    tested = {name for name, _, _ in SETTINGS} | {"arb_file"}
    channel_only = properties_of(generator.ch_1) - {"check_errors"}
    assert {name for name in channel_only if not name.startswith("_")} <= tested


@pytest.mark.parametrize(
    ("data_format", "points"), [("DAC", [0, 32767, -32767, 5, 6, 7, 8, 9, 10]), ("float", [0, 1.0, -1.0, 0.5] * 3)]
)
def test_arbitrary_waveforms(generator: Agilent33500, data_format: str, points: list[float]) -> None:
    generator.data_volatile_clear()
    generator.data_arb("test", points, data_format=data_format)
    generator.arb_file = "test"
    assert "TEST" in generator.arb_file.upper()
    generator.ch_2.data_volatile_clear()
    generator.ch_2.data_arb("other", points, data_format=data_format)
    generator.ch_2.arb_file = "other"
    assert "OTHER" in generator.ch_2.arb_file.upper()


def test_trigger_and_wait(generator: Agilent33500) -> None:
    generator.trigger_source = "BUS"
    assert generator.trigger_source == "BUS"
    generator.burst_ncycles = 3
    generator.burst_state = True
    generator.output = True
    generator.trigger()
    generator.wait_for_trigger()


def test_the_rest(generator: Agilent33500) -> None:
    assert "33522B" in generator.id
    assert generator.options
    generator.phase_sync()
    generator.display = "aimdlab"
    generator.clear_display()
    generator.beep()
    for value in (True, False):
        generator.ext_trig_out = value
        assert generator.ext_trig_out is value
    assert generator.status is not None
    assert generator.complete
    generator.clear()
    generator.reset()
    assert generator.check_errors() == []
