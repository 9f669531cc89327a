"""Opening a session, whatever state it is in."""

from __future__ import annotations

from pathlib import Path

from aimdlab.errors import RecordError
from aimdlab.session.base import Session
from aimdlab.session.folder_reader import FolderSession, sealed_path
from aimdlab.session.sealed import SealedSession


def open_session(path: Path) -> Session:
    """The session at ``path``: a folder, a sealed file, or the name a sealed one had as a folder.

    Raises RecordError if there is none, RecordAlteredError if its header is not what was written.
    """
    if path.is_dir():
        return FolderSession(path)
    if path.is_file():
        return SealedSession(path)
    if sealed_path(path).is_file():
        return SealedSession(sealed_path(path))
    raise RecordError(f"there is no session at {path}: neither a folder nor a sealed file {sealed_path(path).name}")
