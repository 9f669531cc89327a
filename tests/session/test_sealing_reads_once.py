"""Sealing goes by the event log and reads every attempt once; what does not fit is named and the folder stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.capture import Reading
from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.session import hdf5
from aimdlab.session.codes import Compression
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from aimdlab.session.side_by_side import SideBySide
from aimdlab.session.table import TableRows

MakeSession = Callable[..., SessionFolder]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda attempts: (attempts / "000001-02.h5").unlink(), r"attempt 2 at step 1 .* was removed"),
        (
            lambda attempts: shutil.copy(attempts / "000001-02.h5", attempts / "000001-03.h5"),
            r"000001-03.h5 was added: the event log knows nothing of it",
        ),
        (
            lambda attempts: shutil.copy(attempts / "000001-02.h5", attempts / "000000-01.h5"),
            r"attempt 1 at step 0 .* was altered: it is not what the event log says",
        ),
        (lambda attempts: (attempts / "000002-01.h5").write_bytes(b"no HDF5"), "000002-01.h5 was altered"),
    ],
)
def test_a_folder_that_is_not_what_the_events_say_is_not_sealed(
    make_session: MakeSession, change: Callable[[Path], object], named: str
) -> None:
    folder = make_session()
    change(folder.path / "attempts")
    left = sorted(folder.path.rglob("*"))
    with pytest.raises(RecordAlteredError, match=named):
        seal(folder)
    assert sorted(folder.path.rglob("*")) == left
    assert not list(folder.path.parent.glob("*.h5*"))


def test_no_name_of_a_reading_is_in_the_way_of_an_index(
    make_header: Callable[..., Any], make_attempt: Callable[..., Any], tmp_path: Path
) -> None:
    readings = tuple(Reading(name, "1", np.arange(3.0), np.arange(3.0)) for name in ("index", "index_2", "index"))
    with SessionFolder.create(tmp_path / "session", make_header(1)) as folder:
        folder.commit(make_attempt(0, readings=readings))
        path = seal(folder)
    with open_session(path) as session:
        session.verify()
        (attempt,) = session.attempts()
        assert [reading.name for reading in attempt.readings] == ["index", "index_2", "index"]


def run_checks(checks: list[Callable[[], object]], then: BaseException | None) -> None:
    with SideBySide() as side_by_side:
        for check in checks:
            side_by_side.add(check)
        if then is not None:
            raise then


@pytest.mark.parametrize(
    ("then", "raised"),
    [
        (None, "number 0"),
        (RecordError("found later"), "number 0"),
        (KeyboardInterrupt("a person's wish"), "a person's wish"),
    ],
)
def test_the_first_failing_check_is_heard_of_whatever_came_after(then: BaseException | None, raised: str) -> None:
    def fail(number: int) -> None:
        raise RecordAlteredError(f"number {number}")

    for count in (1, 2, 10):
        # With more checks than may wait, the first one is heard of before the end.
        expected = "number 0" if count == 10 else raised
        with pytest.raises((RecordError, KeyboardInterrupt), match=expected):
            run_checks([partial(fail, number) for number in range(count)], then)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
rows = st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), texts, st.floats()), max_size=60)


@given(rows, st.integers(1, 40))
def test_a_table_holds_the_rows_that_were_added(rows: list[tuple[int, str, float]], times: int) -> None:
    table = TableRows({"n": "<i4", "text": str, "value": "<f8"})
    table.extend(rows * times)
    assert len(table) == len(rows) * times
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        found = table.write(file, "table")[:]
        assert found["n"].tolist() == [n for n, _, _ in rows] * times
        assert [cell.decode() for cell in found["text"]] == [hdf5.without_nul(text) for _, text, _ in rows] * times
        assert np.array_equal(found["value"], [value for _, _, value in rows] * times, equal_nan=True)


@given(st.lists(texts, max_size=30), st.integers(1, 200))
def test_a_column_of_texts_holds_what_was_added_whatever_the_slab(texts: list[str], slab_bytes: int) -> None:
    plain = [hdf5.without_nul(text) for text in texts]
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        column = hdf5.TextColumn(hdf5.create_texts(file, "texts", len(plain)), slab_bytes)
        for text in plain:
            column.add(text)
        column.flush()
        assert list(hdf5.read_texts(file["texts"])) == plain


@pytest.mark.parametrize("compression", ["zstandard", "gzip"])
def test_who_wrote_the_attempts_seals_them_into_what_anybody_would(
    make_header: Callable[..., Any], make_attempt: Callable[..., Any], tmp_path: Path, compression: Compression
) -> None:
    no_reading, no_capture = Reading("nothing", "1", np.empty(0), np.empty(0)), make_attempt(2, captures=())
    writer = SessionFolder.create(tmp_path / "session", make_header(3), compression=compression)
    for attempt in (make_attempt(0), make_attempt(1, readings=(no_reading,)), no_capture):
        writer.commit(attempt)
    shutil.copytree(writer.path, tmp_path / "copy")
    assert all(writer.committed.open(path, sha256) for path, sha256 in attempts_of(writer.path))
    sealed = [seal(writer), seal(SessionFolder.open(tmp_path / "copy"))]
    trees, codes = [], []
    for path in sealed:
        with h5py.File(path) as file:
            trees.append(file["entry/integrity/tree"][()])
            codes.append(
                [
                    rows["codes"][...].tobytes()
                    for rows in file["entry"].values()
                    if isinstance(rows, h5py.Group) and "codes" in rows
                ]
            )
    assert trees[0] == trees[1]
    assert codes[0] == codes[1]
    assert any(codes[0])


def attempts_of(folder: Path) -> list[tuple[Path, str]]:
    with open_session(folder) as session:
        records = list(session.records())
    return [(folder / "attempts" / f"{one.step:06d}-{one.number:02d}.h5", one.sha256) for one in records]


def test_a_file_that_was_changed_is_not_taken_for_what_was_written(make_session: MakeSession) -> None:
    with make_session() as folder:
        (path, sha256), *_ = attempts_of(folder.path)
        content = path.read_bytes()
        assert folder.committed.open(path, sha256) is not None
        path.write_bytes(content + b"\0")
        assert folder.committed.open(path, sha256) is None
        path.write_bytes(content)
        assert folder.committed.open(path, "0" * 64) is None
