"""What faults of the link do to one message and its answer. Nothing here is held while it waits."""

from __future__ import annotations

import re
import threading
import time

from aimdlab_simulators.faults.kinds import Corrupt, Drop, Flood, Hang, Late, LinkFault, Repeat, Swap, Truncate
from aimdlab_simulators.scpi import Response
from aimdlab_simulators.servers.wire import Wire

_LOOK_S = 0.02
_BLOCK = re.compile(rb"#[1-9]\d*")
# No text in any encoding that an instrument uses, no line feed, no "#": nothing that could pass for an answer.
_GARBAGE = bytes((0xA5, 0xFF, 0x81, 0xC2, 0x90, 0xFE))


def ordinary(message: bytes, wire: Wire) -> None:
    """Carry the message out and answer it; then what an earlier swap kept back."""
    _say(wire, wire.carry_out(message))


def tamper(one: LinkFault, message: bytes, wire: Wire) -> None:
    """Do to ``message`` what a fault of the link does.

    Raises:
        ConnectionAbortedError: the connection is to end here.
    """
    if isinstance(one, Hang):
        wire.is_silent = True
        return
    response = wire.carry_out(message)
    answer = None if response is None else response.whole()
    match one:
        case Drop():
            wire.say(Response([(answer or b"")[: len(answer or b"") // 2]]), end=False)
            wire.break_off()
        case Truncate():
            _truncate(one, answer, wire)
        case Flood():
            _say(wire, answer)
            wire.spill(_garbage(one.bytes))
        case _ if answer is not None:
            _alter(one, answer, wire)


def corrupted(answer: bytes, part: str) -> bytes:
    """The answer with other bytes in one part of it; never one that could be taken for another value.

    The data of a block stay as they are: there every byte is valid, and nothing on the wire could tell.
    """
    if part == "terminator":
        return answer[:-1] + _garbage(1)
    header = _BLOCK.match(answer)
    if header is not None:
        end = min(header.end(), 2 + int(answer[1:2]))
        return b"#" + _garbage(end - 1) + answer[end:]
    middle, width = len(answer) // 3, max(1, len(answer) // 3)
    return answer[:middle] + _garbage(width) + answer[middle + width :]


def _alter(one: LinkFault, answer: bytes, wire: Wire) -> None:
    match one:
        case Late():
            _wait(one.by, wire)
            _say(wire, answer)
        case Corrupt():
            _say(wire, corrupted(answer, one.part))
        case Repeat():
            _say(wire, answer, answer)
        case Swap():
            wire.held = wire.later(Response([answer]))
        case _:
            raise AssertionError(one.fault)


def _truncate(one: Truncate, answer: bytes | None, wire: Wire) -> None:
    if answer is not None:
        whole = len(answer) - 1  # without its terminator, which would make a short answer a whole one
        wire.say(Response([answer[: min(whole, len(answer) // 2 if one.keep is None else one.keep)]]), end=False)
    if one.close:
        raise ConnectionAbortedError("closed by a fault")


def _say(wire: Wire, *responses: bytes | Response | None) -> None:
    wire.say(*(Response([one]) if isinstance(one, bytes) else one for one in responses if one is not None))
    if wire.held is not None and responses and responses[0] is not None:
        held, wire.held = wire.held, None
        held()


def _garbage(count: int) -> bytes:
    return (_GARBAGE * (count // len(_GARBAGE) + 1))[:count]


def _wait(for_s: float, wire: Wire) -> None:
    """Real seconds, or until the client has gone."""
    end_s = time.monotonic() + for_s
    pause = threading.Event()
    while (left_s := end_s - time.monotonic()) > 0 and not wire.is_set():
        pause.wait(min(left_s, _LOOK_S))
