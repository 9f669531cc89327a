"""The rows of a compound table: kept small while they are gathered, written block by block."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.session import hdf5

Columns = Mapping[str, str | type]
"""Numpy's name of the type by column, "<i4" or "<f8"; ``str`` for text of fixed width (UTF-8, as wide as needed)."""

_PACKED = {"<i4": "i", "<f8": "d"}
_BLOCK_BYTES = 256 << 10
_UNCOMPRESSED_BYTES = 4096


class TableRows:
    """Rows on their way into a table.

    Numbers are packed, and a text that comes again is kept once: a campaign has thousands of attempts with the same few
    names in hundreds of thousands of rows.

    Args:
        columns: type by name, in the order of the cells of a row.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = dict(columns)
        self._cells: list[Any] = [[] if kind is str else array(_PACKED[str(kind)]) for kind in columns.values()]
        self._is_text = [kind is str for kind in columns.values()]
        self._texts: dict[str, bytes] = {}
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def add(self, row: Sequence[Any]) -> None:
        """Append one row; a text loses what HDF5 cannot carry (:func:`aimdlab.session.hdf5.without_nul`)."""
        for cells, is_text, value in zip(self._cells, self._is_text, row, strict=True):
            cells.append(self._kept(value) if is_text else value)
        self._n += 1

    def extend(self, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows."""
        for row in rows:
            self.add(row)

    def write(self, group: h5py.Group, name: str) -> h5py.Dataset:
        """Write the table, compressed with gzip where that is worth it, so that it opens without any plugin."""
        dtype = self._dtype()
        if self._n * dtype.itemsize < _UNCOMPRESSED_BYTES:
            return group.create_dataset(name, data=self._block(dtype, 0, self._n))
        rows = min(self._n, max(1, _BLOCK_BYTES // dtype.itemsize))
        table = group.create_dataset(
            name, shape=(self._n,), dtype=dtype, chunks=(rows,), compression="gzip", compression_opts=1, shuffle=True
        )
        for start in range(0, self._n, rows):
            stop = min(start + rows, self._n)
            table[start:stop] = self._block(dtype, start, stop)
        return table

    def _kept(self, text: str) -> bytes:
        kept = self._texts.get(text)
        if kept is None:
            kept = self._texts[text] = hdf5.without_nul(text).encode()
        return kept

    def _dtype(self) -> np.dtype[Any]:
        fields: list[tuple[str, Any]] = []
        for (column, kind), cells in zip(self._columns.items(), self._cells, strict=True):
            width = max(map(len, cells), default=1) if kind is str else 0
            fields.append((column, h5py.string_dtype("utf-8", max(width, 1)) if kind is str else np.dtype(kind)))
        return np.dtype(fields)

    def _block(self, dtype: np.dtype[Any], start: int, stop: int) -> NDArray[Any]:
        block = np.empty(stop - start, dtype=dtype)
        for column, cells in zip(self._columns, self._cells, strict=True):
            block[column] = cells[start:stop]
        return block


def write_table(group: h5py.Group, name: str, rows: Iterable[Sequence[Any]], columns: Columns) -> h5py.Dataset:
    """Write a table whose rows are all there."""
    table = TableRows(columns)
    table.extend(rows)
    return table.write(group, name)
