"""How slow an instrument is, on purpose: for measurements of what a bench of real instruments would do."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aimdlab_simulators.scpi.response import Buffer


@dataclass(frozen=True)
class Delays:
    """Nothing takes time by itself.

    Attributes:
        command_s: real seconds that each command of a message takes before it is carried out.
        arming_s: world time from arming an oscilloscope until it begins to fill its memory.
        bytes_per_s: of messages and answers on the link, in real time.
    """

    command_s: float = 0.0
    arming_s: float = 0.0
    bytes_per_s: float = math.inf

    def wait_for_command(self) -> None:
        """Let one command take its time."""
        if self.command_s:
            time.sleep(self.command_s)

    def wait_for_transfer(self, count: int) -> None:
        """Let ``count`` bytes take their time on the link."""
        if math.isfinite(self.bytes_per_s):
            time.sleep(count / self.bytes_per_s)

    def paced(self, buffers: Iterable[Buffer]) -> Iterator[Buffer]:
        """The same buffers, each when it would have come over the link."""
        begun_s, count = time.monotonic(), 0
        for buffer in buffers:
            if math.isfinite(self.bytes_per_s):
                count += len(buffer)
                time.sleep(max(0.0, begun_s + count / self.bytes_per_s - time.monotonic()))
            yield buffer
