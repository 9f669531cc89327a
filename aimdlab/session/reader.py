"""Opening and verifying a session, whatever state it is in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aimdlab.errors import NoSessionError, RecordError
from aimdlab.session.base import Session, Verification
from aimdlab.session.folder_reader import FolderSession, sealed_path
from aimdlab.session.header import SessionHeader
from aimdlab.session.other_file import refuse_other_file
from aimdlab.session.sealed import SealedSession


def open_session(path: Path) -> Session:
    """The session at ``path``: a folder, a sealed file, or the name a sealed one had as a folder.

    Raises NoSessionError if there is none or another file, RecordAlteredError if its header is not what was written.
    """
    if path.is_dir():
        return FolderSession(path)
    if path.is_file():
        refuse_other_file(path)
        return SealedSession(path)
    if sealed_path(path).is_file():
        return SealedSession(sealed_path(path))
    folder = path.with_suffix("")
    if path.suffix == ".h5" and folder.is_dir():
        raise NoSessionError(f"there is no session at {path}: it is not sealed yet, and still the folder {folder}")
    raise NoSessionError(f"there is no session at {path}: neither a folder nor a sealed file {sealed_path(path).name}")


@dataclass(frozen=True)
class Verified:
    """A session that is what was recorded.

    Attributes:
        path: the folder or the sealed file.
        header: its header.
        found: counts, ends of the chains, root and signature.
    """

    path: Path
    header: SessionHeader
    found: Verification


def verify_session(path: Path) -> Verified:
    """Open a session and verify it; a run may be writing to it, and may seal it, meanwhile.

    Raises NoSessionError if there is none, RecordAlteredError naming the first record altered, removed, added or moved,
    RecordError if it cannot be read.
    """
    was_folder = path.is_dir()
    try:
        return _verify(path)
    except RecordError as error:
        if not was_folder or path.exists():
            raise
        if not sealed_path(path).is_file():
            raise RecordError(f"{path} was moved away while it was read") from error
    # The folder loses its name at once when its sealed file is there, which holds the same records.
    return _verify(path)


def _verify(path: Path) -> Verified:
    try:
        with open_session(path) as session:
            return Verified(session.path, session.header, session.verify())
    except OSError as error:
        raise RecordError(f"the session {path} cannot be read: {error}") from error
