from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import pytest

from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session import canonical
from aimdlab.session.base import Seal
from aimdlab.session.folder import SessionFolder
from aimdlab.session.keys import bench_key
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from aimdlab.session.signing import has_signed
from aimdlab.session.tree import describe_tree
from independent_check import NOTICES, check_independently

CAPTURE = "capture_device_monitor_exposure"


@pytest.fixture
def sealed(sealed_content: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "session.h5"
    path.write_bytes(sealed_content)
    return path


def add_one(path: str, index: Any) -> Callable[[h5py.Group], object]:
    def change(entry: h5py.Group) -> None:
        entry[path][index] += 1

    return change


def set_cell(table: str, row: int, column: str, value: Any) -> Callable[[h5py.Group], object]:
    def change(entry: h5py.Group) -> None:
        cells = entry[table][row]
        cells[column] = value
        entry[table][row] = cells

    return change


def swap(path: str) -> Callable[[h5py.Group], object]:
    def change(entry: h5py.Group) -> None:
        one, other = entry[path][1], entry[path][2]
        entry[path][1], entry[path][2] = other, one

    return change


def swap_records(entry: h5py.Group) -> None:
    """Swap two attempts together with their hashes."""
    swap("records")(entry)
    one, other = entry["attempts"][1]["sha256"], entry["attempts"][2]["sha256"]
    set_cell("attempts", 1, "sha256", other)(entry)
    set_cell("attempts", 2, "sha256", one)(entry)


def drop_last(path: str) -> Callable[[h5py.Group], object]:
    def change(entry: h5py.Group) -> None:
        values = entry[path][:-1]
        dtype = entry[path].dtype
        del entry[path]
        entry.create_dataset(path, data=values, dtype=dtype)

    return change


def rewrite(path: str, old: str, new: str, row: Any = ()) -> Callable[[h5py.Group], object]:
    def change(entry: h5py.Group) -> None:
        text = entry[path][row].decode()
        assert old in text
        entry[path][row] = text.replace(old, new)

    return change


def forge_chain(entry: h5py.Group) -> None:
    """Turn a FAIL into a PASS and recompute every hash of the chain of attempts after it."""
    previous = None
    for index in range(len(entry["records"])):
        record = json.loads(entry["records"][index])
        if index == 2:
            record["attempt"]["score"]["verdict"] = "PASS"
        if previous is not None:
            record["previous"] = previous
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(text.encode()).hexdigest()
        entry["records"][index] = text
        set_cell("attempts", index, "sha256", previous)(entry)


def forge_everything(entry: h5py.Group) -> None:
    """Turn a FAIL into a PASS and recompute every hash there is; only the signature cannot be made anew."""
    forge_chain(entry)
    set_cell("attempts", 2, "verdict", "PASS")(entry)
    set_cell("verdicts", 1, "verdict", "PASS")(entry)
    hashes = [hashlib.sha256(text).hexdigest() for text in entry["records"][()]]
    previous = hashlib.sha256(entry["header"][()]).hexdigest()
    for n, line in enumerate(entry["events"][()]):
        event = json.loads(line)
        if event["kind"] == "attempt.committed":
            event["data"]["sha256"] = hashes[event["data"]["index"]]
        del event["sha256"]
        event["previous"] = previous
        previous = event["sha256"] = canonical.sha256(canonical.encode(event))
        entry["events"][n] = canonical.encode(event)
    tree = json.loads(entry["integrity/tree"][()])
    covered = frozenset(path for path, item in tree.items() if item.get("content", "") is None)
    new_tree = canonical.encode(describe_tree(entry.file, covered))
    root = json.loads(entry["integrity/root"][()])
    root["attempts"]["last"], root["events"]["last"] = hashes[-1], previous
    root["tree"] = canonical.sha256(new_tree)
    entry["integrity/tree"][()], entry["integrity/root"][()] = new_tree, canonical.encode(root)
    entry["integrity/root_sha256"][()] = canonical.sha256(canonical.encode(root))


def change_character(path: str, position: int) -> Callable[[h5py.Group], object]:
    """Another character of base64 in a text."""

    def change(entry: h5py.Group) -> None:
        text = entry[path][()].decode()
        other = "A" if text[position] != "A" else "B"
        entry[path][()] = text[:position] + other + text[position:][1:]

    return change


TAMPERINGS: list[tuple[Callable[[h5py.Group], object], str]] = [
    (add_one(f"{CAPTURE}/codes", (2, 1234)), "attempt 2 at step 1 .*'device_monitor', exposure"),
    (add_one("reading_ambient_temperature/value", 7), "attempt 1 at step 1 .*ambient_temperature"),
    (add_one("reading_ambient_temperature/t_s", 12), "attempt 2 at step 1 .*ambient_temperature"),
    (rewrite("records", '"FAIL"', '"PASS"', 2), "attempt 2 at step 1 .* was altered"),
    (forge_chain, "attempt 2 at step 1 .* was altered"),
    (swap_records, "attempt 2 at step 1 .* was moved"),
    (swap("records"), "attempt 2 at step 1 .* was altered"),
    (drop_last("records"), "records of the attempts were altered"),
    (lambda entry: (drop_last("records")(entry), drop_last("attempts")(entry)), "attempt 2 at step 0 .* was removed"),
    (rewrite("events", "session.created", "session.invented", 0), r"event 0 \(session.invented\) was altered"),
    (swap("events"), r"event 2 .* was moved"),
    (drop_last("events"), "events were removed"),
    (rewrite("header", "Müller", "Meier"), "header was altered"),
    (rewrite("configuration/0001/data", "60", "90"), r"devices/x.yaml was altered"),
    (set_cell("features", 2, "value", 0.5), "/entry/features was altered"),
    (set_cell("verdicts", 1, "verdict", b"PASS"), "/entry/verdicts was altered"),
    (set_cell("attempts", 2, "reason", b"good"), "/entry/attempts was altered"),
    (set_cell("capture_index", 0, "row", 1), "attempt 1 at step 0"),
    (add_one(f"{CAPTURE}/scale", 0), f"/entry/{CAPTURE}/scale was altered"),
    (add_one(f"{CAPTURE}/time", 2999), f"/entry/{CAPTURE}/time was altered"),
    (lambda entry: entry[f"{CAPTURE}/offset"].attrs.__setitem__("units", "mV"), f"/entry/{CAPTURE}/offset was altered"),
    (lambda entry: entry.attrs.__delitem__("default"), "/entry was altered"),
    (lambda entry: entry.file.attrs.__setitem__("creator", "me"), "/ was altered"),
    (lambda entry: entry.create_dataset("more", data=1), "/entry/more was added"),
    (lambda entry: entry.__delitem__("environment/host"), "/entry/environment/host was removed"),
    (lambda entry: entry.__setitem__("loop", entry), "/entry/loop was added"),
    (
        lambda entry: (entry.__delitem__("notes"), entry.__setitem__("notes", h5py.SoftLink("/entry/features"))),
        "/entry/notes was altered: it is a link",
    ),
    (rewrite("integrity/root", '"count":5', '"count":4'), "root record was altered"),
    (rewrite("integrity/tree", "NXdata", "NXdatb"), "list of the file's contents was altered"),
    (lambda entry: entry.__delitem__("integrity"), "root record was altered"),
    (forge_everything, "the signature is not that of the root record by the key .*hashes were recomputed"),
    *((change_character("integrity/signature", i), "the signature is not that of the root") for i in (0, 43, 85)),
    (rewrite("integrity/signature", "==", "=="[:1]), "the signature is not that of the root"),
    (change_character("integrity/signing_key", 5), "/entry/integrity/signing_key was altered"),
    (lambda entry: entry.__delitem__("integrity/signature"), "/entry/integrity/signature was removed"),
    (lambda entry: entry.__delitem__("integrity/signing_key"), "/entry/integrity/signing_key was removed"),
    (rewrite("header", '"signing_key":"', '"signing_key":"A'), "header was altered"),
]


@pytest.mark.parametrize(("tamper", "named"), TAMPERINGS, ids=range(len(TAMPERINGS)))
def test_tampering_with_a_sealed_file_is_named(
    sealed: Path, tamper: Callable[[h5py.Group], object], named: str
) -> None:
    with h5py.File(sealed, "r+") as file:
        tamper(file["entry"])
    with pytest.raises(RecordAlteredError, match=named), open_session(sealed) as session:
        session.verify()
    # The program that knows only the format says so too.
    with pytest.raises(NOTICES):
        check_independently(sealed)


def test_the_signature_is_what_notices_that_every_hash_was_recomputed(
    make_session: Callable[..., SessionFolder],
) -> None:
    unsigned = seal(make_session(signing_key=""))
    with h5py.File(unsigned, "r+") as file:
        assert "signature" not in file["entry/integrity"]
        forge_everything(file["entry"])
    found = check_independently(unsigned)
    with open_session(unsigned) as session:
        assert session.verify().seal == Seal(found["root"], found["signed_by"]) == Seal(found["root"], "")
        assert [str(result.verdict) for result in session.steps()][1] != "FAIL"


@pytest.mark.parametrize(("table", "row"), [("attempts", 2), ("verdicts", 1)])
def test_a_table_that_does_not_say_what_the_records_say_is_named(
    make_session: Callable[..., SessionFolder], table: str, row: int
) -> None:
    """Viewers show the tables; whoever recomputes the tree after a change there is still found."""
    unsigned = seal(make_session(signing_key=""))
    with h5py.File(unsigned, "r+") as file:
        entry = file["entry"]
        set_cell(table, row, "verdict", "PASS")(entry)
        tree = json.loads(entry["integrity/tree"][()])
        covered = frozenset(path for path, item in tree.items() if item.get("content", "") is None)
        new_tree = canonical.encode(describe_tree(file, covered))
        root = canonical.encode({**json.loads(entry["integrity/root"][()]), "tree": canonical.sha256(new_tree)})
        entry["integrity/tree"][()], entry["integrity/root"][()] = new_tree, root
        entry["integrity/root_sha256"][()] = canonical.sha256(root)
    with open_session(unsigned) as session, pytest.raises(RecordAlteredError, match=f"/{table} was altered"):
        session.verify()


def test_no_character_of_signature_or_key_can_change() -> None:
    key, data = bench_key("tested"), b"a root record"
    signature = key.sign(data)
    assert has_signed(key.public, signature, data)
    assert not has_signed(key.public, signature, data + b" ")
    for position in range(len(signature)):
        for other in "AQgw9/+=":
            changed = signature[:position] + other + signature[position + 1 :]
            assert has_signed(key.public, changed, data) is (changed == signature), (position, other)
    for changed in (signature + "\n", " " + signature, signature.rstrip("="), "", signature + signature, "\u00e9"):
        assert not has_signed(key.public, changed, data)
        assert not has_signed(changed, signature, data)


def test_a_truncated_file_is_an_error(sealed: Path) -> None:
    content = sealed.read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 1):
        sealed.write_bytes(content[:length])
        with pytest.raises(RecordError), open_session(sealed) as session:
            session.verify()
