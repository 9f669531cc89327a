from __future__ import annotations

import pytest

from aimdlab.replay.compare import _same_words


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.0129 s, allowed at most 1.1 s", "1.0130 s, allowed at most 1.1 s", True),
        ("1.0129 s, allowed at most 1.1 s", "16.2129 s, allowed at most 1.1 s", False),
        ("6 of 6 criteria met", "6 of 6 criteria met", True),
        ("5 of 6 criteria met", "1 of 6 criteria met", False),
        ("1.12346e-05 V", "1.12345e-05 V", True),
        ("nan V", "1 V", False),
        ("too late", "too early", False),
    ],
)
def test_sentences_are_the_same_up_to_the_rounding_of_their_numbers(one: str, other: str, same: bool) -> None:
    assert _same_words(one, other) is same
