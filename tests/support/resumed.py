"""Commands that stand still at a place of their work, sessions that are gone on with, and what these hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import held_command
from aimdlab.session.reader import open_session
from command_line import Lab
from patience import LIMIT_S

HELD = [sys.executable, "-W", "error", held_command.__file__]
READ = "1/settings-after"  # what the exposures left is read before the device is programmed again


@contextmanager
def held(lab: Lab, place: str, count: int, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command, standing still at a place; it goes on with :func:`released`, or dies at the end."""
    with subprocess.Popen(
        [*HELD, place, str(count), *map(str, arguments)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8",
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = []
        while (line := process.stderr.readline()) != "held\n":
            assert line, said
            said.append(line)
        try:
            yield process
        finally:
            process.kill()


def released(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit status and what was said, after the command was let go."""
    output, said = process.communicate("go\n", timeout=LIMIT_S)
    return process.returncode, output, said


def resume(lab: Lab, *more: str | Path) -> tuple[int, dict[str, Any]]:
    done = lab.cli("resume", lab.session, "--json", *more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def events(session: Path) -> list[Any]:
    with open_session(session) as found:
        found.verify()
        return list(found.events())


def committed(session: Path) -> list[tuple[str, int]]:
    """Step and number of each attempt, in the order of commit."""
    with open_session(session) as found:
        return [(str(record.attempt["step_id"]), record.number) for record in found.records()]
