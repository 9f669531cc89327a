"""The guarded source: between a procedure and a source of the bench, so that nothing above a ceiling is ever sent.

A procedure gets its signal generator from :meth:`aimdlab.bench.bench.Bench.play` only, and that is this one. Each load
is compared, as the waveform that is really sent, with every ceiling of the step in hand, after the gain that the drive
amplifier reports at that moment; the output is switched on and triggered only after such a load. What is refused was
not sent. A source of another kind (an RF generator) gets its guard here with its first user; until then it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from aimdlab.bench.ceilings import Shape, StepCeilings, exceeded
from aimdlab.bench.roles import GeneratorLimits, SignalGenerator, TriggeredGenerator, TriggerSource
from aimdlab.errors import CeilingError
from aimdlab.signals.waveform import Playable

_WHAT_NOW = (
    "Nothing of it was sent. The plan kept within the ceilings: look whether the amplifier's gain or the bench has "
    "changed since, then resume the session. If it comes again, it is a defect: report it."
)


@dataclass(frozen=True)
class _Loaded:
    """What was checked and sent: one volt of it to each ceiling, and its level."""

    per_volt: tuple[float, ...]
    peak_v: float


class SourceGuard:
    """What may be sent now: the step in hand, its ceilings, and what was loaded under them.

    Args:
        name: of the instrument that is guarded.
        channel: the one that plays the role.
        gain: asks the drive amplifier for its gain.

    Attributes:
        may_be_on: the output was switched on and, as far as is known, not off again.
    """

    def __init__(self, name: str, channel: int, gain: Callable[[], float]) -> None:
        self._name, self._channel, self._gain = name, channel, gain
        self._step = ""
        self._ceilings: StepCeilings | None = None
        self._loaded: _Loaded | None = None
        self.may_be_on = False

    def begin(self, step: str, ceilings: StepCeilings) -> None:
        """From now on the ceilings of ``step`` hold, and nothing counts as loaded."""
        self._step, self._ceilings, self._loaded = step, ceilings, None

    def forget(self) -> None:
        """Whatever was loaded must be loaded again: the bench was made safe."""
        self._loaded = None

    def is_off(self, channel: int) -> None:
        """The output of ``channel`` was switched off."""
        if channel == self._channel:
            self.may_be_on = False

    def clear_to_load(self, channel: int, waveform: Playable, peak_v: float) -> _Loaded:
        """Refuse with a CeilingError unless ``waveform`` with ``peak_v`` is within every ceiling."""
        self._loaded = None
        self._require_channel(channel)
        if self._ceilings is None:
            raise self._refused("no step is in hand, so that nothing says what may be sent.")
        # Not every number is a level, and one that compares with nothing must not pass for a small one.
        if not (math.isfinite(peak_v) and peak_v >= 0):
            raise self._refused(f"a peak of {peak_v!r} V was asked for.")
        loaded = _Loaded(self._ceilings.per_volt(Shape.of(waveform)), peak_v)
        self._require_below(loaded, self._ceilings)
        return loaded

    def take(self, loaded: _Loaded) -> None:
        """It was sent."""
        self._loaded = loaded

    def clear_to_play(self, channel: int, what: str) -> None:
        """Refuse with a CeilingError unless something was loaded in this step that is within every ceiling now."""
        self._require_channel(channel)
        if self._ceilings is None or self._loaded is None:
            raise self._refused(f"{what} was asked for, and nothing was loaded and checked in this step before.")
        self._require_below(self._loaded, self._ceilings)

    def _require_channel(self, channel: int) -> None:
        if channel != self._channel:
            raise self._refused(f"channel {channel} plays no part on this bench, channel {self._channel} does.")

    def _require_below(self, loaded: _Loaded, ceilings: StepCeilings) -> None:
        gain = self._gain()
        if not (math.isfinite(gain) and gain):
            raise self._refused(f"the drive amplifier reports a gain of {gain!r}.")
        above = exceeded(ceilings.demands(loaded.per_volt, loaded.peak_v, gain))
        if above:
            said = "; ".join(demand.describe() for demand in above)
            raise self._refused(f"{said}. {loaded.peak_v:.4g} V peak were asked for, the amplifier's gain is {gain:g}.")

    def _refused(self, why: str) -> CeilingError:
        where = f" in {self._step}" if self._step else ""
        return CeilingError(f"{self._name}: refused{where}: {why} {_WHAT_NOW}")


class GuardedGenerator:
    """A signal generator behind its guard; see :class:`aimdlab.bench.roles.SignalGenerator`."""

    def __init__(self, generator: SignalGenerator, guard: SourceGuard) -> None:
        self._generator, self._guard = generator, guard

    def limits(self) -> GeneratorLimits:
        """What it can play."""
        return self._generator.limits()

    def load(self, channel: int, waveform: Playable, peak_v: float) -> None:
        """Transfer ``waveform`` if it is within the ceilings; a CeilingError, with nothing sent, if it is not."""
        loaded = self._guard.clear_to_load(channel, waveform, peak_v)
        self._generator.load(channel, waveform, peak_v)
        self._guard.take(loaded)

    def set_repeats(self, channel: int, repeats: int) -> None:
        """Play the loaded waveform ``repeats`` times per trigger: mean powers are those of repeating for ever."""
        self._guard.clear_to_play(channel, "a number of repeats")
        self._generator.set_repeats(channel, repeats)

    def set_output(self, channel: int, on: bool) -> None:
        """Switch the output; on only after a load in this step."""
        if on:
            self._guard.clear_to_play(channel, "the output on")
            self._guard.may_be_on = True
        self._generator.set_output(channel, on)
        if not on:
            self._guard.is_off(channel)

    def trigger(self, channel: int) -> None:
        """Start one finite burst; only after a load in this step."""
        self._guard.clear_to_play(channel, "a burst")
        self._generator.trigger(channel)

    def stop(self, channel: int) -> None:
        """End the burst in progress."""
        self._generator.stop(channel)

    def make_safe(self) -> None:
        """Every output off."""
        self._guard.forget()
        self._generator.make_safe()


class GuardedTriggeredGenerator(GuardedGenerator):
    """A generator with a trigger input behind its guard."""

    def __init__(self, generator: TriggeredGenerator, guard: SourceGuard) -> None:
        super().__init__(generator, guard)
        self._triggered = generator

    def set_trigger(self, channel: int, source: TriggerSource, delay_s: float = 0.0) -> None:
        """Take triggers from ``source``; only after a load in this step."""
        self._guard.clear_to_play(channel, "another trigger")
        self._triggered.set_trigger(channel, source, delay_s)


def guarded(generator: SignalGenerator, guard: SourceGuard) -> GuardedGenerator:
    """``generator`` behind ``guard``, with a trigger input if it has one."""
    if isinstance(generator, TriggeredGenerator):
        return GuardedTriggeredGenerator(generator, guard)
    return GuardedGenerator(generator, guard)
