"""What stands after the last whole line of an event log that a crash cut short."""

from __future__ import annotations

from pathlib import Path

from aimdlab import _platform
from aimdlab.errors import RecordAlteredError
from aimdlab.session.events import LARGEST_LINE_BYTES


def torn_bytes(path: Path, whole: int) -> bytes:
    """What stands after the whole lines."""
    if not path.exists():
        return b""
    with path.open("rb") as log:
        log.seek(whole)
        torn = log.read(LARGEST_LINE_BYTES + 1)
    if len(torn) > LARGEST_LINE_BYTES:
        raise RecordAlteredError(
            f"{path} was altered: more than {LARGEST_LINE_BYTES} bytes at its end are no event. Cut them off to go on."
        )
    return torn


def set_aside(log: Path, n: int, torn: bytes) -> Path:
    """Keep the bytes of a torn line beside the log, under a name that nothing else was set aside under."""
    aside = base = log.with_name(f"{log.stem}.torn-{n}")
    copy = 1
    while aside.exists() and aside.read_bytes() != torn:
        copy += 1
        aside = base.with_name(f"{base.name}-{copy}")
    _platform.write_durably(aside, torn, temporary=aside.with_name(aside.name + ".tmp"))
    return aside
