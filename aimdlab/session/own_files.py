"""The files of a session folder are files in it: a link in their place leads to what is not the session's."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from aimdlab.errors import RecordAlteredError


def check_own_file(path: Path) -> None:
    """Raise RecordAlteredError if a link, a folder, a pipe or a device lies at ``path``; OSError if nothing does."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _strange(path)


def check_own_folder(path: Path) -> None:
    """Raise RecordAlteredError if anything but a folder lies at ``path``; nothing may."""
    if (path.exists() or path.is_symlink()) and not stat.S_ISDIR(path.lstat().st_mode):
        raise _strange(path)


def open_own(path: Path) -> BinaryIO:
    """A file of the folder, open for reading; RecordAlteredError as :func:`check_own_file`, or OSError."""
    check_own_file(path)
    return path.open("rb")


def _strange(path: Path) -> RecordAlteredError:
    what = "a link to somewhere else" if path.is_symlink() else "of another kind"
    return RecordAlteredError(f"{path} was altered: what lies there is {what}; put back what was recorded")
