"""The session's header in an HDF5 group: its canonical record and the configuration files verbatim."""

from __future__ import annotations

import h5py

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session import canonical, hdf5, inspection
from aimdlab.session.header import (
    FORMAT_VERSION,
    HeaderText,
    SessionHeader,
    header_record,
)


def write_header(group: h5py.Group, header: SessionHeader) -> str:
    """Write ``header`` (canonical text) and ``configuration`` (one NXnote per file) into a group; returns the hash."""
    text = header_record(header)
    digest = canonical.sha256(text)
    hdf5.write_text(group, "header", text).attrs["sha256"] = digest
    notes = group.create_group("configuration")
    notes.attrs["NX_class"] = "NXcollection"
    for position, (name, content) in enumerate(header.configuration.items()):
        note = notes.create_group(f"{position:04d}")
        note.attrs["NX_class"] = "NXnote"
        hdf5.write_text(note, "file_name", name)
        try:
            hdf5.write_text(note, "data", content).attrs["sha256"] = canonical.sha256(content)
        except ValueError as error:
            raise RecordError(f"the configuration file {name} cannot be recorded: {error}") from error
    return digest


def read_header(group: h5py.Group, where: str) -> tuple[SessionHeader, str]:
    """The header in a group and its hash; RecordAlteredError if it or a configuration file is not what was written."""
    try:
        text = hdf5.read_text(group, "header")
        stored = str(group["header"].attrs.get("sha256"))
        digest = canonical.sha256(text)
        if digest != stored:
            raise RecordAlteredError(f"{where}: the session's header was altered: its hash is another one")
        recorded = HeaderText(text)
        del text  # it can be megabytes
        header = recorded.header(_read_configuration(group, where, recorded.configuration))
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{where}: the session's header was altered or is none: {error}") from error
    if header.format_version > FORMAT_VERSION:
        raise RecordError(
            f"{where} has format version {header.format_version}, newer than this aimdlab can read ({FORMAT_VERSION})."
        )
    return header, digest


def _read_configuration(group: h5py.Group, where: str, hashes: dict[str, str]) -> dict[str, str]:
    notes = inspection.find(group, "configuration")
    texts: dict[str, str] = {}
    for key in inspection.names(notes):
        name = _read_note(notes, key, "file_name", where)
        if len(texts) >= len(hashes):
            raise RecordAlteredError(f"{where}: the configuration file {name} was added")
        texts[name] = _read_note(notes, key, "data", where)
        if sum(map(len, texts.values())) > inspection.LARGEST_TEXT_BYTES:
            raise ValueError("its configuration files are larger than those of any session")
        if name not in hashes:
            raise RecordAlteredError(f"{where}: the configuration file {name} was added")
        if canonical.sha256(texts[name]) != hashes[name]:
            raise RecordAlteredError(f"{where}: the configuration file {name} was altered")
    for name in hashes:
        if name not in texts:
            raise RecordAlteredError(f"{where}: the configuration file {name} was removed")
    return texts


def _read_note(notes: h5py.Group, key: str, name: str, where: str) -> str:
    try:
        return hdf5.read_text(notes, f"{key}/{name}")
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{where}: the configuration file number {key} was altered: {error}") from error
