"""Whether the instrument that answers is the one that was expected: one rule for the run and for its guardian."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aimdlab.bench.driver import Identity

FIELDS = ("manufacturer", "model", "serial", "firmware")


@dataclass(frozen=True)
class Mismatch:
    """Where the answer differs.

    Attributes:
        field: of the identity, or "driver" if the driver does not know the model.
        what: what was expected and what answered, in a sentence.
    """

    field: str
    what: str


def mismatch(expected: Mapping[str, str | None], models: Iterable[str], found: Identity) -> Mismatch | None:
    """The first difference, or None if it is the right instrument.

    Args:
        expected: the fields of the bench file; None and what is missing are not compared.
        models: those that the driver was written for.
        found: who answered.
    """
    for field in FIELDS:
        wanted, answered = expected.get(field), str(getattr(found, field))
        if wanted is not None and wanted.strip().casefold() != answered.strip().casefold():
            return Mismatch(
                field,
                f"{wanted!r} is expected, {answered!r} answered. Connect the right instrument or correct the file.",
            )
    known = tuple(models)
    if found.model not in known:
        return Mismatch("driver", f"it was not written for a {found.model}; it knows {', '.join(known)}.")
    return None
