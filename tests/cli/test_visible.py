from __future__ import annotations

import io

import pytest

from aimdlab.cli.output import _Console
from aimdlab.cli.visible import visible


@pytest.mark.parametrize("text", ["x\x1b[8m", "x\x9b2K", "x\x07", "x\r", "x\x7f"])
def test_no_text_of_a_record_steers_the_terminal(text: str) -> None:
    assert visible(text).startswith("x\ufffd")
    shown = io.StringIO()
    _Console(file=shown, force_terminal=True, color_system=None, width=80).print(text)
    assert shown.getvalue().rstrip("\n").startswith("x\ufffd")


def test_what_people_write_stays() -> None:
    assert visible("10 \u00b5V, Prüfling 7\n\t\u2500") == "10 \u00b5V, Prüfling 7\n\t\u2500"
