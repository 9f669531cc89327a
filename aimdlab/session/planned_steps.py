"""The plan of a session in memory: a hundred thousand steps in some ten megabytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.session import canonical
from aimdlab.session.canonical import Encodable
from aimdlab.session.packed_texts import PackedTexts


class StepGroup(NamedTuple):
    """What the steps of a test that are of one kind have in common, and what verdicts depend on.

    Attributes:
        kind: "sequence", "baseline", ...; "" if the plan does not say.
        test: index of the test, or None.
        omitted: the rationale, or None for a step that is not left out.
    """

    kind: str
    test: int | None
    omitted: str | None

    @property
    def is_sequence(self) -> bool:
        """Whether these steps expose the device."""
        return self.kind == KIND_SEQUENCE


class PlannedSteps(Sequence[Mapping[str, Any]]):
    """The steps of a plan, kept as their canonical texts, compressed; a step is decoded when it is asked for.

    What is asked of every step again and again (:meth:`group`) takes four bytes each.

    Args:
        steps: one mapping per step, in order.
    """

    def __init__(self, steps: Iterable[Mapping[str, Encodable]] = ()) -> None:
        self._texts = PackedTexts()
        self._groups: dict[StepGroup, int] = {}
        self._kinds: list[StepGroup] = []
        self._group_of = array("i")
        for step in steps:
            self.add(step, canonical.encode(step))

    @classmethod
    def of(cls, steps: Iterable[Mapping[str, Encodable]]) -> PlannedSteps:
        """``steps`` themselves if they are kept in this way already."""
        return steps if isinstance(steps, PlannedSteps) else cls(steps)

    def add(self, step: Mapping[str, Any], text: str) -> None:
        """Append a step, whose JSON is ``text``, in one line.

        Raises ValueError if it has no ``step_id``, or is left out without a rationale: nobody can report on it.
        """
        if not isinstance(step.get("step_id"), str):
            raise ValueError(f"step {len(self)} of the plan has no step_id")  # noqa: TRY004 - a bad value
        omitted = step.get("omitted")
        if omitted == "":
            raise ValueError(f"step {len(self)} of the plan is omitted without a rationale")
        self._texts.append(text)
        group = StepGroup(str(step.get("kind", "")), step.get("test"), omitted)
        number = self._groups.setdefault(group, len(self._kinds))
        if number == len(self._kinds):
            self._kinds.append(group)
        self._group_of.append(number)

    def group(self, step: int) -> StepGroup:
        """What decides on a step besides its attempts."""
        return self._kinds[self._group_of[step]]

    def groups(self) -> Iterator[StepGroup]:
        """The same of every step in order."""
        return (self._kinds[number] for number in self._group_of)

    def texts(self) -> Iterator[str]:
        """The canonical text of every step in order."""
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._group_of)

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Mapping[str, Any], ...]: ...

    def __getitem__(self, place: int | slice) -> Mapping[str, Any] | tuple[Mapping[str, Any], ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(len(self))))
        return canonical.decode_object(self._texts[place + len(self) if place < 0 else place])

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PlannedSteps):
            return len(self) == len(other) and all(map(str.__eq__, self.texts(), other.texts()))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as that of a list
