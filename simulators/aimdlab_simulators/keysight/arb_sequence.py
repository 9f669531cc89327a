"""Sequences of arbitrary waveforms (DATA:SEQuence) of a 33500 series generator: what is sent, stored and played."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.scpi import ScpiError
from aimdlab_simulators.scpi.argument import Argument
from aimdlab_simulators.world.signal import Volts
from aimdlab_simulators.world.steps import Steps, held_steps
from aimdlab_simulators.world.waveforms import Arbitrary, SampleTable, Waveform

_PLAYS = ("once", "onceWaitTrig", "repeat", "repeatInf", "repeatTilTrig")
_MARKERS = ("maintain", "lowAtStart", "highAtStart", "highAtStartGoLow")
_FIELDS = 5  # of a step: name, repeat count, play control, marker mode, marker point
_MOST_STEPS = 512
_MOST_REPEATS = 1_000_000
_FIRST_MARKER, _LAST_MARKER = 4, 3  # the marker point is 4 to (number of points - 3)
_MOST_CHANGES = 4_000_000  # of level within a sequence; for the computer's sake


class _StepText(NamedTuple):
    arb: str
    repeats: int
    play: str
    marker: str
    marker_point: int


@dataclass(frozen=True)
class SequenceText:
    """The content of the block of DATA:SEQuence, checked as far as it can be without the memory."""

    name: str
    steps: tuple[_StepText, ...]

    @classmethod
    def parse(cls, block: bytes) -> SequenceText:
        """Read ``"name","arb",repeats,play,marker,point,...``; the ScpiError for what is wrong.

        Names come with or without quotes. The instrument's own bounds of steps and repeats were not found.
        """
        try:
            (fields,) = csv.reader([block.decode("latin-1")], skipinitialspace=True, strict=True)
        except (csv.Error, ValueError):
            raise ScpiError(-161, "Invalid block data") from None
        name, *rest = [field.strip() for field in fields] or [""]
        if not name or not rest or len(rest) % _FIELDS:
            raise ScpiError(-109, "Missing parameter")
        if len(rest) > _FIELDS * _MOST_STEPS:
            raise ScpiError(-223, "Too much data")
        return cls(name, tuple(cls._step(*rest[at : at + _FIELDS]) for at in range(0, len(rest), _FIELDS)))

    @staticmethod
    def _step(arb: str, repeats: str, play: str, marker: str, point: str) -> _StepText:
        return _StepText(
            arb,
            Argument(repeats.encode("latin-1")).integer(0, _MOST_REPEATS),
            _word(play, _PLAYS),
            _word(marker, _MARKERS),
            Argument(point.encode("latin-1")).integer(),
        )

    def resolved(self, find: Callable[[str], SampleTable], shortest: int) -> Sequence:
        """The sequence with its points; the ScpiError if a step cannot be played."""
        tables = [self._playable(step, find(step.arb), shortest) for step in self.steps]
        steps: list[Step] = []
        for text, table in zip(self.steps, tables, strict=True):
            # "repeat" with a count of 0 is not documented; it plays once here.
            steps.append(Step(text.arb.upper(), table, max(1, text.repeats) if text.play == "repeat" else 1))
            if text.play == "onceWaitTrig":
                return Sequence.of(steps, stays=SampleTable(table.codes[-1:]))
            if text.play in ("repeatInf", "repeatTilTrig"):
                return Sequence.of(steps, stays=table)
        return Sequence.of(steps)

    @staticmethod
    def _playable(step: _StepText, table: SampleTable, shortest: int) -> SampleTable:
        if len(table) < shortest:
            raise ScpiError(-220, f"Parameter error; a segment has at least {shortest} points")
        if not _FIRST_MARKER <= step.marker_point <= len(table) - _LAST_MARKER:
            raise ScpiError(-222, "Data out of range")
        return table


@dataclass(frozen=True)
class Step:
    """A waveform of a sequence: its name, its points, how often it plays."""

    arb: str
    table: SampleTable
    repeats: int


@dataclass(frozen=True)
class Sequence:
    """What is stored.

    Attributes:
        steps: played one after the other without a gap.
        table: the same as points, repeats counted.
        stays: points that play for ever after the steps, which are then the last ones that are ever reached: all of the
            last step's for repeatInf and repeatTilTrig, its last one for onceWaitTrig. Nothing advances a sequence that
            waits: Ext Trig is not connected, and a bus trigger starts bursts only.
    """

    steps: tuple[Step, ...]
    table: SampleTable
    stays: SampleTable | None = None

    @classmethod
    def of(cls, steps: list[Step], stays: SampleTable | None = None) -> Sequence:
        """The sequence of ``steps``."""
        return cls(tuple(steps), SequenceTable([(step.table, step.repeats) for step in steps]), stays)

    def __len__(self) -> int:
        """Points of all steps, repeats counted (what the instrument itself answers was not found)."""
        return len(self.table)

    def waveform(self, rate_hz: float, scale: float, offset: float, turns: float) -> Waveform:
        """What plays from ``turns`` (0 to 1) of the sequence on; one that is endless plays from its beginning."""
        if self.stays is None:
            return Arbitrary(self.table, rate_hz, scale, offset, round(turns * len(self)) % len(self))
        before, after = (Arbitrary(table, rate_hz, scale, offset) for table in (self.table, self.stays))
        return _Followed(before, after, len(self) / rate_hz)

    def described(self) -> list[dict[str, object]]:
        """One entry for each step, for whoever observes the instrument."""
        return [{"arb": step.arb, "points": len(step.table), "repeats": step.repeats} for step in self.steps]


class _Part(NamedTuple):
    """Points of a table, again and again from ``start`` to ``end`` (not counted)."""

    start: int
    end: int
    table: SampleTable


class SequenceTable(SampleTable):
    """Points of several tables, each a number of times; asked like any other table, but never expanded.

    Args:
        played: tables and how often each plays, in order.
    """

    def __init__(self, played: list[tuple[SampleTable, int]]) -> None:
        self._parts: list[_Part] = []
        at = 0
        for table, repeats in played:
            self._parts.append(_Part(at, at + len(table) * repeats, table))
            at = self._parts[-1].end
        # Whoever plays a table asks for its points by their numbers, nothing else; this answers as an array does.
        self.codes = cast("NDArray[np.int16]", _Points(self._parts))
        lows, highs = zip(*(table.extremes for table, _ in played), strict=True)
        self.extremes = min(lows), max(highs)
        self.changes = self._changes()

    def __len__(self) -> int:
        return self._parts[-1].end

    def bounds(self, first: int, last: int) -> tuple[int, int]:
        """Lowest and highest code of the points ``first`` to ``last``, both counted, without wrapping round."""
        lows, highs = zip(*(b for part in self._parts for b in self._bounds_within(part, first, last)), strict=True)
        return min(lows), max(highs)

    @staticmethod
    def _bounds_within(part: _Part, first: int, last: int) -> Iterator[tuple[int, int]]:
        left, right = max(first, part.start), min(last + 1, part.end)
        size = len(part.table)
        if right - left >= size:
            yield part.table.extremes
        elif right > left:
            begin = (left - part.start) % size
            end = begin + right - left
            yield part.table.bounds(begin, min(end, size) - 1)
            if end > size:
                yield part.table.bounds(0, end - size - 1)

    def _changes(self) -> NDArray[np.intp]:
        """Numbers of the points that differ from the one before them, the last being before the first."""
        found = []
        before = self._parts[-1].table.codes[-1]
        total = 0
        for part in self._parts:
            codes = part.table.codes
            inner = np.flatnonzero(codes[1:] != codes[:-1]) + 1
            again = inner if codes[0] == codes[-1] else np.append(0, inner)
            starts = np.arange(part.start + codes.size, part.end, codes.size)
            total += again.size * (starts.size + 1)
            if total > _MOST_CHANGES:
                raise ScpiError(880, "Arb: Out of memory")
            once = inner if codes[0] == before else np.append(0, inner)
            found += [once + part.start, (starts[:, np.newaxis] + again).ravel()]
            before = codes[-1]
        return np.concatenate(found)


class _Points:
    """The points of a SequenceTable by their numbers."""

    def __init__(self, parts: list[_Part]) -> None:
        self._parts = parts

    def take(self, index: NDArray[np.int64]) -> NDArray[np.int16]:
        """The codes of the points ``index``, all of them from 0 to the length of the table."""
        codes = np.empty(np.shape(index), np.int16)
        for part in self._parts:
            inside = (index >= part.start) & (index < part.end)
            low, high = part.table.extremes
            if low == high:
                codes[inside] = low
            else:
                codes[inside] = part.table.codes.take((index[inside] - part.start) % len(part.table))
        return codes

    __getitem__ = take


@dataclass(frozen=True)
class _Followed:
    """A Waveform: one for ``length_s``, and for ever after it another."""

    before: Waveform
    after: Waveform
    length_s: float

    def values(self, tau0_s: float, dt_s: float, n: int) -> Volts:
        """Volts at ``tau0_s + i * dt_s``, shape (n,)."""
        turn = min(n, max(0, math.ceil((self.length_s - tau0_s) / dt_s)))
        rest = self.after.values(tau0_s + turn * dt_s - self.length_s, dt_s, n - turn)
        return np.concatenate((self.before.values(tau0_s, dt_s, turn), rest))

    def held(self, left_s: float, right_s: float) -> Steps | None:
        """The steps of both (see ``steps.HeldWaveform``)."""
        if left_s >= self.length_s:
            return held_steps(self.after, left_s - self.length_s, right_s - self.length_s)
        first = held_steps(self.before, left_s, min(right_s, self.length_s))
        if first is None or right_s < self.length_s:
            return first
        rest = held_steps(self.after, 0.0, right_s - self.length_s)
        if rest is None:
            return None
        inside = first[0] < self.length_s - left_s
        times_s = np.concatenate([first[0][inside], rest[0] + (self.length_s - left_s)])
        return times_s, np.concatenate([first[1][inside], rest[1]])

    def bounds(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Lowest and highest volts within the closed interval."""
        found = []
        if start_s <= self.length_s:
            found.append(self.before.bounds(start_s, min(end_s, self.length_s)))
        if end_s >= self.length_s:
            found.append(self.after.bounds(max(start_s - self.length_s, 0.0), end_s - self.length_s))
        return min(low for low, _ in found), max(high for _, high in found)


def _word(text: str, words: tuple[str, ...]) -> str:
    """The one of ``words`` that ``text`` is, in any case; otherwise -224."""
    for word in words:
        if word.upper() == text.upper():
            return word
    raise ScpiError(-224, "Illegal parameter value")
