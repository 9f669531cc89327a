"""QCoDeS' Keysight33522B, unmodified, drives the simulated 33500B: every parameter and every function."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from qcodes.instrument_drivers.Keysight import Keysight33522B

from patience import LIMIT_S

pytestmark = [pytest.mark.peers, pytest.mark.usefixtures("no_errors")]

VALUES: dict[str, list[object]] = {
    "function_type": ["SQU", "TRI", "RAMP", "PULS", "PRBS", "NOIS", "ARB", "DC", "SIN"],
    "frequency_mode": ["LIST", "FIXED", "CW"],
    "frequency": [1e-6, 2e3],
    "phase": [0, 180],
    "amplitude_unit": ["VRMS", "DBM", "VPP"],
    "amplitude": [0.5],
    "offset": [0.1],
    "output": ["ON", "OFF"],
    "ramp_symmetry": [25],
    "pulse_width": [1e-4],
    "trigger_source": ["EXT", "TIM", "BUS", "IMM"],
    "trigger_slope": ["NEG", "POS"],
    "trigger_count": [5, 1],
    "trigger_delay": [0.5, 0],
    "trigger_timer": [2.0],
    "output_polarity": ["INV", "NORM"],
    "burst_int_period": [1.0],
    "burst_mode": ["Gated", "N Cycle"],
    "burst_ncycles": [7],
    "burst_phase": [-90, 0],
    "burst_polarity": ["INV", "NORM"],
    "burst_state": ["ON", "OFF"],
}


@pytest.fixture
def generator(resource: Callable[[str], str]) -> Iterator[Keysight33522B]:
    instrument = Keysight33522B("generator", resource("generator"), visalib="@py", silent=True, timeout=LIMIT_S)
    yield instrument
    instrument.close()


@pytest.mark.parametrize("channel", ["ch1", "ch2"])
def test_every_parameter_comes_back(generator: Keysight33522B, channel: str) -> None:
    target = getattr(generator, channel)
    assert set(target.parameters) == set(VALUES)
    for name, values in VALUES.items():
        parameter = target.parameters[name]
        for value in values:
            parameter(value)
            found = parameter.get()
            short = {"FIXED": "FIX"}.get(str(value), value)
            assert found == (pytest.approx(short) if isinstance(short, float) else short), name
    target.parameters["burst_ncycles"]("INF")
    assert target.parameters["burst_ncycles"].get() == float("inf")
    target.parameters["frequency_mode"]("SWEEP")


def test_snapshot_sync_and_functions(generator: Keysight33522B) -> None:
    generator.sync.output("OFF")
    assert generator.sync.output.get() == "OFF"
    generator.sync.source(2)
    assert generator.sync.source.get() == 2
    generator.snapshot(update=True)
    generator.sync_channel_phases()
    generator.ch1.trigger_source("BUS")
    generator.ch1.burst_state("ON")
    generator.force_trigger()
    assert generator.error()[0] == 0
    generator.flush_error_queue(verbose=False)
    assert generator.IDN()["model"] == "33522B"
