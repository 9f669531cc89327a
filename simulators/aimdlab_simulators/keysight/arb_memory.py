"""The volatile waveform memory of one channel of a 33500 series generator: arbitrary waveforms and sequences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.keysight.arb_sequence import Sequence, SequenceText
from aimdlab_simulators.keysight.shapes import FULL_SCALE
from aimdlab_simulators.scpi import ScpiError
from aimdlab_simulators.world.waveforms import SampleTable

DEFAULT_NAME = "INT:\\BUILTIN\\EXP_RISE.ARB"
MINIMUM_POINTS = 8


class ArbMemory:
    """Waveforms and sequences by name (not case sensitive); the built-in exponential rise is always loaded.

    Error texts "Arb: Out of memory" (+880) and "Specified arb waveform already exists" are the family's; the numbers
    +785 and +786 are those of the 33220A family and were not found for this one. A sequence takes no points; a limit on
    the number of sequences exists, but it was not found, and is not modelled.
    """

    def __init__(self, capacity_points: int) -> None:
        self._capacity = capacity_points
        self._tables: dict[str, SampleTable] = {}
        self._sequences: dict[str, Sequence] = {}
        self.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all that is loaded, as the catalogue prints them."""
        return (*self._tables, *self._sequences)

    @property
    def free_points(self) -> int:
        """How many points can still be loaded."""
        return self._capacity - sum(len(table) for table in self._tables.values())

    def clear(self) -> None:
        """Forget everything but the built-in waveform."""
        self._sequences = {}
        rise = 1.0 - np.exp(-np.arange(400) / 80.0)
        self._tables = {DEFAULT_NAME: SampleTable(np.round(rise / rise.max() * FULL_SCALE).astype(np.int16))}

    def load(self, name: str, codes: NDArray[np.int16]) -> None:
        """Store ``codes`` (-32767..32767); the ScpiError that the instrument queues if it cannot."""
        self._require_new(name)
        if codes.size < MINIMUM_POINTS:
            raise ScpiError(-220, "Parameter error; an arbitrary waveform has at least 8 points")
        if codes.size > self.free_points:
            raise ScpiError(880, "Arb: Out of memory")
        self._tables[name.upper()] = SampleTable(codes)

    def load_sequence(self, text: SequenceText, shortest: int) -> None:
        """Store a sequence of waveforms that are loaded and have at least ``shortest`` points."""
        self._require_new(text.name)
        self._sequences[text.name.upper()] = text.resolved(self._table, shortest)

    def find(self, name: str) -> SampleTable | Sequence:
        """The waveform or sequence ``name``; +785 if there is none."""
        sequence = self._sequences.get(name.upper())
        return self._table(name) if sequence is None else sequence

    @staticmethod
    def known_as(name: str) -> str:
        """``name`` as the memory spells it."""
        return DEFAULT_NAME if name.upper() in ("EXP_RISE", DEFAULT_NAME) else name.upper()

    def _table(self, name: str) -> SampleTable:
        try:
            return self._tables[self.known_as(name)]
        except KeyError:
            raise ScpiError(785, "Specified arb waveform does not exist") from None

    def _require_new(self, name: str) -> None:
        if name.upper() in self._tables or name.upper() in self._sequences:
            raise ScpiError(786, "Specified arb waveform already exists")
