"""Reads sessions in a process of its own, in every way there is, and tells what came of it: a hostile one may kill it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patience import LIMIT_S

MEMORY_BYTES = 1 << 30


@dataclass(frozen=True)
class Answers:
    """What the ways of reading a session said.

    Attributes:
        errors: by way of reading; only those that raised an AimdlabError.
        surprises: likewise, those that raised anything else.
        peak_bytes: most memory the process had so far; 0 where the system does not say.
    """

    errors: dict[str, str]
    surprises: dict[str, str]
    peak_bytes: int


def assert_refused(answers: Answers, way: str = "verify") -> str:
    """No way of reading did more than raise an error, in bounded memory; what that way's error said."""
    assert not answers.surprises
    assert answers.peak_bytes < MEMORY_BYTES
    assert way in answers.errors
    return answers.errors[way]


class Reader:
    """The process; use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, session: Path, *, write: bool = False) -> Answers:
        """Read a session in every way; with ``write`` also open its folder to go on, and seal it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(session), write]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{session} killed the process that read it: {self._process.wait(LIMIT_S)}"
        return Answers(**json.loads(answer))

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=LIMIT_S)
        finally:
            self._process.kill()


def _ways(session: Path, *, write: bool) -> dict[str, Callable[[], object]]:
    from aimdlab.session.folder import SessionFolder
    from aimdlab.session.reader import open_session
    from aimdlab.session.seal import seal

    def reading(read: Callable[[Any], object]) -> Callable[[], object]:
        def run() -> None:
            with open_session(session) as opened:
                read(opened)

        return run

    def attempts(opened: Any) -> None:
        for attempt in opened.attempts():
            for capture in attempt.captures:
                _ = capture.codes.sum()
            for series in attempt.readings:
                _ = series.values.sum()

    def go_on_and_seal() -> None:
        with SessionFolder.open(session) as folder:
            folder.inbox.poll()
            seal(folder)

    ways = {
        "verify": reading(lambda opened: opened.verify()),
        "records": reading(lambda opened: sum(1 for _ in opened.records())),
        "events": reading(lambda opened: sum(1 for _ in opened.events())),
        "steps": reading(lambda opened: opened.steps()),
        "attempts": reading(attempts),
    }
    return {**ways, "seal": go_on_and_seal} if write else ways


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _serve() -> None:
    from aimdlab.errors import AimdlabError

    for line in sys.stdin:
        session, write = json.loads(line)
        errors, surprises = {}, {}
        for way, read in _ways(Path(session), write=write).items():
            try:
                read()
            except AimdlabError as error:
                errors[way] = str(error)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is told to the test
                surprises[way] = repr(error)
        answer = {"errors": errors, "surprises": surprises, "peak_bytes": _peak_bytes()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _serve()
