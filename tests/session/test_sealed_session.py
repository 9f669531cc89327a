from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from aimdlab.errors import RecordAlteredError, RecordError, SessionExistsError
from aimdlab.session import sealed_arrays
from aimdlab.session.folder import SessionFolder
from aimdlab.session.keys import bench_key
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal

MakeSession = Callable[..., SessionFolder]
CHECKERS = [Path(__file__).with_name(name) for name in ("independent_checker.py", "independent_tables.py")]


@pytest.fixture
def sealed(make_session: MakeSession) -> Path:
    return seal(make_session())


def check_independently(path: Path) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = []
    for program in CHECKERS:
        command = [sys.executable, "-P", str(program), str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=path.parent)
        assert result.returncode == 0, result.stderr
        said.append(json.loads(result.stdout))
    return {**said[0], "verdicts": said[1]}


def test_a_program_that_knows_only_the_format_agrees(sealed: Path) -> None:
    found = check_independently(sealed)
    assert list(found["verdicts"].values()) == ["PASS", "FAIL", "PASS", "OMITTED"]
    with open_session(sealed) as session:
        assert [record.sha256 for record in session.records()][-1] == found["last"]
        assert {result.step_id: str(result.verdict) for result in session.steps()} == found["verdicts"]
        verification = session.verify()
    assert verification.seal is not None
    assert (verification.seal.root_sha256, verification.seal.signed_by) == (found["root"], found["signed_by"])
    assert found["signed_by"] == bench_key("tested").public


def test_the_sealed_file_replaces_the_folder_and_says_the_same(make_session: MakeSession, tmp_path: Path) -> None:
    folder = make_session()
    session = open_session(folder.path)
    before = (session.header, session.steps(), [record.text for record in session.records()])
    path = seal(folder)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name] == ["session.h5"]
    for name in (path, folder.path):
        with open_session(name) as session:
            assert (session.header, session.steps(), [record.text for record in session.records()]) == before
            assert [event.kind for event in session.events()][-1] == "session.sealing"


def test_compressed_chunks_are_copied_verbatim(make_session: MakeSession) -> None:
    folder = make_session()
    chunks = {}
    for path in (folder.path / "attempts").iterdir():
        with h5py.File(path) as file:
            record = json.loads(file["record"][()])
            for position, name in enumerate(file["codes"]):
                chunks[record["index"], position] = file["codes"][name].id.read_direct_chunk((0,))
    with h5py.File(seal(folder)) as file:
        index = file["entry/capture_index"][:].tolist()
        assert len(index) == len(chunks) == 16
        for attempt, position, group, row in index:
            codes = file["entry"][group.decode()]["codes"]
            assert codes.chunks == (1, codes.shape[1])
            assert codes.id.read_direct_chunk((row, 0)) == chunks[attempt, position]


def test_every_group_of_data_can_be_plotted(sealed: Path) -> None:
    with h5py.File(sealed) as file:
        for group in file["entry"].values():
            if group.attrs.get("NX_class") == "NXdata":
                signal = group[group.attrs["signal"]]
                assert "units" in signal.attrs
                for size, axis in zip(signal.shape, group.attrs["axes"], strict=True):
                    assert axis == "." or group[axis].shape == (size,)
        exposure = file["entry/capture_device_monitor_exposure"]
        assert exposure["time"].attrs["units"] == "s"
        assert np.allclose(exposure["time"][:], -1e-3 + np.arange(3000) * 2e-6, atol=0, rtol=1e-12)


def test_long_captures_have_no_time_axis(make_session: MakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_arrays, "_LONGEST_AXIS", 2999)
    path = seal(make_session())
    check_independently(path)
    with h5py.File(path) as file:
        for group in file["entry"].values():
            if isinstance(group, h5py.Group) and "codes" in group:
                short = group["codes"].shape[1] < 3000
                assert ("time" in group, group.attrs["axes"].tolist()[1] == "time") == (short, short)
    with open_session(path) as session:
        session.verify()


def test_the_file_is_in_the_format_of_hdf5_1_8(sealed: Path) -> None:
    with h5py.File(sealed) as file:
        assert file.id.get_create_plist().get_version()[0] == 2  # superblock; later libraries write 3


def test_steps_lead_to_their_attempts(sealed: Path) -> None:
    with h5py.File(sealed) as file:
        entry = file["entry"]
        found = {
            int(row["step"]): entry["step_attempts"]["attempt"][row["first"] : row["first"] + row["attempts"]].tolist()
            for row in entry["verdicts"][:]
        }
    assert found == {0: [0, 4], 1: [1, 2], 2: [3], 3: []}


def test_an_empty_session_is_sealed_too(make_header: Callable[..., Any], tmp_path: Path) -> None:
    path = seal(SessionFolder.create(tmp_path / "empty", make_header(2)))
    with open_session(path) as session:
        session.verify()
        assert list(session.attempts()) == []
        assert [str(result.verdict) for result in session.steps()] == ["NOT_RUN", "NOT_RUN"]
    check_independently(path)


def test_captures_that_differ_in_shape_or_start_find_their_rows(
    make_header: Callable[..., Any], make_attempt: Callable[..., Any], tmp_path: Path
) -> None:
    folder = SessionFolder.create(tmp_path / "mixed", make_header(3))
    for step, samples in ((0, 10), (1, 0), (2, 10)):
        (capture, *_) = make_attempt(step).captures
        shorter = dataclasses.replace(capture, codes=capture.codes[:samples], t0_s=float(step))
        wider = dataclasses.replace(shorter, codes=shorter.codes.astype(np.uint16))
        folder.commit(make_attempt(step, captures=(shorter, wider, shorter)))
    path = seal(folder)
    check_independently(path)
    with open_session(path) as session:
        assert [[capture.n for capture in attempt.captures] for attempt in session.attempts()] == [
            [10] * 3,
            [0] * 3,
            [10] * 3,
        ]
        session.verify()


def test_a_damaged_folder_is_not_sealed_and_stays(make_session: MakeSession, tmp_path: Path) -> None:
    folder = make_session()
    with h5py.File(folder.path / "attempts" / "000002-01.h5", "r+") as file:
        file["codes/0003"][100] += 1
    with pytest.raises(RecordAlteredError, match=r"attempt 1 at step 2 .*'device_monitor', exposure"):
        seal(folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["session"]
    assert len(list((folder.path / "attempts").iterdir())) == 5


def test_another_file_with_the_name_is_left_alone(make_session: MakeSession, tmp_path: Path) -> None:
    other = seal(make_session("other"))
    folder = make_session("session")
    other.rename(tmp_path / "session.h5")
    content = (tmp_path / "session.h5").read_bytes()
    with pytest.raises(SessionExistsError, match="not the sealed file"):
        seal(folder)
    assert (tmp_path / "session.h5").read_bytes() == content
    open_session(folder.path).verify()


def test_a_closed_file_says_so(sealed: Path) -> None:
    with open_session(sealed) as session:
        attempt = next(session.attempts())
    with pytest.raises(RecordError, match="was closed"):
        _ = attempt.captures[0].codes


def test_codes_of_an_older_filter_are_compressed_anew(make_session: MakeSession) -> None:
    folder = make_session()
    path = folder.path / "attempts" / "000001-02.h5"
    with h5py.File(path, "r+", libver=("v108", "v108")) as file:
        for name in list(file["codes"]):
            codes = file["codes"][name][()]
            del file["codes"][name]
            file["codes"].create_dataset(
                name, data=codes, chunks=codes.shape, fletcher32=True, **hdf5plugin.Bitshuffle(cname="lz4")
            )
    sealed = seal(folder)
    check_independently(sealed)
    with h5py.File(sealed) as file:
        codes = file["entry/capture_device_monitor_exposure/codes"]
        assert set(codes._filters) == {"shuffle", "32015", "fletcher32"}
    with open_session(sealed) as session:
        session.verify()
