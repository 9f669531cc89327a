"""Compare the tables and vectors of a sealed session with its records, from docs/session-format.md alone.

They hold nothing that the records do not hold. Any assertion that fails is a difference. Run as a program, beside
independent_checker.py, which checks the records.
"""

import json
import math
import sys

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import numpy as np


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


def check_vectors(entry, record, rows, attempt):
    for position, capture in enumerate(record["captures"]):
        group, row = rows[attempt, position]
        for name in ("scale", "offset", "dt_s", "t0_s", "code_min", "code_max", "u_gain", "u_offset", "u_time"):
            assert entry[group][name][row] == capture[name], (attempt, position, name)
        assert entry[group]["hole_code"][row] == (-(2**31) if capture["hole_code"] is None else capture["hole_code"])
        assert entry[group]["unit"]["unit"][row] == capture["unit"].encode()
        (samples,) = capture["codes"]["shape"]
        time = entry[group].get("time")
        assert time is None or np.array_equal(time[:], capture["t0_s"] + np.arange(samples) * capture["dt_s"])


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


def check(entry):
    rows = {(number, position): where for number, position, *where in entry["capture_index"][:].tolist()}
    for attempt, text in enumerate(entry["records"].asstr()[()]):
        record = json.loads(text)["attempt"]
        check_vectors(entry, record, rows, attempt)
        check_tables(entry, record, attempt)
    verdicts = {row["step_id"].decode(): row["verdict"].decode() for row in entry["verdicts"][:]}
    assert list(verdicts) == [step["step_id"] for step in json.loads(entry["header"].asstr()[()])["plan"]]
    return verdicts


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as sealed:
        result = check(sealed["entry"])
    assert not any(name.startswith("aimdlab") for name in sys.modules)
    sys.stdout.write(spell(result))
