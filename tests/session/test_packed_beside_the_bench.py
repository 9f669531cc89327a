"""Captures that were packed while the bench went on are committed as if they had not been."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
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
from aimdlab.session.seal import seal

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
    outer, _ = build_image(lambda _: inner.append(build_image(lambda _: None)[0]))
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


def filters(dataset: h5py.Dataset) -> list[int]:
    creation = dataset.id.get_create_plist()
    return [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]


def in_a_python_without_the_filter(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A Python that knows no filter but HDF5's own."""
    nothing = path.with_name("plugins")
    nothing.mkdir()
    environment = {**os.environ, "HDF5_PLUGIN_PATH": str(nothing)}
    command = [sys.executable, "-P", "-c", program, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=path.parent)


def test_a_session_for_archives_opens_with_nothing_but_hdf5(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    with SessionFolder.create(tmp_path / "session", make_header(3), compression="gzip") as folder:
        first = make_attempt(0)
        folder.prepare(first.captures[0])
        folder.commit(first)
    with SessionFolder.open(tmp_path / "session") as folder:  # as a resumed run does, which is not told again
        folder.commit(make_attempt(1))
        packed = chunks(tmp_path / "session" / "attempts" / "000001-01.h5")
        path = seal(folder)
    with h5py.File(path) as file:
        exposures = file["entry/capture_device_monitor_exposure/codes"]
        assert filters(exposures) == [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32]
        assert exposures.id.read_direct_chunk((1, 0)) == packed[3]  # verbatim
    program = (
        "import sys, h5py, numpy as np\n"
        "read = []\n"
        "with h5py.File(sys.argv[1]) as file:\n"
        "    file.visititems(lambda name, item: read.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)\n"
        "    print(int(file['entry/capture_device_monitor_exposure/codes'][0].astype(np.int64).sum()), len(read))\n"
        "assert 'hdf5plugin' not in sys.modules\n"
    )
    result = in_a_python_without_the_filter(program, path)
    assert result.returncode == 0, result.stderr
    total, datasets = (int(word) for word in result.stdout.split())
    assert total == int(make_attempt(0).captures[3].codes.astype(np.int64).sum())
    assert datasets > 50


def test_zstandard_is_what_such_an_archive_is_without(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    with SessionFolder.create(tmp_path / "session", make_header(1)) as folder:
        folder.commit(make_attempt(0))
        path = seal(folder)
    program = "import sys, h5py; h5py.File(sys.argv[1])['entry/capture_device_monitor_exposure/codes'][0]"
    result = in_a_python_without_the_filter(program, path)
    assert result.returncode == 1
    assert "find plugin" in result.stderr


def test_a_folder_of_both_compressions_is_sealed_in_the_first(
    make_header: Callable[..., Any], make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    with SessionFolder.create(tmp_path / "session", make_header(3)) as folder:
        folder.commit(make_attempt(0))
    with h5py.File(tmp_path / "session" / "session.h5", "r+") as file:
        file.attrs["compression"] = "gzip"
    with SessionFolder.open(tmp_path / "session") as folder:
        folder.commit(make_attempt(1))
        path = seal(folder)
    with h5py.File(path) as file:
        assert filters(file["entry/capture_device_monitor_exposure/codes"])[1] == 32015
    with open_session(path) as session:
        session.verify()
        for step, found in enumerate(session.attempts()):
            for capture, made in zip(found.captures, make_attempt(step).captures, strict=True):
                assert np.array_equal(capture.codes, made.codes)
