"""How much of its clause a test covers, as the terminal says it."""

import pytest

from aimdlab.cli.output import covers


@pytest.mark.parametrize(
    ("run", "omitted", "demonstration", "said"),
    [
        (None, 0, False, "all 20 sequences of the clause"),
        (20, 0, False, "all 20 sequences of the clause"),
        (19, 0, False, "19 of the 20 sequences that the clause asks for with this device: [yellow]not a complete test"),
        (0, 0, False, "0 of the 20 sequences"),
        (15, 5, False, "15 of the 20 sequences that the clause asks for with this device; 5 left out, each with"),
        (14, 5, False, "14 of the 20 sequences that the clause asks for with this device: [yellow]not a complete test"),
        (3, 0, True, "3 of the 20 sequences that the clause asks for with this device: [yellow]not a complete test"),
    ],
)
def test_only_what_was_run_is_covered(run: int | None, omitted: int, demonstration: bool, said: str) -> None:
    test = {
        "sequences": 20 - omitted,
        "sequences_of_the_clause": 20,
        "sequences_omitted": omitted,
        "demonstration": demonstration,
    }
    if run is not None:
        test["sequences_run"] = run
    assert covers(test).startswith(said)
