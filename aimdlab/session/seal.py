"""Sealing: the session folder becomes one file, verified before the folder goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from aimdlab import _platform
from aimdlab.errors import ConfigurationError, RecordError, SessionExistsError
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import FolderSession, sealed_path
from aimdlab.session.keys import BenchKey, key_for
from aimdlab.session.room import require_room
from aimdlab.session.sealed import SealedSession
from aimdlab.session.sealed_file import write_sealed_file


def seal(folder: SessionFolder, key: BenchKey | None = None) -> Path:
    """Seal a session and return the path of its file; ``folder`` is closed and gone afterwards.

    It is signed with the key that its header names: ``key``, or the one that lies on this computer. A session whose
    header names none is not signed.

    The file is written under a temporary name, brought to the medium, opened again and verified; only then it gets its
    name, and only then the folder is removed. Interrupted at any point, either the folder or the complete file is
    there, and the next :func:`seal` or :func:`finish_interrupted_seal` cleans up.

    Raises RecordAlteredError if a record is not what was committed, RecordError if the file cannot be written,
    SessionExistsError if another file has its name, ConfigurationError if the key is not here or another one. The
    folder then stays as it is.
    """
    target = sealed_path(folder.path)
    temporary = _temporary(target)
    if not target.exists():
        key = _signing_key(folder.header.signing_key, key)
        folder.report_commits()
        folder.events.record("session.sealing", "the session ends and is sealed", source="session", durable=True)
    folder.close()
    finish_interrupted_seal(folder.path)
    if target.exists():
        return target
    folder.room.give_up_reserve()
    require_room(target.parent, folder.room.sealed_bytes, "seal the session")
    try:
        write_sealed_file(FolderSession(folder.path), temporary, key, folder.committed)
        with SealedSession(temporary) as written:
            written.verify()
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    try:
        _platform.rename_durably(temporary, target)
    except OSError as error:
        raise RecordError(f"{temporary} is complete but cannot be renamed to {target.name}: {error}") from error
    _remove_folder(folder.path)
    return target


def finish_interrupted_seal(path: Path) -> bool:
    """Clean up after a seal of the session folder ``path`` that was interrupted; returns whether one was.

    Raises SessionExistsError if the sealed file there is not that of the folder, RecordAlteredError if it is damaged.
    """
    target = sealed_path(path)
    interrupted = _temporary(target).exists() or (target.exists() and (path.exists() or _doomed(path).exists()))
    try:
        _temporary(target).unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(f"{_temporary(target)}, left by a seal, cannot be removed: {error}") from error
    if target.exists() and path.exists():
        _check_same(path, target)
        _remove_folder(path)
    elif target.exists() and _doomed(path).exists():
        _remove_doomed(path)
    return interrupted


def _check_same(path: Path, target: Path) -> None:
    """Raise unless the sealed file is whole and holds all that the folder holds."""
    folder = FolderSession(path)
    with SealedSession(target) as sealed:
        hashes = [record.sha256 for record in folder.records()]
        same = sealed.header_sha256 == folder.header_sha256 and hashes == [record.sha256 for record in sealed.records()]
        if not same:
            raise SessionExistsError(
                f"{target} is there already and is not the sealed file of {path}. Move one of the two away."
            )
        sealed.verify()


def _remove_folder(path: Path) -> None:
    """Remove the folder of a sealed session: it loses its name at once, its contents after that."""
    doomed = _doomed(path)
    try:
        if doomed.exists():
            shutil.rmtree(doomed)
        # The file's name first: the run that gave it may have been killed before it told the medium.
        _platform.fsync_folder(path.parent)
        path.rename(doomed)
    except OSError as error:
        raise _not_removed(path, error) from error
    _remove_doomed(path)


def _remove_doomed(path: Path) -> None:
    """Remove what is left of a folder that lost its name; the medium must know that before its contents go."""
    try:
        _platform.fsync_folder(path.parent)
        shutil.rmtree(_doomed(path))
        _platform.fsync_folder(path.parent)
    except OSError as error:
        raise _not_removed(path, error) from error


def _not_removed(path: Path, error: OSError) -> RecordError:
    return RecordError(
        f"{sealed_path(path)} is sealed and verified, but the folder {path} cannot be removed: {error}. "
        "Close whatever uses it and seal again."
    )


def _signing_key(wanted: str, given: BenchKey | None) -> BenchKey | None:
    """The key to sign with; ConfigurationError if it is not the one that the header names."""
    if not wanted:
        return None
    if given is not None and given.public != wanted:
        raise ConfigurationError(
            f"{given.public_file} is not the key that the session says it will be signed with. Seal it with the bench "
            "file, and in the folder of keys, with which it was recorded."
        )
    return given or key_for(wanted)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.sealing")


def _doomed(path: Path) -> Path:
    return path.with_name(f".{path.name}.sealed")
