"""A waveform as what a 33500 series generator stores: named arbitrary waveforms, and the sequence that plays them.

Every name says what is behind it (a digest), so that an arbitrary waveform or sequence that outlived its program or an
upload that the instrument dropped can never be played in place of another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from aimdlab.signals.waveform import Playable, SampledWaveform, SequencedWaveform, WaveformSegment

DAC_FULL_SCALE = 32767
# DATA:SEQuence wants a point for the marker of every segment; with "maintain" the marker does not change there.
_MARKER_POINT = 4


@dataclass(frozen=True)
class Arb:
    """One arbitrary waveform: its name and its codes, little-endian int16."""

    name: str
    codes: bytes

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.codes) // 2


@dataclass(frozen=True)
class Upload:
    """All that has to be in the memory for one waveform to be played.

    Attributes:
        arbs: each once, in the order of their first use.
        sequence: what DATA:SEQuence takes within its block; b"" if a single arbitrary waveform is played.
        plays: the name for FUNCtion:ARBitrary, of the sequence or of the single arbitrary waveform.
    """

    arbs: tuple[Arb, ...]
    sequence: bytes
    plays: str

    @classmethod
    def of(cls, waveform: Playable) -> Upload:
        """Names, codes and sequence of ``waveform``; one segment that is played once needs no sequence."""
        if isinstance(waveform, SampledWaveform):
            segments: tuple[WaveformSegment, ...] = (WaveformSegment(waveform.samples),)
        else:
            segments = waveform.segments
        played = [(_arb(segment), segment.repeats) for segment in segments]
        arbs = tuple(dict.fromkeys(arb for arb, _ in played))
        if [repeats for _, repeats in played] == [1]:
            return cls(arbs, b"", arbs[0].name)
        steps = ",".join(_step(arb, repeats) for arb, repeats in played)
        name = _name("S", steps.encode("ascii"))
        return cls(arbs, f'"{name}",{steps}'.encode("ascii"), name)

    @property
    def names(self) -> frozenset[str]:
        """Everything that the memory holds after the upload."""
        return frozenset((self.plays, *(arb.name for arb in self.arbs)))

    def missing(self, held: frozenset[str]) -> tuple[Arb, ...]:
        """The arbitrary waveforms that are not among ``held``."""
        return tuple(arb for arb in self.arbs if arb.name not in held)


@dataclass(frozen=True)
class Held:
    """What the memory of a channel holds and plays.

    Attributes:
        names: of arbitrary waveforms and sequences.
        points: of all arbitrary waveforms together.
    """

    names: frozenset[str] = frozenset()
    points: int = 0

    def with_upload(self, upload: Upload) -> Held:
        """What it holds after ``upload``."""
        return Held(self.names | upload.names, self.points + sum(arb.n for arb in upload.missing(self.names)))


def segment_points(waveform: Playable) -> tuple[int, ...]:
    """Number of points of every segment, one for a waveform that is none."""
    if isinstance(waveform, SequencedWaveform):
        return tuple(segment.n for segment in waveform.segments)
    return (waveform.n,)


def first_sample(waveform: Playable) -> float:
    """Where the output rests."""
    samples = waveform.samples if isinstance(waveform, SampledWaveform) else waveform.segments[0].samples
    return float(samples[0])


def _arb(segment: WaveformSegment) -> Arb:
    codes = np.rint(segment.samples * DAC_FULL_SCALE).astype("<i2").tobytes()
    return Arb(_name("A", codes), codes)


def _step(arb: Arb, repeats: int) -> str:
    play = f"{repeats},repeat" if repeats > 1 else "0,once"
    return f'"{arb.name}",{play},maintain,{_MARKER_POINT}'


def _name(kind: str, content: bytes) -> str:
    # A letter, then letters and digits, twelve in all: what every firmware takes as a name.
    return kind + hashlib.sha256(content).hexdigest()[:11].upper()
