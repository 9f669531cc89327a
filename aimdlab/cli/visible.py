"""Texts of a record or an instrument, made harmless for a terminal."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """A text without what would steer a terminal: whatever a record holds, it cannot hide or forge what is printed."""
    return "".join(
        character if character in "\n\t" or unicodedata.category(character) != "Cc" else "\ufffd" for character in text
    )
