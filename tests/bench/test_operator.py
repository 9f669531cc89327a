import contextlib
import io
import os
from pathlib import Path

import pytest

from aimdlab.bench.operator import ScriptedOperator, TerminalOperator
from aimdlab.errors import StoppedByPersonError


def test_the_terminal_asks_until_the_answer_is_one_of_the_choices() -> None:
    screen = io.StringIO()
    operator = TerminalOperator(io.StringIO("maybe\nyes\n"), screen)
    assert operator.ask("Is the cable connected?", ("yes", "no")) == "yes"
    assert screen.getvalue().count("Is the cable connected? [yes/no]") == 2


def test_nobody_there_is_a_stop_not_an_answer() -> None:
    with pytest.raises(StoppedByPersonError, match="nobody answered: Ready"):
        TerminalOperator(io.StringIO(""), io.StringIO()).ask("Ready?")


def test_a_script_answers_only_what_it_knows() -> None:
    operator = ScriptedOperator({"Ready?": "yes"})
    assert operator.ask("Ready?", ("yes", "no")) == "yes"
    with pytest.raises(StoppedByPersonError):
        operator.ask("Steady?")
    with pytest.raises(StoppedByPersonError):
        operator.ask("Ready?", ("now",))


class Elsewhere:
    """Answers that come in another way, and what is written down."""

    def __init__(self, early: list[tuple[str, str]] | None = None) -> None:
        self.answers = early or []
        self.after_question: list[tuple[str, str]] = []
        self.reports: list[tuple[str, str]] = []
        self.wants_stop = False

    def check(self) -> None:
        if self.wants_stop:
            raise StoppedByPersonError("stop asked for by a.smith")

    def answer(self) -> tuple[str, str] | None:
        return self.answers.pop(0) if self.answers else None

    def report(self, kind: str, message: str) -> None:
        self.reports.append((kind, message))
        if kind == "question.asked":
            self.answers += self.after_question


def test_an_answer_from_elsewhere_counts_while_the_terminal_is_silent() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as terminal, os.fdopen(writing, "w"):
        elsewhere = Elsewhere(early=[("no", "tell by b.jones")])
        elsewhere.after_question = [("perhaps", "tell by a.smith"), ("yes", "tell by a.smith")]
        operator = TerminalOperator(terminal, io.StringIO(), elsewhere)
        assert operator.ask("Connected?", ("yes", "no")) == "yes"
    assert elsewhere.reports == [
        ("answer.unasked", "nobody had been asked: tell by b.jones answered 'no'"),
        ("question.asked", "Connected? [yes/no]"),
        ("question.answered", "Connected? tell by a.smith answers: yes"),
    ]


def test_a_stop_is_heard_while_a_question_is_open() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as terminal, os.fdopen(writing, "w"):
        elsewhere = Elsewhere()
        elsewhere.wants_stop = True
        with pytest.raises(StoppedByPersonError, match=r"a\.smith"):
            TerminalOperator(terminal, io.StringIO(), elsewhere).ask("Connected?")


def test_typed_lines_come_in_order_and_their_end_is_nobody_being_there() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"done\nyes\nhalf a li")
    os.close(writing)
    with os.fdopen(reading) as terminal:
        operator = TerminalOperator(terminal, io.StringIO(), Elsewhere())
        operator.carry_out("program", "mr", "Program the device.")
        assert operator.confirm("settings", "As planned?")
        for _ in range(2):
            with pytest.raises(StoppedByPersonError, match="nobody answered"):
                operator.ask("And now?")


@pytest.mark.parametrize("screen", [None, "closed", "full"])
def test_a_screen_that_is_gone_keeps_nobody_from_answering(screen: str | None) -> None:
    shown: io.TextIOBase | None = None
    if screen == "closed":
        shown = io.StringIO()
        shown.close()
    elif screen == "full" and Path("/dev/full").exists():
        shown = Path("/dev/full").open("w", buffering=1, encoding="utf-8")  # noqa: SIM115 - closed at the end
    operator = TerminalOperator(io.StringIO("yes\n"), shown)  # type: ignore[arg-type]
    assert operator.ask("Ready?", ("yes", "no")) == "yes"
    if screen == "full" and shown is not None:
        with contextlib.suppress(OSError):
            shown.close()
