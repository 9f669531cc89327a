"""What is asked in words, and dates: an empty answer is none."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

# Written in the place of an answer; none of them is one.
_PLACEHOLDERS = {"na", "tbc", "tbd", "todo", "to do", "unknown", "xxx", "fill in"}
_PLACEHOLDERS |= {"to be determined", "to be defined", "to be confirmed", "to be done", "pending", "later"}
# Answers, but no reasons.
_NO_REASONS = {"yes", "no", "none", "nothing", "ok", "okay", "true", "false", "see above", "applies", "does not apply"}
_NO_REASONS |= {"not applicable", "see below", "none known"}
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}$")


def is_answer(text: str | None) -> bool:
    """Does ``text`` say something: has it a letter, and is it no placeholder like "TBD" or "n/a"?"""
    if text is None or not any(character.isalpha() for character in text):
        return False
    return _bare(text) not in _PLACEHOLDERS


def is_reason(text: str | None) -> bool:
    """Does ``text`` give a reason: is it an answer, and more than "yes" or "none"?"""
    return text is not None and is_answer(text) and _bare(text) not in _NO_REASONS


def _bare(text: str) -> str:
    kept = "".join(character for character in text if character.isalnum() or character.isspace())
    return " ".join(kept.casefold().split())


def _words(text: str) -> str:
    if not is_answer(text):
        raise ValueError(f"expected an answer in words, got {text!r}")
    return text


def _reason(text: str) -> str:
    if not is_reason(text):
        raise ValueError(f"expected a reason in words, got {text!r}")
    return text


def _identifier(text: str) -> str:
    if not any(character.isalnum() for character in text):
        raise ValueError(f"expected a name, number or version, got {text!r}")
    return text


def _iso_date(value: object) -> object:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _ISO_DATE.match(value):
        raise ValueError(f"expected a date like '2026-03-31', got {value!r}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"there is no such day: {value!r} (year-month-day)") from error


Words = Annotated[str, AfterValidator(_words)]
"""Text that says something; see :func:`is_answer`."""

Reason = Annotated[str, AfterValidator(_reason)]
"""Text that gives a reason; see :func:`is_reason`."""

Identifier = Annotated[str, AfterValidator(_identifier)]
"""A model, serial number, certificate or version, as it is printed."""

IsoDate = Annotated[date, BeforeValidator(_iso_date)]
"""A day, written like 2026-03-31."""
