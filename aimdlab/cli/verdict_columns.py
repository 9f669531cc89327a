"""Which columns the verdict table has: what varies between the steps, and what was judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aimdlab.cli.output import prefix_for
from aimdlab.scoring.results import Outcome, Verdict

# The standard's own symbols; other names are shown as words.
_SYMBOLS = {"b_g": "B_G", "ivamp": "IVAMP", "t_dwell": "T_DWELL", "t_off": "T_OFF"}
# The last word of a parameter's name is its unit.
_UNITS = {"s": "s", "v": "V", "t": "T", "m": "m", "hz": "Hz", "a": "A", "w": "W", "degc": "degC"}


@dataclass(frozen=True)
class ParameterColumn:
    """A parameter that is not the same in every step."""

    name: str
    title: str
    factor: float

    def cell(self, parameters: Mapping[str, Any]) -> str:
        """The parameter of one step."""
        value = parameters.get(self.name)
        if value is None:
            return "-"
        return f"{value / self.factor:.4g}" if isinstance(value, (int, float)) else str(value)


@dataclass(frozen=True)
class FeatureColumn:
    """A judged feature, or the smallest and largest of one kind side by side."""

    names: tuple[str, ...]
    title: str
    factor: float

    def cell(self, outcomes: Mapping[str, Outcome], style: Mapping[Verdict, str]) -> str:
        """The values of one step, those that are no PASS in the colour of their verdict."""
        cells = []
        for name in self.names:
            outcome = outcomes.get(name)
            if outcome is None or math.isnan(outcome.value):
                continue
            text = _with_digits(outcome.value / self.factor, outcome.u / self.factor)
            cells.append(text if outcome.verdict is Verdict.PASS else f"[{style[outcome.verdict]}]{text}[/]")
        return "\u2013".join(dict.fromkeys(cells)) or "-"


def parameter_columns(steps: Iterable[Mapping[str, Any]]) -> tuple[list[ParameterColumn], str]:
    """The columns for what varies, and one line that says what does not; steps without parameters do not count."""
    values: dict[str, dict[Any, None]] = {}  # each once, in order
    for step in steps:
        if step["kind"] != "baseline":
            for name, value in step["parameters"].items():
                values.setdefault(name, {})[value] = None
    columns, fixed = [], []
    for name, distinct in values.items():
        found = list(distinct)
        words, factor, unit = _describe(name, found)
        if len(found) > 1:
            columns.append(ParameterColumn(name, f"{words}\n{unit}", factor))
        else:
            fixed.append(f"{words} {ParameterColumn(name, '', factor).cell({name: found[0]})} {unit}".rstrip())
    return columns, ", ".join(fixed)


def feature_columns(outcomes: Sequence[Outcome]) -> list[FeatureColumn]:
    """One column per judged feature; ``..._min`` and ``..._max`` of the same thing share one."""
    groups: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        name = outcome.criterion.feature
        groups.setdefault(name.removesuffix("_min").removesuffix("_max"), {})[name] = outcome
    columns = []
    for stem, members in groups.items():
        # "min" before "max", whatever the order of the criteria.
        names = tuple(sorted(members, key=lambda name: (name.endswith("_max"), name)))
        criteria = [member.criterion for member in members.values()]
        limit = max(max(abs(criterion.lower or 0.0), abs(criterion.upper or 0.0)) for criterion in criteria)
        factor, unit = prefix_for(limit, criteria[0].unit)
        columns.append(FeatureColumn(names, f"{stem.replace('pulse_', '').replace('_', ' ')}\n{unit}", factor))
    return columns


def _with_digits(value: float, u: float) -> str:
    """``value`` to the first digit of its standard uncertainty; four digits where that is not known."""
    if not u > 0 or not math.isfinite(u):
        return f"{value:.4g}"
    return f"{value:.{min(max(-math.floor(math.log10(u)), 0), 6)}f}"


def _describe(name: str, values: Sequence[Any]) -> tuple[str, float, str]:
    words, _, last = name.rpartition("_")
    if last not in _UNITS or not words:
        return name.replace("_", " "), 1.0, ""
    numbers = [abs(value) for value in values if isinstance(value, (int, float)) and value]
    factor, unit = prefix_for(min(numbers, default=1.0), _UNITS[last])
    return _SYMBOLS.get(words, words.replace("_", " ")), factor, unit
