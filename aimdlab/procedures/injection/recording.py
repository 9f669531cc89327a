"""What recording the steps of one test takes of time and storage; steps that are recorded alike share the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from aimdlab.bench.roles import ScopeSetup
from aimdlab.config.loading import problem
from aimdlab.errors import InstrumentError
from aimdlab.procedures.injection.captures import (
    CaptureSettings,
    Parts,
    ShownPulse,
    exposure_setup,
    verify_setup,
    watched_s,
)
from aimdlab.procedures.protocol import Subject
from aimdlab.signals.injected import InjectedSignal

_BYTES_PER_SAMPLE = 2

_MOST_RATE_HZ = 1.25e6
"""Up to this rate exposures behind a network with a memory, and those that the generator's Sync output triggers, are
shown to be told apart (``tests/scoring/test_fast_exposures.py``)."""


@dataclass(frozen=True)
class Recording:
    """One acquisition of the oscilloscope.

    Attributes:
        recorded_s: its window, what is before the trigger included.
        storage_bytes: of all its inputs, before compression.
    """

    recorded_s: float
    storage_bytes: int


class Recordings:
    """The acquisitions of one test, each asked of the oscilloscope's driver.

    Raises:
        ConfigurationError: the oscilloscope cannot do one, with file and key of the test.
    """

    def __init__(self, subject: Subject, parts: Parts, settings: CaptureSettings) -> None:
        self._subject, self._parts, self._settings = subject, parts, settings
        self._verify: Callable[[float, float, int], Recording] = cache(self._verify_anew)
        self._exposure: Callable[[ShownPulse, float, float, bool], Recording] = cache(self._exposure_anew)
        self._watched_s: Callable[[float], float] = cache(self._watched_anew_s)

    def verify(self, level_v: float, signal: InjectedSignal) -> Recording:
        """Of the burst that proves the level."""
        return self._verify(level_v, signal.burst_s, signal.cycles)

    def exposure(self, pulse: ShownPulse, level_v: float, exposed_s: float, *, triggered: bool) -> Recording:
        """Of the exposure itself; without a signal nothing triggers it."""
        return self._exposure(pulse, level_v, exposed_s, triggered)

    def _verify_anew(self, level_v: float, burst_s: float, cycles: int) -> Recording:
        return self._asked(verify_setup(self._parts, self._settings, level_v, burst_s, cycles))

    def _exposure_anew(self, pulse: ShownPulse, level_v: float, exposed_s: float, triggered: bool) -> Recording:
        margin_s = self._watched_s(pulse.interval_s)
        setup = exposure_setup(self._parts, self._settings, pulse, level_v, exposed_s, margin_s, triggered=triggered)
        recording = self._asked(setup)
        self._refuse_too_fast(recording.storage_bytes / _BYTES_PER_SAMPLE / len(setup.channels) / recording.recorded_s)
        return recording

    def _refuse_too_fast(self, rate_hz: float) -> None:
        """ConfigurationError if the exposure would be recorded finer than the scoring is shown to work with."""
        needed = [
            what
            for what, is_there in (
                ("the device monitor of this network lags", self._parts.path.monitored.monitor_lag_s > 0),
                ("the oscilloscope is triggered externally", self._parts.external_trigger_v is not None),
            )
            if is_there
        ]
        if needed and rate_hz > _MOST_RATE_HZ:
            text = (
                f"the oscilloscope would take {rate_hz / 1e3:.4g} kHz, but {' and '.join(needed)}: above "
                f"{_MOST_RATE_HZ / 1e3:g} kHz it is not shown that an exposure can be proven. Ask for less; it takes "
                "the next of its numbers of samples."
            )
            raise problem(self._subject.test.source, ("captures", "exposure_rate"), text)

    def _watched_anew_s(self, interval_s: float) -> float:
        return watched_s(self._subject.device.file, interval_s)

    def _asked(self, setup: ScopeSetup) -> Recording:
        try:
            samples = self._parts.oscilloscope.check_setup(setup) * len(setup.channels)
        except InstrumentError as error:
            what = f"cannot be recorded on this bench. {error}"
            raise problem(self._subject.test.source, ("captures",), what) from error
        return Recording(setup.pre_trigger_s + setup.span_s, samples * _BYTES_PER_SAMPLE)
