"""What differs from what a session began with is refused, all of it at once, unless a person accepts just that.

The refusal names a code of what it showed. Only who gives that code back, with a name and a reason, has accepted it: so
nobody accepts what he was not shown, and no script accepts whatever comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aimdlab.config.words import is_answer, is_reason
from aimdlab.errors import ConfigurationError
from aimdlab.session import canonical
from aimdlab.session.acceptance import Difference

_CODE_DIGITS = 8


@dataclass(frozen=True)
class Consent:
    """A person accepts differences that were shown to him.

    Attributes:
        codes: of what was shown.
        reason: why it does not matter to what is measured.
        operator: who says so.
    """

    codes: tuple[str, ...]
    reason: str
    operator: str

    def __post_init__(self) -> None:
        """Refuse what nobody stands for: no name, or no reason in words."""
        if not is_answer(self.operator):
            raise ConfigurationError("--accept: who accepts it? Give your name with --operator; it is recorded.")
        if not is_reason(self.reason):
            raise ConfigurationError(
                "--accept: why can the session be gone on with all the same? Give the reason in words with --reason; "
                "it is recorded."
            )


@dataclass(frozen=True)
class Found:
    """A difference that was found.

    Attributes:
        difference: in words.
        advice: what to do about it.
        exact: what both sides are exactly, wherever the files lie; the words may show a part of it.
        acceptable: whether what was measured stays comparable if a person says so.
    """

    difference: Difference
    advice: str
    exact: str
    acceptable: bool = True


class Settlement:
    """Settles what was found, stage by stage: nothing, accepted, or refused.

    Args:
        command: the command line that goes on with the session, to be completed.
        consent: what a person accepts; None if nobody said anything.

    Attributes:
        accepted: every difference that was accepted so far.
    """

    def __init__(self, command: str, consent: Consent | None = None) -> None:
        self._command = command
        self._consent = consent
        self._codes: list[str] = []
        self.accepted: list[Difference] = []

    def settle(self, found: Sequence[Found], note: str = "") -> None:
        """Take what was found together; raises ConfigurationError unless there is nothing, or it is accepted.

        Args:
            found: the differences.
            note: what else to say.
        """
        if not found:
            return
        code = _code(found)
        given = self._consent.codes if self._consent is not None else ()
        if not note and code in given and all(one.acceptable for one in found):
            self._codes.append(code)
            self.accepted += [one.difference for one in found]
            return
        lines = ["this is not what the session began with:"]
        lines += [f"  {number}. {_in_words(one)}" for number, one in enumerate(found, start=1)]
        lines += [note] if note else []
        refused = [str(number) for number, one in enumerate(found, start=1) if not one.acceptable]
        if refused:
            lines.append(f"Nobody can accept number {', '.join(refused)}: what is measured would not be comparable.")
        elif not note:
            if set(given) - set(self._codes):
                lines.append("What was accepted with --accept is not what differs now.")
            codes = " ".join(f"--accept {one}" for one in [*self._codes, code])
            lines += [
                "If it does not matter to what is measured, a person may accept it, with name and reason on record:",
                f'  {self._command} {codes} --reason "..." --operator NAME',
            ]
        raise ConfigurationError("\n".join(lines))


def _in_words(found: Found) -> str:
    one = found.difference
    return f"{one.what}: then {one.was}; now {one.now}. {found.advice}"


def _code(found: Sequence[Found]) -> str:
    return canonical.sha256(canonical.encode([one.exact for one in found]))[:_CODE_DIGITS]
