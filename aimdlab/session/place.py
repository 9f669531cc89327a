"""The place where a session is made: is it free, can it be written, has it room?"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aimdlab import _platform
from aimdlab.errors import ConfigurationError, RecordError, SessionExistsError
from aimdlab.session.folder_reader import ATTEMPTS_FOLDER, EVENTS_FILE, HEADER_FILE, TEMPORARY_SUFFIX, sealed_path
from aimdlab.session.inbox import FOLDER, make_inbox
from aimdlab.session.room import RESERVE_FILE, bytes_at_start, folder_bytes, size

# File systems take 255 bytes; sealing puts a dot before the name and ".h5.sealing" after it.
_LONGEST_NAME_BYTES = 200


def refuse_taken_path(path: Path) -> None:
    """Raise SessionExistsError if a session or anything else stands at ``path`` or at its sealed file.

    Raises ConfigurationError if no session folder could be made there.
    """
    if path.name in ("", "..") or "\0" in str(path):
        raise ConfigurationError(f"{str(path)!r} names no session; give the path of a new folder")
    if len(os.fsencode(path.name)) > _LONGEST_NAME_BYTES:
        raise ConfigurationError(
            f"the session's name {path.name[:20]}... is too long; at most {_LONGEST_NAME_BYTES} bytes"
        )
    if path.suffix == ".h5":
        raise ConfigurationError(f"name the session without .h5: {path.with_suffix('')}; sealing appends it")
    try:
        if sealed_path(path).exists():
            raise SessionExistsError(
                f"{sealed_path(path)} is there already; nothing recorded is ever overwritten. Choose another path."
            )
        if path.exists():
            raise SessionExistsError(f"{path} is there already; {_what_stands(path)}")
        above = next((parent for parent in path.parents if parent.exists()), path)
        usable = above.is_dir()
    except OSError as error:
        raise ConfigurationError(f"no session can be made at {str(path)[:80]!r}: {error.strerror}") from error
    if not usable:
        raise ConfigurationError(f"no session can be made at {path}: {above} is not a folder")


def _what_stands(path: Path) -> str:
    if (path / HEADER_FILE).exists():
        return (
            "nothing recorded is ever overwritten. Choose another path; or go on with that session: "
            f"aimdlab resume {path}, or end it as it is: aimdlab seal {path}."
        )
    if path.is_dir() and all(_holds_nothing(entry) for entry in path.rglob("*")):
        return "it holds nothing; perhaps an interrupted start left it. Remove it, or choose another path."
    return "nothing is ever overwritten. Choose another path."


def _holds_nothing(path: Path) -> bool:
    return path.is_dir() or path.suffix == TEMPORARY_SUFFIX or path.stat().st_size == 0


def refuse_without_room(path: Path, captures: Sequence[int]) -> None:
    """Raise ConfigurationError if a session cannot be written at ``path``: a new folder, or one that is gone on with.

    Asked before anything is connected. The disk must take a file, flush the names in a folder, and have room for both
    copies as far as can be foreseen.

    Args:
        path: the session's folder.
        captures: raw bytes of each step that is to be done.
    """
    goes_on = path.is_dir()
    above = next((parent for parent in path.absolute().parents if parent.is_dir()), path.absolute())
    try:
        with tempfile.TemporaryFile(dir=above) as probe:  # shows a quota that is used up, too
            probe.write(os.urandom(4096))
            probe.flush()
            os.fsync(probe.fileno())
        _platform.fsync_folder(above)
        free = shutil.disk_usage(above).free
    except OSError as error:
        raise ConfigurationError(
            f"no session can be written at {path}: {above} takes no files: {error.strerror}. "
            + ("Make room on the disk, or see to it; what was measured is safe." if goes_on else "Choose another path.")
        ) from error
    needed = bytes_at_start(captures) + (_still_needed(path) if goes_on else 0)
    if free < needed:
        raise ConfigurationError(
            f"no room for the session {path}: {'what is left of it' if goes_on else 'it'} and its sealed copy take "
            f"{size(needed)} as far as can be foreseen ({size(sum(captures))} of captures before compression), and "
            f"{size(free)} are free. "
            + ("Make room on its disk; what was measured is safe." if goes_on else "Make room or choose another disk.")
        )


def _still_needed(folder: Path) -> int:
    """What sealing will take for what is there already, less the reserve that it holds."""
    try:
        return folder_bytes(folder) - (folder / RESERVE_FILE).stat().st_size
    except FileNotFoundError:  # none is held
        return folder_bytes(folder)


def make_folder(path: Path, header_image: bytes) -> None:
    """Make the folder of a new session, durably; without its header, which comes last, it is none.

    Raises SessionExistsError if it is there, RecordError if it cannot be made; nothing is left behind then.
    """
    try:
        _platform.make_folders_durably(path.parent, mode=0o777)
        path.mkdir()
    except FileExistsError as error:
        raise SessionExistsError(f"{path} was made by another program just now. Choose another path.") from error
    except OSError as error:
        raise RecordError(f"the session {path} cannot be written: {error}") from error
    try:
        (path / ATTEMPTS_FOLDER).mkdir()
        make_inbox(path)
        (path / EVENTS_FILE).touch()
        for folder in (path / FOLDER, path):  # where there is a header, everything else is there
            _platform.fsync_folder(folder)
        target = path / HEADER_FILE
        _platform.write_durably(target, header_image, temporary=target.with_name(target.name + TEMPORARY_SUFFIX))
        _platform.fsync_folder(path.parent)
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise RecordError(f"the session {path} cannot be written: {error}") from error
