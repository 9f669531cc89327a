"""Check a sealed session with nothing but h5py, hdf5plugin, numpy, hashlib and json, from docs/session-format.md alone.

Prints what it found as JSON; any assertion that fails is a difference. Run as a program: it must not know aimdlab.
"""

import hashlib
import json
import math
import sys

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import numpy as np


def sha(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def spell(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def plain(value):
    """A JSON value with its odd floats as floats."""
    return float(value["$float"]) if isinstance(value, dict) and value.keys() == {"$float"} else value


def same(value, cell):
    value = plain(value)
    if value is None:
        return math.isnan(cell)
    if isinstance(value, str):
        return value.encode() == cell
    return value == cell or (math.isnan(value) and math.isnan(cell))


def check_arrays(entry, record, places, attempt):
    for position, capture in enumerate(record["captures"]):
        group, row = places["capture_index"][attempt, position]
        codes = entry[group]["codes"][row]
        described = {"dtype": codes.dtype.str, "shape": list(codes.shape), "sha256": sha(codes.tobytes())}
        assert described == capture["codes"], (attempt, position)
        for name in ("scale", "offset", "dt_s", "t0_s", "code_min", "code_max", "u_gain", "u_offset", "u_time"):
            assert entry[group][name][row] == capture[name], (attempt, position, name)
        assert entry[group]["hole_code"][row] == (-(2**31) if capture["hole_code"] is None else capture["hole_code"])
        assert entry[group]["unit"]["unit"][row] == capture["unit"].encode()
        time = entry[group].get("time")
        assert time is None or np.array_equal(time[:], capture["t0_s"] + np.arange(codes.size) * capture["dt_s"])
    for position, reading in enumerate(record["readings"]):
        group, first, count = places["reading_index"][attempt, position]
        for key, name in (("t_s", "t_s"), ("values", "value")):
            values = entry[group][name][first : first + count]
            assert sha(values.astype("<f8").tobytes()) == reading[key]["sha256"], (attempt, reading["name"], key)


def check_tables(entry, record, attempt):
    row = entry["attempts"][attempt]
    flat = {**record, "verdict": record["score"]["verdict"], "reason": record["score"]["reason"]}
    for name in row.dtype.names:
        assert name in ("previous", "sha256") or same(flat[name], row[name]), name
    for table, key in (("features", "features"), ("outcomes", "outcomes")):
        rows = entry[table][entry[table]["attempt"] == attempt]
        for item, cells in zip(record["score"][key], rows, strict=True):
            said = {**item, **item.get("criterion", {})}
            for name in set(cells.dtype.names) - {"attempt", "step"}:
                assert same(said[name], cells[name]), (table, name)
    rows = entry["parameters"][entry["parameters"]["attempt"] == attempt]
    for role in ("parameters", "scoring"):
        found = {cells["name"].decode(): cells for cells in rows if cells["role"] == role.encode()}
        assert found.keys() == record[role].keys()
        for name, value in record[role].items():
            assert found[name]["text"].decode() == (value if isinstance(value, str) else spell(value))


def main(path):
    with h5py.File(path) as file:
        entry = file["entry"]
        header_text = entry["header"].asstr()[()]
        header, previous = json.loads(header_text), sha(header_text)
        for note in entry["configuration"].values():
            assert sha(note["data"][()]) == header["configuration"][note["file_name"].asstr()[()]]
        root_text = entry["integrity/root"].asstr()[()]
        root = json.loads(root_text)
        assert sha(root_text) == entry["integrity/root_sha256"].asstr()[()]
        assert root["header"] == previous
        assert root["tree"] == sha(entry["integrity/tree"][()])
        places = {}
        for index in ("capture_index", "reading_index"):
            rows = entry[index][:].tolist()
            places[index] = {(row[0], row[1]): (row[2].decode(), *row[3:]) for row in rows}
        last = previous
        for attempt, text in enumerate(entry["records"].asstr()[:]):
            record = json.loads(text)
            assert (record["index"], record["previous"]) == (attempt, last)
            last = sha(text)
            assert entry["attempts"][attempt]["sha256"] == last.encode()
            check_arrays(entry, record["attempt"], places, attempt)
            check_tables(entry, record["attempt"], attempt)
        assert root["attempts"] == {"count": len(entry["records"]), "last": last}
        for n, line in enumerate(entry["events"].asstr()[:]):
            event = json.loads(line)
            stored = event.pop("sha256")
            assert (event["n"], event["previous"]) == (n, previous)
            assert stored == sha(spell(event))
            previous = stored
        assert root["events"] == {"count": len(entry["events"]), "last": previous}
        verdicts = {row["step_id"].decode(): row["verdict"].decode() for row in entry["verdicts"][:]}
        assert list(verdicts) == [step["step_id"] for step in header["plan"]]
    assert not any(name.startswith("aimdlab") for name in sys.modules)
    sys.stdout.write(json.dumps({"root": sha(root_text), "last": last, "verdicts": verdicts}))


if __name__ == "__main__":
    main(sys.argv[1])
