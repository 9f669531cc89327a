"""How much of the injected signal the device monitor shows, from a burst that the device's pulse does not hide.

A burst that coincides with the pulse can lie within it for its whole length: nothing there tells leak from pulse. The
share is therefore taken from the burst that proves the level, which comes whenever it comes, recorded on both monitors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimdlab.capture import Capture
from aimdlab.scoring.codes import FloatArray
from aimdlab.scoring.parameters import GradientInjectedScoring
from aimdlab.scoring.pulses import DevicePulse, find_pulses

_SIGMAS = 6.0
_STEPS = 2.0


@dataclass(frozen=True)
class LeakShown:
    """The leak.

    Attributes:
        problem: why it is not known, or "".
        coupling: device monitor over injection monitor.
        u_coupling: its standard uncertainty.
        is_measured: whether the share was seen; if not, it is what the bench file says, too small to be seen.
        pulses: pulses of the device in the capture.
    """

    problem: str
    coupling: float
    u_coupling: float
    is_measured: bool = False
    pulses: int = 0

    def volts_on(self, device: Capture, injection: Capture, burst: object) -> FloatArray:  # noqa: ARG002
        """What leaks into ``device``, without any offset, V, shape (n,)."""
        codes = injection.codes.astype(np.float64)
        volts: FloatArray = self.coupling * (codes * injection.scale + injection.offset)
        return volts


def measure_leak(device: Capture, injection: Capture, known: GradientInjectedScoring) -> LeakShown:
    """The leak of the verify burst; a share that is not what the bench file says is a problem."""
    pulse = DevicePulse(known.expected_pulse_amplitude_v, known.pulse_polarity)
    train = find_pulses(device, injection, pulse, known.expected_ivamp_v)
    if train.problem:
        return LeakShown(train.problem, math.nan, math.nan)
    expected = known.expected_coupling
    leak_v = abs(expected) * known.expected_ivamp_v
    if leak_v < _STEPS * train.step_v or abs(expected) <= _SIGMAS * train.u_coupling:
        # Too small to be measured: what the bench file says is taken away, its error is below the resolution.
        return LeakShown("", expected, known.coupling_tolerance * abs(expected), pulses=train.count)
    if abs(train.coupling - expected) > known.coupling_tolerance * abs(expected) + 3 * train.u_coupling:
        problem = (
            f"device monitor: shows {train.coupling:.3g} of the injected signal where {expected:.3g} is expected; "
            "check its cable, its factor in the bench file and how the injection network is connected"
        )
        return LeakShown(problem, train.coupling, train.u_coupling)
    return LeakShown("", train.coupling, train.u_coupling, is_measured=True, pulses=train.count)
