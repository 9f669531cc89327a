"""Which sequences of a gradient malfunction test may be left out: ISO/TS 10974:2012, 20.2.4 and 20.3.4."""

from __future__ import annotations

from typing import Literal

from aimdlab.errors import ConfigurationError

_CLAUSE = {"injected": "20.2.4", "radiated": "20.3.4"}


def check_omissions(method: Literal["injected", "radiated"], tier: int, omitted: int, rationale: str) -> None:
    """Refuse omissions that the standard does not permit.

    Args:
        method: how the signal is applied.
        tier: the tier whose levels are used.
        omitted: how many sequences of the sequence of sequences are left out.
        rationale: the manufacturer's written reason.

    Raises:
        ConfigurationError: something is left out in Tier 1, or without a rationale in words.
    """
    if omitted == 0:
        return
    left_out = f"{omitted} sequence{'s are' if omitted != 1 else ' is'} left out"
    clause = _CLAUSE[method]
    if tier == 1:
        raise ConfigurationError(
            f"{left_out}, but Tier 1 may omit none ({clause}): run them all, or calculate the levels of a higher tier."
        )
    if not any(character.isalpha() for character in rationale):
        raise ConfigurationError(
            f"{left_out} without a rationale: outside Tier 1 an omission needs the manufacturer's written rationale "
            f"({clause}). Write it down, or run them."
        )
