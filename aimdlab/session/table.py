"""The rows of a compound table: kept small while they are gathered, written block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aimdlab.session import hdf5
from aimdlab.session.packed_columns import PackedNumbers, PackedWords

Columns = Mapping[str, str | type]
"""Numpy's name of the type by column, "<i4" or "<f8"; ``str`` for text of fixed width (UTF-8, as wide as needed)."""

_BLOCK_BYTES = 256 << 10
_UNCOMPRESSED_BYTES = 4096
_MOST_REMEMBERED = 1000


class TableRows:
    """Rows on their way into a table.

    They are kept compressed: a campaign has thousands of attempts with the same few names in hundreds of thousands of
    rows.

    Args:
        columns: type by name, in the order of the cells of a row.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = dict(columns)
        self._cells = [PackedWords() if kind is str else PackedNumbers(str(kind)) for kind in columns.values()]
        self._texts: dict[str, bytes] = {}
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def add(self, row: Sequence[Any]) -> None:
        """Append one row; a text loses what HDF5 cannot carry (:func:`aimdlab.session.hdf5.without_nul`)."""
        for cells, value in zip(self._cells, row, strict=True):
            if isinstance(cells, PackedWords):
                cells.append(self._encoded(value))
            else:
                cells.append(value)
        self._n += 1

    def extend(self, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows."""
        for row in rows:
            self.add(row)

    def write(self, group: h5py.Group, name: str) -> h5py.Dataset:
        """Write the table, compressed with gzip where that is worth it, so that it opens without any plugin."""
        dtype = self._dtype()
        if self._n * dtype.itemsize < _UNCOMPRESSED_BYTES:
            return group.create_dataset(name, data=next(self._blocks(dtype, max(self._n, 1)), np.empty(0, dtype)))
        rows = min(self._n, max(1, _BLOCK_BYTES // dtype.itemsize))
        table = group.create_dataset(
            name, shape=(self._n,), dtype=dtype, chunks=(rows,), compression="gzip", compression_opts=1, shuffle=True
        )
        for number, block in enumerate(self._blocks(dtype, rows)):
            table[number * rows : number * rows + len(block)] = block
        return table

    def _encoded(self, text: str) -> bytes:
        """The text for HDF5; of those that come again and again each is made once."""
        encoded = self._texts.get(text)
        if encoded is None:
            if len(self._texts) == _MOST_REMEMBERED:
                self._texts.clear()
            encoded = self._texts[text] = hdf5.without_nul(text).encode()
        return encoded

    def _dtype(self) -> np.dtype[Any]:
        fields: list[tuple[str, Any]] = []
        for (column, kind), cells in zip(self._columns.items(), self._cells, strict=True):
            if isinstance(cells, PackedWords):
                fields.append((column, h5py.string_dtype("utf-8", max(cells.longest(), 1))))
            else:
                fields.append((column, np.dtype(kind)))
        return np.dtype(fields)

    def _blocks(self, dtype: np.dtype[Any], rows: int) -> Iterator[NDArray[Any]]:
        """All rows, so many at a time."""
        for runs in zip(*(cells.runs(rows) for cells in self._cells), strict=True):
            block = np.empty(len(runs[0]), dtype=dtype)
            for column, run in zip(self._columns, runs, strict=True):
                block[column] = run
            yield block


def write_table(group: h5py.Group, name: str, rows: Iterable[Sequence[Any]], columns: Columns) -> h5py.Dataset:
    """Write a table whose rows are all there."""
    table = TableRows(columns)
    table.extend(rows)
    return table.write(group, name)
