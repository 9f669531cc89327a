"""What a file is that stands where a session should, in words, and what to give instead."""

from __future__ import annotations

from pathlib import Path

from aimdlab.errors import NoSessionError, RecordError
from aimdlab.session.folder_reader import HEADER_FILE

RESCORED_SUFFIX = ".rescored.jsonl"
"""Of the record of a scoring under other limits; :mod:`aimdlab.replay.rescoring` writes it."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "a picture", b"%PDF-": "a PDF document", b"PK\x03\x04": "a ZIP archive"}
_READ_BYTES = 4096


def refuse_other_file(path: Path) -> None:
    """Raise NoSessionError if a file is no session by its name and none by its first bytes.

    A file named ``.h5``, or one that begins as HDF5 does, may be a damaged session: it is left to who opens it. Raises
    RecordError if the file cannot be read.
    """
    if path.suffix == ".h5":
        return
    try:
        with path.open("rb") as file:
            beginning = file.read(_READ_BYTES)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or error}") from error
    if beginning.startswith(_HDF5):
        return
    if (path.parent / HEADER_FILE).is_file():
        raise NoSessionError(f"{path} is no session, but a file of the session folder {path.parent}: give that folder.")
    if path.name.endswith(RESCORED_SUFFIX):
        raise NoSessionError(
            f"{path} is no session, but the record of a scoring under other limits: prove it with "
            f'"aimdlab replay {path}", or give the session that was scored.'
        )
    raise NoSessionError(
        f"{path} is no session, but {_in_words(beginning)}: give the folder of a session, or its sealed file, whose "
        "name ends in .h5."
    )


def _in_words(beginning: bytes) -> str:
    if not beginning:
        return "an empty file"
    for known, words in _BEGINNINGS.items():
        if beginning.startswith(known):
            return words
    # Three bytes may be missing of the last character.
    text = beginning.decode(errors="ignore").encode()
    return "a text file" if b"\0" not in beginning and len(text) >= len(beginning) - 3 else "a file of another kind"
