"""Zstandard out of the library that hdf5plugin brings, called directly: HDF5 does one thing at a time in a process.

It is the one that HDF5's filter calls, so that what is packed here is what the filter would make of it, to the byte.
Both functions let other threads run.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import hdf5plugin
import numpy as np
from numpy.typing import NDArray


def compress(data: NDArray[np.uint8], level: int) -> bytes | None:
    """The bytes of ``data`` packed; None if the library does not do it."""
    library = _library()
    if library is None:
        return None
    packed = np.empty(library.ZSTD_compressBound(data.nbytes), np.uint8)
    made = library.ZSTD_compress(packed.ctypes.data, packed.nbytes, data.ctypes.data, data.nbytes, level)
    return packed[:made].tobytes() if made <= packed.nbytes else None  # an error is beyond any room


def decompress(packed: bytes, count: int, into: NDArray[np.uint8]) -> bool:
    """Unpack the first ``count`` bytes into ``into``; False unless they fill it, or if the library does not do it."""
    library = _library()
    if library is None:
        return False
    made = library.ZSTD_decompress(into.ctypes.data, into.nbytes, packed, count)
    return bool(made == into.nbytes)


@functools.cache
def _library() -> Any:
    """The library with the functions' types; None where a system's does not offer what is inside it."""
    address, size = ctypes.c_void_p, ctypes.c_size_t
    arguments: dict[str, list[Any]] = {
        "ZSTD_compressBound": [size],
        "ZSTD_compress": [address, size, address, size, ctypes.c_int],
        "ZSTD_decompress": [address, size, ctypes.c_char_p, size],
    }
    for path in sorted(Path(hdf5plugin.PLUGIN_PATH).glob("libh5zstd.*")):
        try:
            library = ctypes.CDLL(str(path))
            for name, types in arguments.items():
                function = getattr(library, name)
                function.argtypes, function.restype = types, size
        except (OSError, AttributeError):
            continue
        return library
    return None
