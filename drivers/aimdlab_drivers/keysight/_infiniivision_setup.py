"""From what shall be recorded to InfiniiVision settings, and from the preamble to volts and seconds; sends nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from aimdlab.bench.roles import ScopeChannel, ScopeSetup, TriggerEdge
from aimdlab_drivers.keysight._infiniivision_models import Series
from aimdlab_drivers.scpi import number

DIVISIONS = 8
_HEADROOM_V = 1.1  # range over what must fit: gain and offset errors, noise, overshoot at steps
_HEADROOM_T = 1.01  # window over what must be recorded: resolution of the time base settings
_LONGEST_WINDOW_S = 500.0
_SHORTEST_WINDOW_S = 50e-9
_HIGH_RESOLUTION_FROM_S = 200e-6
_TRIGGER_REACH = 0.75  # of the range, from the middle of the screen
_OUT_OF_REACH = 0.7
EXTERNAL_RANGE_V = 8.0  # the one range of the external trigger input that every series has; levels reach this far
_WORD_FORMAT = 1  # first field of the preamble


@dataclass(frozen=True)
class Settings:
    """Settings that are sent together, or not at all if the instrument holds them already.

    Attributes:
        of: what they are settings of; one of them is held at a time.
        commands: in their order.
        within: the range that the instrument keeps them within; with another one they are sent anew.
    """

    of: str
    commands: tuple[str, ...]
    within: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A setup as the instrument's settings.

    Attributes:
        setup: what was asked.
        window_s: length of the record.
        position_s: time of its middle after the trigger.
        points: samples of each input.
        ranges_v: full-scale range of each input of ``setup``, in its order.
        trigger_source: the input whose edge triggers, or the external trigger input.
        trigger_level_v: level there.
    """

    setup: ScopeSetup
    window_s: float
    position_s: float
    points: int
    ranges_v: tuple[float, ...]
    trigger_source: int | Literal["external"]
    trigger_level_v: float

    def range_v(self, channel: int) -> float | None:
        """Full-scale range of ``channel``, or None if it is not recorded."""
        for entry, range_v in zip(self.setup.channels, self.ranges_v, strict=True):
            if entry.channel == channel:
                return range_v
        return None

    @property
    def trigger_range_v(self) -> float:
        """Full-scale range of the trigger source."""
        if self.trigger_source == "external":
            return EXTERNAL_RANGE_V
        return self.range_v(self.trigger_source) or 0.0

    def settings(self, channels: int) -> tuple[Settings, ...]:
        """Every setting, for a model with ``channels`` inputs, in the order in which they are sent."""
        used = {entry.channel for entry in self.setup.channels}
        unused = (channel for channel in range(1, channels + 1) if channel not in used)
        inputs = zip(self.setup.channels, self.ranges_v, strict=True)
        return (
            *(Settings(f"CHAN{channel}", (f"CHAN{channel}:DISP OFF",)) for channel in unused),
            *(part for entry, range_v in inputs for part in _input_settings(entry.channel, range_v)),
            Settings("ACQ", (f"ACQ:TYPE {'HRES' if self.window_s >= _HIGH_RESOLUTION_FROM_S else 'NORM'}",)),
            Settings("TIM", ("TIM:MODE MAIN", "TIM:REF CENT")),
            Settings("TIM window", (f"TIM:RANG {number(self.window_s)}", f"TIM:POS {number(self.position_s)}")),
            *self._trigger_settings(),
        )

    def _trigger_settings(self) -> tuple[Settings, ...]:
        falling = self.setup.trigger_edge is TriggerEdge.FALLING
        external = self.trigger_source == "external"
        source = "EXT" if external else f"CHAN{self.trigger_source}"
        trigger = Settings(
            "TRIG",
            (
                "TRIG:MODE EDGE",
                f"TRIG:EDGE:SOUR {source}",
                f"TRIG:EDGE:SLOP {'NEG' if falling else 'POS'}",
                f"TRIG:EDGE:LEV {number(self.trigger_level_v)}{',EXT' if external else ''}",
                "TRIG:SWE NORM",
            ),
            within=self.trigger_range_v,
        )
        if not external:
            return (trigger,)
        return Settings("EXT", ("EXT:PROB 1", "EXT:UNIT VOLT", f"EXT:RANG {number(EXTERNAL_RANGE_V)}")), trigger


@dataclass(frozen=True)
class Preamble:
    """What ``:WAVeform:PREamble?`` says: ``volts = code * scale_v + offset_v`` at ``t0_s + i * dt_s``."""

    points: int
    dt_s: float
    t0_s: float
    scale_v: float
    offset_v: float

    @classmethod
    def parse(cls, reply: str) -> Preamble:
        """Read the ten fields; ValueError if they are not those of a record in WORD format."""
        fields = [float(field) for field in reply.split(",")]
        if len(fields) != 10 or not all(math.isfinite(field) for field in fields):
            raise ValueError("it does not have ten numbers")
        form, _, points, _, dt_s, x_origin_s, x_reference, scale_v, y_origin_v, y_reference = fields
        if form != _WORD_FORMAT or points < 2 or points != int(points) or dt_s <= 0 or scale_v <= 0:
            raise ValueError("it does not describe a record of 16-bit words")
        return cls(
            points=int(points),
            dt_s=dt_s,
            t0_s=x_origin_s - x_reference * dt_s,
            scale_v=scale_v,
            offset_v=y_origin_v - y_reference * scale_v,
        )

    def shortfall(self, setup: ScopeSetup) -> str:
        """What of ``setup`` the record does not fulfil, or ""."""
        end_s = self.t0_s + (self.points - 1) * self.dt_s
        if self.is_too_coarse(setup):
            return f"{1 / self.dt_s:g} samples per second instead of {setup.sample_rate_hz:g}"
        if self.t0_s > -setup.pre_trigger_s + self.dt_s or end_s < setup.span_s - self.dt_s:
            return f"{self.t0_s:g} s to {end_s:g} s instead of {-setup.pre_trigger_s:g} s to {setup.span_s:g} s"
        return ""

    def is_too_coarse(self, setup: ScopeSetup) -> bool:
        """True if there are fewer samples per second than asked; rounding of the last digits forgiven."""
        return self.dt_s * setup.sample_rate_hz > 1 + 1e-6


def plan(setup: ScopeSetup, series: Series, channels: int) -> Plan:
    """The settings for ``setup``; ValueError says what the model can do instead."""
    inputs = tuple(entry.channel for entry in setup.channels)
    if not inputs or len(set(inputs)) != len(inputs) or not set(inputs) <= set(range(1, channels + 1)):
        raise ValueError(f"it records one or more of its inputs 1 to {channels}, each once, not {inputs}")
    shared = any({pair, pair + 1} <= set(inputs) for pair in (1, 3))
    window_s = _window_s(setup)
    points = _points(setup, window_s, series, shared=shared)
    ranges_v = tuple(_range_v(entry, series) for entry in setup.channels)
    source: int | Literal["external"]
    if setup.trigger_source is None:
        # Nothing may trigger but :TRIG:FORC: the level stands outside the screen.
        source, level_v = inputs[0], _OUT_OF_REACH * ranges_v[0]
    else:
        source, level_v = setup.trigger_source, setup.trigger_level_v
        if source == "external":
            reach_v = EXTERNAL_RANGE_V
        elif source in inputs:
            reach_v = _TRIGGER_REACH * ranges_v[inputs.index(source)]
        else:
            raise ValueError(f"it can only trigger on an input that it records, not on {source}")
        if not abs(level_v) <= reach_v:
            raise ValueError(f"its trigger level can be up to {reach_v:g} V in this range, not {level_v:g} V")
    return Plan(
        setup=setup,
        window_s=window_s,
        position_s=(setup.span_s - setup.pre_trigger_s) / 2,
        points=points,
        ranges_v=ranges_v,
        trigger_source=source,
        trigger_level_v=level_v,
    )


def _window_s(setup: ScopeSetup) -> float:
    window_s = _HEADROOM_T * (setup.span_s + setup.pre_trigger_s)
    if not (setup.span_s > 0 and setup.pre_trigger_s >= 0 and _SHORTEST_WINDOW_S <= window_s <= _LONGEST_WINDOW_S):
        raise ValueError(
            f"it records windows of {_SHORTEST_WINDOW_S:g} s to {_LONGEST_WINDOW_S:g} s, "
            f"not {setup.pre_trigger_s:g} s before and {setup.span_s:g} s after the trigger"
        )
    return window_s


def _points(setup: ScopeSetup, window_s: float, series: Series, *, shared: bool) -> int:
    memory = series.memory_points // (2 if shared and series.pools else 1)
    if not 0 < setup.sample_rate_hz <= series.max_rate_hz:
        raise ValueError(f"it takes up to {series.max_rate_hz:g} samples per second, not {setup.sample_rate_hz:g}")
    wanted = setup.sample_rate_hz * window_s
    points = next((points for points in series.raw_points if points >= wanted), None)
    if points is None or points > memory:
        raise ValueError(
            f"its memory holds {memory} samples of each of these inputs: {memory / window_s:.4g} per second over "
            f"{window_s:.4g} s, not {setup.sample_rate_hz:g}"
        )
    return points


def _range_v(entry: ScopeChannel, series: Series) -> float:
    largest_v = series.max_range_v / (2 * _HEADROOM_V)
    if not 0 < entry.full_scale_v <= largest_v:
        raise ValueError(
            f"input {entry.channel} takes up to {largest_v:.4g} V peak with a 1:1 probe, not {entry.full_scale_v:g} V; "
            "use a dividing probe and say so in the factor of the monitor"
        )
    return max(2 * _HEADROOM_V * entry.full_scale_v, series.min_range_v)


def _input_settings(channel: int, range_v: float) -> tuple[Settings, ...]:
    # The probe factor first: the instrument scales the other settings with it.
    name = f"CHAN{channel}"
    return (
        Settings(
            name,
            (
                *(f"{name}:DISP ON", f"{name}:PROB 1", f"{name}:COUP DC"),
                *(f"{name}:IMP ONEM", f"{name}:BWL OFF", f"{name}:INV OFF"),
            ),
        ),
        Settings(f"{name} range", (f"{name}:RANG {number(range_v)}", f"{name}:OFFS 0")),
    )
