"""Writing the one file of a sealed session from its folder."""

from __future__ import annotations

import os
from pathlib import Path

import h5py

import aimdlab
from aimdlab import _platform
from aimdlab.errors import RecordError
from aimdlab.session import canonical, hdf5
from aimdlab.session.base import commit_of
from aimdlab.session.chain import check_links
from aimdlab.session.commits import Commits
from aimdlab.session.committed import CommittedFiles
from aimdlab.session.events import check_event_lines, read_event_lines
from aimdlab.session.folder_reader import EVENTS_FILE, FolderSession
from aimdlab.session.header import FORMAT_VERSION, utc_now
from aimdlab.session.header_file import write_header
from aimdlab.session.keys import BenchKey
from aimdlab.session.sealed import ENTRY, FORMAT, INTEGRITY
from aimdlab.session.sealed_arrays import CaptureRows, ReadingSeries
from aimdlab.session.sealed_plot import ShownExposure
from aimdlab.session.sealed_tables import AttemptTables, write_environment, write_steps
from aimdlab.session.tree import describe_tree
from aimdlab.session.verdicts import TriedAttempts, results_of, tried_of


def write_sealed_file(
    session: FolderSession, path: Path, key: BenchKey | None, known: CommittedFiles | None = None
) -> None:
    """Write the sealed file of ``session`` to the new ``path``, signed with ``key``, and bring it to the medium.

    ``known`` are the files of it that this process wrote. One attempt is in memory at a time, and of it only compressed
    codes. Raises RecordAlteredError if the folder's chains are broken, RecordError if the file cannot be written.
    """
    try:
        with hdf5.create_file(path) as file:
            _write(session, file, key, known)
        _platform.fsync_path(path)
    except (OSError, RuntimeError) as error:  # HDF5's close raises RuntimeError on a full disk
        # HDF5's own words hold addresses; the operating system's are enough.
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "writing failed"
        raise RecordError(
            f"{path}: the sealed file cannot be written: {why}. The session's folder is as it was; "
            "make room or mend the disk, and seal it again."
        ) from error


def _write(session: FolderSession, file: h5py.File, key: BenchKey | None, known: CommittedFiles | None) -> None:
    header = session.header
    file.attrs.update({"NX_class": "NXroot", "default": ENTRY, "format": FORMAT, "format_version": FORMAT_VERSION})
    file.attrs["creator"] = f"aimdlab {aimdlab.__version__}"
    entry = file.create_group(ENTRY)
    entry.attrs["NX_class"] = "NXentry"
    for name, text in {
        "title": header.title,
        "entry_identifier": header.session_id,
        "start_time": header.created_utc,
        "program_name": "aimdlab",
    }.items():
        hdf5.write_text(entry, name, hdf5.without_nul(text))
    write_header(entry, header)
    write_environment(entry, header)
    events, reported = _write_events(session, entry)
    attempts, captures = _write_attempts(session, entry, reported, known)
    _write_integrity(session, file, captures, key, events=events, attempts=attempts)


def _write_events(session: FolderSession, entry: h5py.Group) -> tuple[dict[str, object], Commits]:
    """Copy the lines of the event log, checked; returns their number and last hash, and what the commits reported."""
    log = session.path / EVENTS_FILE
    column = hdf5.TextColumn(hdf5.create_texts(entry, "events", sum(1 for _ in read_event_lines(log))))
    count, last, reported = 0, session.header_sha256, Commits()
    for event in check_event_lines(column.passing(read_event_lines(log)), last):
        count, last = event.n + 1, event.sha256
        if (commit := commit_of(event)) is not None:
            reported.append(commit)
    column.flush()
    return {"count": count, "last": last}, reported


def _write_attempts(
    session: FolderSession, entry: h5py.Group, reported: Commits, known: CommittedFiles | None
) -> tuple[dict[str, object], list[str]]:
    """Copy records, captures and readings; returns number and last hash of the attempts, and the groups of captures."""
    count, last, end_time = 0, session.header_sha256, session.header.created_utc
    captures, readings, tables = CaptureRows(entry), ReadingSeries(entry), AttemptTables()
    shown = ShownExposure(entry)
    tried = TriedAttempts()
    texts = hdf5.TextColumn(hdf5.create_texts(entry, "records", len(reported)))
    opened = session.open_attempts(reported, known)
    for attempt in check_links(opened, anchor=last, anchor_name="the session's header", kind="attempt"):
        record = attempt.record
        texts.add(record.text)
        tables.add(record)
        shown.add(record, captures.add(attempt))
        readings.add(attempt)
        tried.add(record.step, tried_of(record))
        count, last, end_time = record.index + 1, record.sha256, str(record.attempt["ended_utc"])
    texts.flush()
    groups = captures.finish()
    plots = [*shown.write(), *readings.finish()]
    tables.write(entry)
    write_steps(entry, session.header, results_of(session.header, tried))
    hdf5.write_text(entry, "end_time", hdf5.without_nul(end_time))
    if plots:
        entry.attrs["default"] = plots[0]
    return {"count": count, "last": last}, groups


def _write_integrity(
    session: FolderSession,
    file: h5py.File,
    captures: list[str],
    key: BenchKey | None,
    *,
    events: dict[str, object],
    attempts: dict[str, object],
) -> None:
    """Write the list of everything in the file, the root record over it all, and the bench's signature of that."""
    group = file[ENTRY].create_group(INTEGRITY)
    group.attrs["NX_class"] = "NXcollection"
    if key is not None:
        hdf5.write_text(group, "signing_key", key.public)
    own = [hdf5.create_text(group, name) for name in ("tree", "root", "root_sha256", *(["signature"] if key else []))]
    codes = [f"/{ENTRY}/{name}/codes" for name in captures]
    chained = [f"/{ENTRY}/records", f"/{ENTRY}/events"]
    tree = canonical.encode(describe_tree(file, frozenset([*codes, *chained, *(dataset.name for dataset in own)])))
    root = canonical.encode(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "session_id": session.header.session_id,
            "header": session.header_sha256,
            "attempts": attempts,
            "events": events,
            "tree": canonical.sha256(tree),
            "sealed_utc": utc_now(),
            "software": f"aimdlab {aimdlab.__version__}",
        }
    )
    texts = (tree, root, canonical.sha256(root), *([key.sign(root.encode())] if key else []))
    for dataset, text in zip(own, texts, strict=True):
        dataset[()] = text
