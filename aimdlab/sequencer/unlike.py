"""Two recorded values side by side: where they differ, and how to show it to a person."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aimdlab.session import canonical

_SHOWN = 100
_PLACES = 8
_LONGEST = 5000
ENDS = "(the file ends before)"


def tidy(path: Path) -> Path:
    """``path`` without "..", for people to read; as it is where a symbolic link would make that another file."""
    without = Path(os.path.normpath(path))
    return without if without.resolve() == path.resolve() else path


def alike(was: object, now: object) -> bool:
    """Whether two values are recorded in the same words."""
    return canonical.encode(was) == canonical.encode(now)


def first_difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The first key whose values are not recorded in the same words, with both values; None if there is none."""
    for key in [*was, *(key for key in now if key not in was)]:
        before, after = was.get(key), now.get(key)
        if not alike(before, after):
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                inner = first_difference(before, after)
                if inner is not None:
                    return f"{key}.{inner[0]}", inner[1], inner[2]
            return key, *shown(before, after)
    return None


def first_lines(was: str, now: str) -> tuple[str, str, str]:
    """Where two texts differ ("line 3 and 2 more places: 7, 12"), and the first such line in both."""
    before, after = was.splitlines(keepends=True), now.splitlines(keepends=True)
    first = next(
        (place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )
    where, others = f"line {first + 1}", [str(place + 1) for place in _places(before, after) if place > first]
    if others:
        listed = ", ".join(others[:_PLACES]) + (", ..." if len(others) > _PLACES else "")
        where += f" and {len(others)} more places (line {listed})"
    lines = _line(before, first), _line(after, first)
    bare = lines[0].rstrip("\r\n"), lines[1].rstrip("\r\n")
    return where, *shown(*(bare if bare[0] != bare[1] else lines))


def _places(before: list[str], after: list[str]) -> list[int]:
    """The lines where two texts differ; of long ones, whose comparison can take hours, none."""
    if max(len(before), len(after)) > _LONGEST:
        return []
    matcher = difflib.SequenceMatcher(None, before, after)
    return [place for tag, place, *_ in matcher.get_opcodes() if tag != "equal"]


def _line(lines: list[str], place: int) -> str:
    return lines[place] if place < len(lines) else ENDS


def shown(was: object, now: object) -> tuple[str, str]:
    """Two values for a person, of long ones the part in which they differ."""
    texts = [_text(value) for value in (was, now)]
    same = next((place for place, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), None)
    same = min(map(len, texts)) if same is None else same
    start = max(same - _SHOWN // 2, 0) if max(map(len, texts)) > _SHOWN else 0
    before, after = (f"{'...' if start else ''}{text[start : start + _SHOWN]}" for text in texts)
    return before, after


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
