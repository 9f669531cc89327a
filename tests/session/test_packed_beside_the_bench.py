"""Captures that were packed while the bench went on are committed as if they had not been."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import numpy as np
import pytest

from aimdlab.errors import RecordError
from aimdlab.session.codes import pack
from aimdlab.session.folder import SessionFolder
from aimdlab.session.hdf5 import build_image
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session

MakeAttempt = Callable[..., Attempt]


def chunks(path: Path) -> list[tuple[int, bytes]]:
    with h5py.File(path) as file:
        return [codes.id.read_direct_chunk((0,)) for codes in file["codes"].values()]


def test_a_commit_is_the_same_whether_captures_were_prepared_or_not(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    header, attempt = make_header(1), make_attempt(0)
    texts, stored = [], []
    for name, prepared in (("none", ()), ("some", attempt.captures[1:3]), ("all", attempt.captures)):
        with SessionFolder.create(tmp_path / name, header) as folder:
            for capture in prepared:
                folder.prepare(capture)
            folder.commit(attempt)
        with open_session(tmp_path / name) as session:
            session.verify()
            texts += [record.text for record in session.records()]
        stored.append(chunks(tmp_path / name / "attempts" / "000000-01.h5"))
    assert texts[0] == texts[1] == texts[2]
    assert stored[0] == stored[1] == stored[2]


def test_what_was_prepared_for_an_attempt_that_never_came_does_no_harm(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    refused, attempt = make_attempt(1), make_attempt(0)
    floats = dataclasses.replace(refused.captures[0], codes=np.zeros((2, 3)))  # type: ignore[arg-type]
    with SessionFolder.create(tmp_path / "session", make_header(2)) as folder:
        for capture in (*refused.captures, floats):
            folder.prepare(capture)
        folder.commit(attempt)
        with pytest.raises(RecordError, match="one row of 8 or 16 bit integers"):
            folder.commit(dataclasses.replace(refused, captures=(floats,)))
        folder.commit(refused)
        folder.prepare(refused.captures[0])
    with open_session(tmp_path / "session") as session:
        session.verify()
        assert [found.step for found in session.attempts()] == [0, 1]


def test_one_thread_packs_while_others_do() -> None:
    arrays = [np.arange(20_000, dtype=np.int16) + shift for shift in range(60)]
    expected = [pack(codes) for codes in arrays]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(pack, arrays)) == expected


def test_an_image_is_built_while_another_is() -> None:
    inner: list[bytes] = []
    outer = build_image(lambda _: inner.append(build_image(lambda _: None)))
    assert inner[0]
    assert outer


def test_noise_that_cannot_be_compressed_comes_back(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    noise = np.random.default_rng(5).integers(0, 65536, 3000).astype(np.uint16)
    capture = dataclasses.replace(make_attempt(0).captures[0], codes=noise, code_min=0, code_max=65535)
    with SessionFolder.create(tmp_path / "session", make_header(1)) as folder:
        folder.prepare(capture)
        folder.commit(make_attempt(0, captures=(capture,)))
    with open_session(tmp_path / "session") as session:
        (found,) = session.attempts()
        assert np.array_equal(found.captures[0].codes, noise)
