"""A definite-length block of IEEE 488.2, received into memory of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aimdlab.bench._port import Port, PortFault


def receive_block(port: Port, announce: Callable[[int], None]) -> memoryview:
    """Read one block by its own length, which is told to ``announce`` before the payload is waited for."""
    port.begin_block()
    length = _length(port)
    announce(length)
    block = _memory(length)
    port.receive_into(block)
    port.end_block()
    return block


def _length(port: Port) -> int:
    """Read the header ``#<d><length>`` (IEEE 488.2, 8.7.9)."""
    start = port.receive_few(2)
    if start[:1] != b"#" or start[1:] not in b"123456789":
        raise PortFault(f"a block was expected, but the reply begins {start!r}")
    length = port.receive_few(int(start[1:]))
    if not length.isdigit():
        raise PortFault(f"a block was expected, but the reply begins {start + length!r}")
    return int(length)


def _memory(size: int) -> memoryview:
    """Memory that an array can stand on; not filled with zeros first, as a bytearray is."""
    try:
        return np.empty(size, np.uint8).data
    except MemoryError:
        raise PortFault(f"there is no memory for a block that says it has {size} bytes") from None
