import io

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
