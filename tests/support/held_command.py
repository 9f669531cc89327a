"""The real command line, held at a place of its work until a line comes on standard input: killed or spoken to meanwhile.

held_command.py PLACE N ARGUMENTS...    at PLACE for the Nth time it says "held" on standard error

Places: committed (an attempt is committed), written (it has its name, but no event reports it), sealing (the session is
to be sealed), unnamed (the sealed file is written and verified, not yet named), named (it has its name, the folder is
there), removing (the folder has lost its name, not its files). Two are no places: with VERSION=... the command takes
itself for that version of aimdlab, with FULL the disk is full after N commits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import aimdlab
from aimdlab import _platform
from aimdlab.cli import main
from aimdlab.session import room
from aimdlab.session import seal as sealing
from aimdlab.session.folder import SessionFolder


class Hold:
    """Stops the process at the Nth time of one place."""

    def __init__(self, place: str, count: int) -> None:
        self._place, self._left = place, count

    def at(self, place: str) -> None:
        if place != self._place:
            return
        self._left -= 1
        if self._left == 0:
            self.hold()

    def hold(self) -> None:
        sys.stderr.write("held\n")
        sys.stderr.flush()
        sys.stdin.readline()

    def before(self, owner: Any, name: str, place: str) -> None:
        self._wrap(owner, name, lambda call: (self.at(place), call())[1])

    def after(self, owner: Any, name: str, place: str) -> None:
        def then(call: Callable[[], Any]) -> Any:
            result = call()
            self.at(place)
            return result

        self._wrap(owner, name, then)

    def _wrap(self, owner: Any, name: str, around: Callable[[Callable[[], Any]], Any]) -> None:
        real = getattr(owner, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            return around(lambda: real(*arguments, **named))

        setattr(owner, name, wrapped)


def hold(place: str, count: int) -> None:
    held = Hold(place, count)
    held.after(SessionFolder, "commit", "committed")
    real_report = SessionFolder.report_commits

    def report(folder: SessionFolder) -> None:
        if folder._unreported:
            held.at("written")
        real_report(folder)

    SessionFolder.report_commits = report  # type: ignore[method-assign]
    held.before(sealing, "write_sealed_file", "sealing")
    real_rename = _platform.rename_durably

    def rename(source: Any, target: Any) -> None:
        if source.name.endswith(".sealing"):
            held.at("unnamed")
        real_rename(source, target)

    _platform.rename_durably = rename
    held.before(sealing, "_remove_folder", "named")
    held.before(sealing, "_remove_doomed", "removing")


def fill_disk(count: int) -> None:
    full = Hold("full", count)
    full.hold = lambda: setattr(room, "free_bytes", lambda _: 0)  # type: ignore[method-assign]
    full.after(SessionFolder, "commit", "full")


if __name__ == "__main__":
    place, count, sys.argv = sys.argv[1], int(sys.argv[2]), ["aimdlab", *sys.argv[3:]]
    if place.startswith("VERSION="):
        aimdlab.__version__ = place.partition("=")[2]
    elif place == "FULL":
        fill_disk(count)
    else:
        hold(place, count)
    main()
