"""An 8-bit port of the 34907A: eight lines that are driven, or left to their pull-ups and read."""

from __future__ import annotations

from aimdlab_simulators.world.digital_wire import DigitalInput, DigitalOutput

LINES = 8
_ALL_HIGH = 0xFF


class DigitalPort:
    """An input at first: nothing drives the lines, and their pull-ups make them high.

    Attributes:
        outputs: what hangs on the lines, by bit.
        inputs: what pulls the lines low while the port is an input, by bit.
        is_output: whether it drives them.
        pattern: what it drives, or drove last.
    """

    def __init__(self) -> None:
        self.outputs = [DigitalOutput() for _ in range(LINES)]
        self.inputs = [DigitalInput() for _ in range(LINES)]
        self.is_output = False
        self.pattern = _ALL_HIGH

    def drive(self, pattern: int) -> None:
        """Make it an output with ``pattern`` on its lines."""
        self.is_output, self.pattern = True, pattern
        self._put(pattern)

    def release(self) -> None:
        """As after power-on: an input."""
        self.is_output, self.pattern = False, _ALL_HIGH
        self._put(_ALL_HIGH)

    def read(self) -> int:
        """The levels of the lines, which are not driven from now on."""
        self.is_output = False
        self._put(_ALL_HIGH)
        return sum(entrance.is_high << bit for bit, entrance in enumerate(self.inputs))

    def _put(self, pattern: int) -> None:
        for bit, line in enumerate(self.outputs):
            line.drive(bool(pattern >> bit & 1))
