"""A recorded score against a recomputed one: every number by its bits, every word by its letters.

Sums over integer codes are exact, so that what follows from them is the same bits everywhere. Fits go through linear
algebra whose last bits depend on the library and the processor: such numbers are *close*, if they agree within
:data:`CLOSE`, standard uncertainties within :data:`CLOSE_U`, and no verdict differs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aimdlab.scoring.results import Score
from aimdlab.session import canonical

CLOSE = 1e-6
"""Of the larger of two numbers or of the standard uncertainty: up to this they are close."""

CLOSE_U = 1e-3
"""Of the larger of two standard uncertainties. Two digits of one are stated at most (GUM, 7.2.6), and where two pulses
are equally high to the last bits, either of them may be the extreme whose uncertainty goes with it."""

_NUMERAL = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|nan|inf")


@dataclass(frozen=True)
class Difference:
    """Something that is recorded in another way than it comes out now.

    Attributes:
        what: "verdict", "reason", "feature pulse_interval_max: value", ...
        recorded, recomputed: both; None for what is not there.
        close: whether it may be the arithmetic of another computer.
    """

    what: str
    recorded: Any
    recomputed: Any
    close: bool = False


def differences(recorded: Mapping[str, Any], score: Score) -> tuple[Difference, ...]:
    """Where a score differs from the one in a record; empty if both have the same canonical text."""
    if canonical.encode(recorded) == canonical.encode(score):
        return ()
    now = canonical.decode_object(canonical.encode(score))
    found = [Difference("verdict", recorded["verdict"], now["verdict"])] if _differ(recorded, now, "verdict") else []
    found += feature_differences(recorded, score)
    found += _outcomes(recorded["outcomes"], now["outcomes"])
    if _differ(recorded, now, "reason"):
        same_words = _same_words(recorded["reason"], now["reason"])
        close = same_words and bool(found) and all(one.close for one in found)
        found.append(Difference("reason", recorded["reason"], now["reason"], close))
    return tuple(found) or (Difference("score", "another canonical text", "this one"),)


def feature_differences(
    recorded: Mapping[str, Any], score: Score, besides: frozenset[str] = frozenset()
) -> list[Difference]:
    """Where the features alone differ; those named ``besides`` are not looked at."""
    now = canonical.decode_object(canonical.encode(score))["features"]
    then = [feature for feature in recorded["features"] if feature["name"] not in besides]
    return list(_features(then, [feature for feature in now if feature["name"] not in besides]))


def _features(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    names_then, names_now = [str(one["name"]) for one in then], [str(one["name"]) for one in now]
    by_name = {str(one["name"]): one for one in now}
    for name, one in zip(names_then, then, strict=True):
        if name not in by_name:
            yield Difference(f"feature {name}", one["value"], None)
            continue
        other = by_name[name]
        for part in sorted(one.keys() | other.keys()):
            if _differ(one, other, part):
                yield Difference(f"feature {name}: {part}", one.get(part), other.get(part), _close(part, one, other))
    for name, one in zip(names_now, now, strict=True):
        if name not in names_then:
            yield Difference(f"feature {name}", None, one["value"])
    if names_then != names_now and sorted(names_then) == sorted(names_now):
        yield Difference("order of the features", names_then, names_now)


def _outcomes(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    if len(then) != len(now):
        yield Difference("number of outcomes", len(then), len(now))
        return
    for one, other in zip(then, now, strict=True):
        name = f"outcome on {one['criterion']['feature']}"
        for part in sorted((one.keys() | other.keys()) - {"criterion"}):
            if _differ(one, other, part):
                close = _close(part, one, other) or (part == "reason" and _same_words(one["reason"], other["reason"]))
                yield Difference(f"{name}: {part}", one.get(part), other.get(part), close)
        for part in sorted(one["criterion"].keys() | other["criterion"].keys()):
            if _differ(one["criterion"], other["criterion"], part):
                yield Difference(f"{name}: limit, {part}", one["criterion"].get(part), other["criterion"].get(part))


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], part: str) -> bool:
    if (part in one) != (part in other):
        return True
    return canonical.encode(one.get(part)) != canonical.encode(other.get(part))


def _close(part: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a value or an uncertainty is the same but for the arithmetic of another computer."""
    numbers = [abs(number) for number in (_number(one, part), _number(other, part)) if number is not None]
    if part not in ("value", "u") or len(numbers) < 2:
        return False
    off = abs(float(one[part]) - float(other[part]))
    if part == "u":
        return off <= CLOSE_U * max(numbers)
    return off <= CLOSE * max(*numbers, abs(_number(one, "u") or 0.0))


def _number(of: Mapping[str, Any], part: str) -> float | None:
    value = of.get(part)
    return value if isinstance(value, float) and math.isfinite(value) else None


def _same_words(one: object, other: object) -> bool:
    """Whether two sentences differ in nothing but the last digits of numerals, which may be rounded another way."""
    if _NUMERAL.split(str(one)) != _NUMERAL.split(str(other)):
        return False
    pairs = zip(_NUMERAL.findall(str(one)), _NUMERAL.findall(str(other)), strict=True)
    return all(_same_numeral(first, second) for first, second in pairs)


def _same_numeral(one: str, other: str) -> bool:
    """Whether two printed numbers are at most one unit of the coarser one's last digit apart, or close."""
    if one == other:
        return True
    first, second = Decimal(one), Decimal(other)
    if not (first.is_finite() and second.is_finite()):
        return False
    units = [Decimal(1).scaleb(int(number.as_tuple().exponent)) for number in (first, second)]
    # A rounded number that ends in zeros is printed shorter: the finer unit is the one that was rounded to.
    return abs(first - second) <= max(min(units), Decimal(CLOSE) * max(abs(first), abs(second)))
