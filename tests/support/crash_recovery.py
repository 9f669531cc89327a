"""What must be true of a disk after a power cut, whatever it left: the product finds all that was promised, and goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aimdlab.capture import Capture, Reading
from aimdlab.errors import RecordError, SessionExistsError
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.events import Event
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import sealed_path
from aimdlab.session.header import SessionHeader, new_header
from aimdlab.session.model import Attempt
from aimdlab.session.place import refuse_taken_path
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal
from disk_images import Image

SESSION = "lab/night/session"


def attempt_of(step: int, number: int = 1) -> Attempt:
    """A small attempt, the same whenever it is made."""
    codes = (np.arange(700) * (step + 2 * number)).astype(np.int16)
    capture = Capture("device_monitor", "exposure", codes, 1e-3, 0.0, "V", 1e-6, 0.0, -32768, 32767)
    reading = Reading("ambient_temperature", "K", np.arange(3.0), np.full(3, 295.0 + number))
    verdict = Verdict.INVALID if (step, number) == (1, 1) else Verdict.PASS
    score = Score(verdict, "", (), ())
    clocks = (0.0, 0.0, 0.0, 0.0, 15.0)
    return Attempt(step, f"step/{step}", number, "sequence", {}, {}, "", "", *clocks, (capture,), (reading,), score)


def header_of(steps: int) -> SessionHeader:
    plan = tuple({"step_id": f"step/{step}", "storage_bytes": 1400} for step in range(steps))
    return new_header(title="crash", plan=plan, configuration={"campaign.yaml": "device: x\n" * 50})


@dataclass(frozen=True)
class Undisturbed:
    """What the writer would have left had nobody cut its power.

    Attributes:
        attempts: the hashes of all attempts.
        events: those of all events.
    """

    attempts: Sequence[str]
    events: Sequence[str]


def recover(image: Image, root: Path, expected: Undisturbed, *, to_the_end: bool) -> str:
    """Mount an image, see that nothing promised is missing and nothing else is there, and go on.

    Args:
        image: what the power cut left.
        root: where it is mounted; not there yet.
        expected: what there could be.
        to_the_end: seal the session, which takes most of the time.

    Returns what was found: "nothing", "unfinished", "folder", "both" or "sealed".
    """
    image.write(root)
    path = root / SESSION
    if not path.exists() and not sealed_path(path).exists():
        assert not _says_something(image)
        SessionFolder.create(path, header_of(1)).close()
        return "nothing"
    if path.exists() and not (path / "session.h5").exists():
        assert not _says_something(image)
        with pytest.raises(RecordError, match="holds no session"):
            open_session(path)
        with pytest.raises(SessionExistsError, match="it holds nothing; perhaps an interrupted start left it"):
            refuse_taken_path(path)
        return "unfinished"
    with open_session(path) as session:  # as it lies there, before anything is put right
        session.verify()
        found = [record.sha256 for record in session.records()]
        events = list(session.events())
    _check_found(image, found, events, expected)
    if sealed_path(path).exists():
        return _finish(image, path, found)
    assert not image.kept("sealed")
    _go_on(image, path, found, events, to_the_end=to_the_end)
    return "folder"


def _says_something(image: Image) -> bool:
    return any(image.kept(kind) for kind in ("attempt", "events", "command", "sealed", "torn"))


def _check_found(image: Image, found: list[str], events: Sequence[Event], expected: Undisturbed) -> None:
    promised = list(dict.fromkeys(image.kept("attempt")))
    assert found[: len(promised)] == promised
    assert found == list(expected.attempts[: len(found)])
    hashes = [event.sha256 for event in events]
    assert hashes == list(expected.events[: len(hashes)])
    assert len(hashes) >= max(image.kept("events"), default=0)


def _finish(image: Image, path: Path, found: list[str]) -> str:
    """The seal was complete: nothing but the file is left, by whichever command comes next."""
    both, before = path.exists(), sealed_path(path).read_bytes()
    if both and len(image.origin) % 2:
        seal(SessionFolder.open(path))
    finish_interrupted_seal(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["session.h5"]
    assert sealed_path(path).read_bytes() == before
    with open_session(path) as session:
        if both:  # else it was verified already
            session.verify()
        assert [record.sha256 for record in session.records()] == found
    return "both" if both else "sealed"


def _go_on(image: Image, path: Path, found: list[str], events: Sequence[Event], *, to_the_end: bool) -> None:
    """The session can be opened, takes commands and another attempt, and is sealed with all that it had."""
    with SessionFolder.open(path) as folder:
        before = {event.data["file"] for event in events if event.kind == "command.received"}
        waiting = {entry.name for entry in (path / "inbox").glob("*.json")}
        put_away = {entry.name for entry in (path / "inbox" / "done").iterdir()}
        assert set(image.kept("command")) <= waiting | put_away | before
        assert len(folder.inbox.poll()) == len(waiting - before)
        assert not list((path / "inbox").glob("*.json"))
        for torn in image.kept("torn"):
            assert torn in {entry.read_bytes() for entry in path.glob("events.torn-*")}
        further = folder.commit(attempt_of(2, 9))
        if to_the_end:
            sealed = seal(folder)
            assert [entry.name for entry in path.parent.iterdir()] == [sealed.name]
    with open_session(path) as session:
        session.verify()
        assert [record.sha256 for record in session.records()] == [*found, further]
        kinds = [event.kind for event in session.events()]
    assert kinds.count("session.created") == 1
    assert kinds.count("attempt.committed") + kinds.count("attempt.found") == len(found) + 1
