"""The operator port: how the bench asks a person, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TextIO

from aimdlab.errors import StoppedByPersonError


class Operator(Protocol):
    """Somebody who can be asked: at the terminal, at the page, or scripted in a test."""

    def ask(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """The answer to ``question``, one of ``choices`` if any are given; StoppedByPersonError if nobody answers."""
        ...


class TerminalOperator:
    """Asks at the terminal.

    Args:
        source: where answers are typed.
        screen: where questions are shown; standard error, so that ``--json`` output stays clean.
    """

    def __init__(self, source: TextIO, screen: TextIO) -> None:
        self._source = source
        self._screen = screen

    def ask(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """Ask until one of ``choices`` is typed; the end of the input counts as nobody being there."""
        prompt = f"{question} [{'/'.join(choices)}] " if choices else f"{question} "
        while True:
            self._screen.write(prompt)
            self._screen.flush()
            line = self._source.readline()
            if not line:
                raise StoppedByPersonError(f"nobody answered: {question}")
            answer = line.strip()
            if not choices or answer in choices:
                return answer


class ScriptedOperator:
    """Answers by a script; a question that is not in it is an error, so a test cannot pass by accident."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = dict(answers)

    def ask(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """The scripted answer."""
        if question not in self._answers:
            raise StoppedByPersonError(f"nobody answered: {question}")
        answer = self._answers[question]
        if choices and answer not in choices:
            raise StoppedByPersonError(f"{answer!r} is not one of {', '.join(choices)}: {question}")
        return answer
