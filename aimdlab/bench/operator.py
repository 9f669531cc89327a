"""The operator port: how the bench asks a person, and what it is told."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Mapping
from typing import Protocol, TextIO

from aimdlab.errors import StoppedByPersonError

_POLL_S = 0.2


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


class Listener(Protocol):
    """What else can be heard while a person is asked, and where it is written down that he was."""

    def check(self) -> None:
        """Raise StoppedByPersonError if somebody wants to stop; shows that the run lives."""
        ...

    def answer(self) -> tuple[str, str] | None:
        """The next answer that came in another way (``aimdlab tell PATH answer TEXT``) and who gave it, or None."""
        ...

    def report(self, kind: str, message: str) -> None:
        """Write down what was asked and answered."""
        ...


class TerminalOperator:
    """Asks at the terminal, and takes what is answered elsewhere too.

    Args:
        source: where answers are typed; None if nobody is at the terminal.
        screen: where questions are shown; standard error, so that ``--json`` output stays clean. None, or one that has
            gone, shows nothing: a question stands in the event log too.
        listener: hears answers and wishes from elsewhere while a question is open.
    """

    def __init__(self, source: TextIO | None, screen: TextIO | None, listener: Listener | None = None) -> None:
        self._typed = _TypedLines(source) if source is not None else None
        self._screen = screen
        self._listener = listener

    def ask(self, question: str, choices: tuple[str, ...] = ()) -> str:
        """Ask until one of ``choices`` is answered; the end of the terminal's input counts as nobody being there.

        Without a terminal the question stays open until somebody answers it elsewhere.
        """
        prompt = f"{question} [{'/'.join(choices)}] " if choices else f"{question} "
        self._forget_answers()
        self._report("question.asked", prompt.rstrip())
        while True:
            self._show(prompt)
            answer, sender = self._next(question)
            answer = answer.strip()
            if not choices or answer in choices:
                self._report("question.answered", f"{question} {sender} answers: {answer}")
                return answer

    def _show(self, prompt: str) -> None:
        if self._screen is not None:
            with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
                self._screen.write(prompt)
                self._screen.flush()

    def _next(self, question: str) -> tuple[str, str]:
        """The next line that is typed, or the next answer from elsewhere, and whose it is."""
        while True:
            if self._listener is not None:
                self._listener.check()
                heard = self._listener.answer()
                if heard is not None:
                    return heard[0], heard[1] or "somebody"
            if self._typed is None:
                threading.Event().wait(_POLL_S)
                continue
            line = self._typed.next(_POLL_S)
            if line is not None:
                if not line:
                    raise StoppedByPersonError(f"nobody answered: {question}")
                return line, "the terminal"

    def _forget_answers(self) -> None:
        """What was answered before anything was asked is no answer to this."""
        while self._listener is not None and (heard := self._listener.answer()) is not None:
            self._report("answer.unasked", f"nobody had been asked: {heard[1] or 'somebody'} answered {heard[0]!r}")

    def _report(self, kind: str, message: str) -> None:
        if self._listener is not None:
            self._listener.report(kind, message)

    def carry_out(self, kind: str, target: str, text: str) -> None:
        """Show ``text`` and wait for "done"; "stop" ends the run."""
        _ = kind, target
        if self.ask(text, (_DONE, _STOP)) != _DONE:
            raise StoppedByPersonError(f"not done, and stopped: {text}")

    def confirm(self, kind: str, text: str) -> bool:
        """Show ``text`` and wait for "yes" or "no"."""
        _ = kind
        return self.ask(text, ("yes", "no")) == "yes"


class _TypedLines:
    """Lines as they are typed, read beside whoever waits for them, so that he can listen elsewhere too."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None
        self._ended = False

    def next(self, patience_s: float) -> str | None:
        """The next line, with its end; "" at the end of the input; None if nothing is typed for ``patience_s``."""
        if self._ended and self._lines.empty():
            return ""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
            self._reader.start()
        try:
            line = self._lines.get(timeout=patience_s)
        except queue.Empty:
            return None
        self._ended = self._ended or not line
        return line

    def _read(self) -> None:
        try:
            descriptor = self._source.fileno()
        except (OSError, ValueError, AttributeError):  # no file of the system's: a text in memory
            while line := self._source.readline():
                self._lines.put(line)
            self._lines.put("")
            return
        # Not through the file object: a thread that waits in it holds its lock, and the interpreter's end would wait
        # for that in vain and abort the process.
        rest = b""
        try:
            while data := os.read(descriptor, 4096):
                *whole, rest = (rest + data).split(b"\n")
                for typed in whole:
                    self._lines.put(typed.decode(errors="replace") + "\n")
        except OSError:
            pass  # the terminal is gone: nobody is there
        self._lines.put("")


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
