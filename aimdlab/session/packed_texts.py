"""Many texts in little memory: compressed in blocks, unpacked when one of them is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PER_BLOCK = 64
_RECENT = 4  # blocks; whoever goes through the texts in order unpacks each block once


class PackedTexts:
    """Texts of one line each, in the order they were appended.

    Thousands that are much alike (steps of a plan, reasons, commits) take a tenth of their length or less.
    """

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._last: list[str] = []
        # Replaced as a whole, so that several threads may read.
        self._recent: tuple[tuple[int, list[str]], ...] = ()

    def append(self, text: str) -> None:
        """Add one; ValueError if it has more than one line."""
        if "\n" in text:
            raise ValueError("a text of more than one line cannot be kept among others")
        self._last.append(text)
        if len(self._last) == _PER_BLOCK:
            self._blocks.append(zlib.compress("\n".join(self._last).encode(errors="surrogatepass"), 1))
            self._last = []

    def __len__(self) -> int:
        return len(self._blocks) * _PER_BLOCK + len(self._last)

    def __getitem__(self, place: int) -> str:
        """The text at a place from the front; IndexError if there is none."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        block, within = divmod(place, _PER_BLOCK)
        return self._unpacked(block)[within]

    def __iter__(self) -> Iterator[str]:
        return (self[place] for place in range(len(self)))

    def _unpacked(self, block: int) -> list[str]:
        if block == len(self._blocks):
            return self._last
        for number, texts in self._recent:
            if number == block:
                return texts
        texts = zlib.decompress(self._blocks[block]).decode(errors="surrogatepass").split("\n")
        self._recent = ((block, texts), *self._recent[: _RECENT - 1])
        return texts
