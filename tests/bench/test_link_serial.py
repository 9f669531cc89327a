"""The VISA link over a serial line, which has no messages of its own: a pseudo-terminal stands for the line."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab.errors import LinkError
from patience import LIMIT_S, wait_for

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import tty

ANSWERS = {b"*IDN?": b"me\n", b"TWICE?": b"1\n1\n", b"BLOCK?": b"#14ab\nc\n"}


@pytest.fixture
def line() -> Iterator[str]:
    ours, theirs = os.openpty()
    for end in (ours, theirs):
        tty.setraw(end)

    def serve() -> None:
        heard = b""
        while not heard.endswith(b"BYE\n"):
            heard += os.read(ours, 1000)
            while b"\n" in heard and not heard.endswith(b"BYE\n"):
                asked, _, heard = heard.partition(b"\n")
                os.write(ours, ANSWERS[asked])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"ASRL{os.ttyname(theirs)}::INSTR"
    os.write(theirs, b"BYE\n")
    thread.join(LIMIT_S)
    os.close(ours)
    os.close(theirs)


def test_lines_and_blocks_and_a_reply_that_comes_twice(line: str) -> None:
    link = VisaLink.open("meter", line, RealClock(), timeout_s=LIMIT_S)
    try:
        assert link.query("*IDN?") == "me"
        assert link.query_block("BLOCK?") == b"ab\nc"
        assert link.query("TWICE?") == "1"
        wait_for(lambda: link.submit(lambda: link._port._resource.bytes_in_buffer).result(LIMIT_S) == 2)  # type: ignore[union-attr]
        with pytest.raises(LinkError, match="out of step: it sent b'1' without being asked"):
            link.query("*IDN?")
        link.reconnect()
        assert link.query("*IDN?") == "me"
    finally:
        link.close()
