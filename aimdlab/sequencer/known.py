"""What this user's computer knows of its benches after a restart: which there are, and which sessions were at work.

One small file for each, in a folder of the user (``AIMDLAB_BENCHES`` names another one): written before anything is
switched on, that of a session removed when its run ends by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aimdlab import _platform
from aimdlab._platform import Holder
from aimdlab.errors import RecordError

VARIABLE = "AIMDLAB_BENCHES"
_BENCHES, _AT_WORK = "benches", "at_work"


@dataclass(frozen=True)
class AtWork:
    """A session whose run did not end by itself, or still runs.

    Attributes:
        session: its folder.
        bench: its bench file.
        resume: the command that goes on with it while nobody is there; empty: its campaign does not allow that.
        folder: working folder of that command.
        holder: the run's process.
    """

    session: str
    bench: str
    resume: tuple[str, ...]
    folder: str
    holder: Holder

    def is_running(self) -> bool:
        """Whether that process lives on this computer."""
        started = _platform.process_started(self.holder.pid)
        return _platform.is_process_alive(self.holder.pid) and (not started or started == self.holder.started)


@contextmanager
def at_work(entry: AtWork, *, simulated: bool) -> Iterator[None]:
    """Note a real bench for ever, and a session until its run has ended by itself; RecordError if that cannot be.

    Of a simulated bench nothing is on after a restart.
    """
    try:
        note = known_folder() / _AT_WORK / _name(entry.session)
        if not simulated:
            _write(known_folder() / _BENCHES / _name(entry.bench), {"bench": entry.bench})
        _write(note, asdict(entry))
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home folder
        raise RecordError(
            f"what is at work cannot be noted: {error}. After a restart of this computer nobody would know of the "
            f"bench. Name a folder that this user may write in {VARIABLE}."
        ) from error
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def known_benches() -> list[Path]:
    """The bench files of every real bench that was ever run from this computer by this user, in order."""
    return sorted(Path(found["bench"]) for found in _read(_BENCHES) if isinstance(found.get("bench"), str))


def damaged_notes() -> list[Path]:
    """Files that should name a bench and do not: nobody knows which it was."""
    notes = sorted((known_folder() / _BENCHES).glob("*.json"))
    return [note for note in notes if not isinstance(_content(note).get("bench"), str)]


def sessions_at_work() -> list[AtWork]:
    """The sessions whose run did not end by itself, or still runs."""
    return sorted((entry for found in _read(_AT_WORK) if (entry := _entry(found))), key=lambda entry: entry.session)


def forget(entry: AtWork) -> None:
    """A session is no longer at work; nothing happens if that is known."""
    (known_folder() / _AT_WORK / _name(entry.session)).unlink(missing_ok=True)


def _entry(found: dict[str, Any]) -> AtWork | None:
    try:
        return AtWork(
            str(found["session"]),
            str(found["bench"]),
            tuple(str(word) for word in found["resume"]),
            str(found["folder"]),
            Holder(**found["holder"]),
        )
    except (KeyError, TypeError):
        return None


def known_folder() -> Path:
    """Where the files lie; RuntimeError if this user has no home folder."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else _platform.user_data_folder() / "aimdlab"


def _name(text: str) -> str:
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def _write(path: Path, content: dict[str, Any]) -> None:
    _platform.make_folders_durably(path.parent)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    _platform.write_durably(path, json.dumps(content, ensure_ascii=False).encode(), temporary=temporary)


def _read(kind: str) -> Iterator[dict[str, Any]]:
    """What the files say; one that a power cut or a person damaged says nothing."""
    for path in sorted((known_folder() / kind).glob("*.json")):
        yield _content(path)


def _content(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
