"""Check a sealed session with h5py, hdf5plugin, hashlib, json and cryptography, from docs/session-format.md alone.

Whatever differs from what was sealed fails an assertion, or cannot be read. Run as a program: it must not know aimdlab.
"""

import base64
import hashlib
import json
import sys

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def spell(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def bytes_of(text, size):
    data = base64.b64decode(text, validate=True)
    assert (len(data), base64.b64encode(data).decode()) == (size, text)
    return data


def type_name(dtype):
    if dtype.names:
        return [[name, type_name(dtype[name])] for name in dtype.names]
    if h5py.check_string_dtype(dtype):
        return "text" if dtype.kind == "O" else f"text{dtype.itemsize}"
    return dtype.newbyteorder("<").str


def describe(item, covered):
    attributes = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in item.attrs.items()}
    if isinstance(item, h5py.Group):
        return {"attributes": attributes}
    if covered:
        content = None
    elif item.dtype.kind == "O":
        content = sha(spell(item.asstr()[()].tolist() if item.ndim else item.asstr()[()]))
    else:
        content = sha(item[()].astype(item.dtype.newbyteorder("<")).tobytes())
    return {"attributes": attributes, "dtype": type_name(item.dtype), "shape": list(item.shape), "content": content}


def check_tree(group, tree, path="/"):
    """Check everything below a group against the tree, of which it takes away what it found."""
    expected = tree.pop(path)  # nothing else is there, and nothing twice
    assert describe(group, expected.get("content", "") is None) == expected, path
    for name in group if isinstance(group, h5py.Group) else ():
        assert isinstance(group.get(name, getlink=True), h5py.HardLink), path
        check_tree(group[name], tree, f"{path.rstrip('/')}/{name}")


def check_attempt(entry, attempt, index):
    captures, readings = index
    for position, capture in enumerate(attempt["captures"]):
        group, row = captures[position]
        codes = entry[group]["codes"][row]
        described = {"dtype": codes.dtype.str, "shape": list(codes.shape), "sha256": sha(codes.tobytes())}
        assert described == capture["codes"], (attempt["step_id"], position)
    for position, reading in enumerate(attempt["readings"]):
        group, first, count = readings[position]
        for key, name in (("t_s", "t_s"), ("values", "value")):
            stretch = entry[group][name][first : first + count]
            assert sha(stretch.astype("<f8").tobytes()) == reading[key]["sha256"], (attempt["step_id"], position)


def check(file):
    entry, text = file["entry"], lambda name: file["entry"][name].asstr()[()]
    header, anchor, root = json.loads(text("header")), sha(text("header")), json.loads(text("integrity/root"))
    notes = {note["file_name"].asstr()[()]: sha(note["data"][()]) for note in entry["configuration"].values()}
    assert (notes, root["header"]) == (header["configuration"], anchor)
    places = [{}, {}]
    for table, place in zip(("capture_index", "reading_index"), places, strict=True):
        for number, position, group, *where in entry[table][:].tolist():
            place.setdefault(number, {})[position] = (group.decode(), *where)
    hashes = [anchor]
    for number, record_text in enumerate(text("records")):
        record = json.loads(record_text)
        assert (record["index"], record["previous"]) == (number, hashes[-1])
        hashes.append(sha(record_text))
        check_attempt(entry, record["attempt"], [place.get(number) for place in places])
    committed, last = [anchor], anchor
    for n, line in enumerate(text("events")):
        event = json.loads(line)
        stored = event.pop("sha256")
        assert (event["n"], event["previous"], sha(spell(event))) == (n, last, stored)
        assert spell({**event, "sha256": stored}) == line
        committed += [event["data"]["sha256"]] if event["kind"] in ("attempt.committed", "attempt.found") else []
        last = stored
    assert committed == hashes
    assert root["attempts"] == {"count": len(hashes) - 1, "last": hashes[-1]}
    assert root["events"] == {"count": len(entry["events"]), "last": last}
    assert (root["tree"], root["session_id"]) == (sha(text("integrity/tree")), header["session_id"])
    check_tree(file, tree := json.loads(text("integrity/tree")))
    assert not tree, f"removed: {tree}"
    assert sha(text("integrity/root")) == text("integrity/root_sha256")
    key = header.get("signing_key", "")
    if key:
        assert key == text("integrity/signing_key")
        signature = bytes_of(text("integrity/signature"), 64)
        Ed25519PublicKey.from_public_bytes(bytes_of(key, 32)).verify(signature, text("integrity/root").encode())
    return {"root": text("integrity/root_sha256"), "last": hashes[-1], "signed_by": key}


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as sealed:
        result = check(sealed)
    assert not any(name.startswith("aimdlab") for name in sys.modules)
    sys.stdout.write(spell(result))
