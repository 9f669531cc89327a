"""What an oscilloscope input saw over a stretch of time: samples with their noise, in blocks, for any thread."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from aimdlab_simulators.world import noise
from aimdlab_simulators.world.sampling import UNSEEN_V, Block, PieceSamples
from aimdlab_simulators.world.scope_input import ScopeInput
from aimdlab_simulators.world.signal import Volts
from aimdlab_simulators.world.stepped import Parts, parts_of

# Large, as threads that make blocks meet at the end of each call of NumPy: few long calls rather than many short ones.
BLOCK = 262_144
# Of a signal that must be asked for its samples, so many are asked for at once.
_ASKED = BLOCK


class Window:
    """Samples at ``t0_s + i * dt_s``, i from 0 to n - 1, with the noise of one acquisition.

    The world is looked at when ``prepare`` or ``store`` is called, or with the first reading; of a signal that gives no
    pieces with every reading, until ``store``.
    """

    def __init__(
        self,
        connector: ScopeInput,
        *,
        t0_s: float,
        dt_s: float,
        n: int,
        counter: tuple[int, int],
        lock: threading.RLock,
    ) -> None:
        self.connector = connector
        self.t0_s = t0_s
        self.dt_s = dt_s
        self.n = n
        self.counter = counter
        self.lock = lock
        self.stored: Volts | None = None
        self._parts: Parts | None = None
        self._prepared = False

    def prepare(self) -> Parts | None:
        """What the ideal voltage is made of; None if the world must be asked for its samples."""
        with self.lock:
            if not self._prepared:
                self._parts = parts_of(self.connector.signal, self.t0_s, self.t0_s + (self.n - 1) * self.dt_s)
                self._prepared = True
            return self._parts

    def store(self) -> None:
        """The world is about to forget."""
        with self.lock:
            if self.prepare() is None and self.stored is None:
                self.stored = self.connector.signal.samples(self.t0_s, self.dt_s, self.n)

    def asked_for(self, first: int, stride: int, count: int) -> Volts:
        """Ideal samples ``first``, ``first + stride``, ...: as stored, or as the world has them now; (count,)."""
        with self.lock:  # also while looking whether they are stored: else the world could forget between the two
            if self.stored is not None:
                return self.stored[first::stride][:count]
            return self.connector.signal.samples(self.t0_s + first * self.dt_s, stride * self.dt_s, count)

    def reading(self, first: int, stride: int, count: int, *, gain: float, offset: float) -> Reading:
        """Samples ``first``, ``first + stride``, ..., the volts at the connector times ``gain`` plus ``offset``."""
        return Reading(self, first, stride, count, gain=gain, offset=offset)


class Reading:
    """Some samples of a window: sample i takes noise number ``first + i * stride``, as in the window's full reading."""

    def __init__(self, window: Window, first: int, stride: int, count: int, *, gain: float, offset: float) -> None:
        self._window = window
        self._first = first
        self._stride = stride
        self._count = count
        errors = window.connector.errors
        self._gain = gain * (1.0 + errors.gain_error) / errors.attenuation
        self._offset = gain * errors.offset_error_v + offset
        self._noise = np.float32(errors.noise_v * gain)
        self._lock = threading.Lock()
        self._samples: list[PieceSamples] | None = None
        self._asked: tuple[int, Volts] | None = None

    @property
    def dtype(self) -> np.dtype[np.float32] | np.dtype[np.float64]:
        """Of the blocks: single precision is enough where there is noise."""
        return np.dtype(np.float32) if self._noise else np.dtype(np.float64)

    def block(self, begin: int) -> Block:
        """Samples from ``begin``, a multiple of BLOCK, on: BLOCK of them, or what is left."""
        size = min(BLOCK, self._count - begin)
        out: Block = np.empty(size, self.dtype)
        parts = self._prepared()
        if parts is None:
            np.multiply(self._asked_for(begin, size), self._gain, out=out, casting="same_kind")
            out += self._offset
        for k, part in enumerate(parts or ()):
            part.add(begin, out, fresh=k == 0)
        if self._noise:
            window = self._window
            first = self._first + begin * self._stride
            out += noise.gaussian(
                window.connector.key, window.counter, first, self._stride, size, scale=float(self._noise)
            )
        return out

    def _prepared(self) -> list[PieceSamples] | None:
        with self._lock:
            if self._samples is None and (parts := self._window.prepare()) is not None:
                since_s, dt_s = self._first * self._window.dt_s, self._stride * self._window.dt_s
                # A millionth of the noise cannot be seen.
                unseen = max(UNSEEN_V * abs(self._gain), 1e-6 * abs(float(self._noise)))
                self._samples = []
                for k, (pieces, start_s) in enumerate(parts):
                    part = pieces.scaled(self._gain)
                    if k == 0:
                        part = replace(part, levels=part.levels + self._offset)
                    self._samples.append(PieceSamples(part, start_s + since_s, dt_s, self._count, unseen=unseen))
            return self._samples

    def _asked_for(self, begin: int, size: int) -> Volts:
        stride = self._stride
        chunk = begin - begin % _ASKED
        with self._lock:
            if self._asked is None or self._asked[0] != chunk:
                count = min(_ASKED, self._count - chunk)
                self._asked = chunk, self._window.asked_for(self._first + chunk * stride, stride, count)
            return self._asked[1][begin - chunk :][:size]
