"""What the event log says of the commits of a session, in little memory: some fifty bytes each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aimdlab.session import canonical
from aimdlab.session.packed_texts import PackedTexts


class Commits:
    """The data of the events that report commits, in their order."""

    def __init__(self) -> None:
        self._texts = PackedTexts()

    def append(self, commit: dict[str, Any]) -> None:
        """Add the next."""
        self._texts.append(canonical.encode(commit))

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return canonical.decode_object(self._texts[place])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[place] for place in range(len(self)))
