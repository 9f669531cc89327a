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

    def carry_out(self, kind: str, target: str, text: str) -> None:
        """Have a person do what ``text`` says; returns when it is done, StoppedByPersonError if it is not.

        Args:
            kind: "program" (the device) or "connect" (the injection network).
            target: what to, e.g. "normal" or "terminal_to_case".
            text: for the person.
        """
        ...

    def confirm(self, kind: str, text: str) -> bool:
        """Whether what ``text`` says is so, as a person reads it off; ``kind`` is "settings" (of the device)."""
        ...


_DONE, _STOP = "done", "stop"


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

    def carry_out(self, kind: str, target: str, text: str) -> None:
        """Show ``text`` and wait for "done"; "stop" ends the run."""
        _ = kind, target
        if self.ask(text, (_DONE, _STOP)) != _DONE:
            raise StoppedByPersonError(f"not done, and stopped: {text}")

    def confirm(self, kind: str, text: str) -> bool:
        """Show ``text`` and wait for "yes" or "no"."""
        _ = kind
        return self.ask(text, ("yes", "no")) == "yes"


class ScriptedOperator:
    """Answers by a script; a question that is not in it is an error, so a test cannot pass by accident.

    Attributes:
        done: what it was told to carry out, in order: kind and target.
    """

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = dict(answers)
        self.done: list[tuple[str, str]] = []

    def ask(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """The scripted answer."""
        if question not in self._answers:
            raise StoppedByPersonError(f"nobody answered: {question}")
        answer = self._answers[question]
        if choices and answer not in choices:
            raise StoppedByPersonError(f"{answer!r} is not one of {', '.join(choices)}: {question}")
        return answer

    def carry_out(self, kind: str, target: str, text: str) -> None:
        """Note that it was asked for."""
        _ = text
        self.done.append((kind, target))

    def confirm(self, kind: str, text: str) -> bool:
        """The scripted answer to ``text``."""
        _ = kind
        return self.ask(text, ("yes", "no")) == "yes"


class DeviceProgrammer(Protocol):
    """What can program and interrogate every device of a simulated bench."""

    def program(self, mode: str) -> None:
        """Program to "normal" or "mr" mode."""
        ...

    def interrogate(self) -> Mapping[str, Mapping[str, str | float | bool]]:
        """What each device reports; "reset" is true if it has lost its programming."""
        ...


class SimulatedOperator:
    """The hands at a simulated bench: programs its device; connections are as the world file has them.

    Questions go to ``person``.
    """

    def __init__(self, programmer: DeviceProgrammer, person: Operator) -> None:
        self._programmer = programmer
        self._person = person

    def ask(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """The person's answer."""
        return self._person.ask(question, choices)

    def carry_out(self, kind: str, target: str, text: str) -> None:
        """Program the simulated device; whatever else is asked for is as the world file says."""
        _ = text
        if kind == "program":
            self._programmer.program(target)

    def confirm(self, kind: str, text: str) -> bool:
        """Settings are as they were unless a device reports that it was reset; anything else the person answers."""
        if kind != "settings":
            return self._person.confirm(kind, text)
        return not any(status["reset"] for status in self._programmer.interrogate().values())
