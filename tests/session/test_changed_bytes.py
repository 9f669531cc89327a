"""Every changed byte that can be read is noticed, in the right record; ten thousand of them in ``tests/soak``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aimdlab.session.folder import SessionFolder
from aimdlab.session.keys import bench_key
from aimdlab.session.seal import seal
from changed_bytes import (
    change_bytes,
    everything,
    owners_of_attempt,
    owners_of_events,
    owners_of_header,
    owners_of_sealed,
    random_changes,
)
from read_everything import Reader


@pytest.fixture
def signed(tmp_path: Path, make_header: Callable[..., Any], make_attempt: Callable[..., Any]) -> Path:
    key = bench_key("bench")
    with SessionFolder.create(tmp_path / "signed", make_header(4, signing_key=key.public)) as folder:
        for step in range(3):
            folder.commit(make_attempt(step))
        return seal(folder)


def test_a_byte_changed_anywhere_in_a_sealed_file_is_noticed_in_its_record(signed: Path) -> None:
    owners = {signed: owners_of_sealed(signed)}
    tally = change_bytes(signed, owners, random_changes(owners, 120, seed=20261121))
    assert not tally.wrong
    assert tally.noticed.keys() == {"codes", "text", "table or vector", "structure"}


def test_a_byte_changed_anywhere_in_a_folder_is_noticed_in_its_record(make_session: Any) -> None:
    folder = make_session()
    folder.close()
    owners = {path: owners_of_attempt(path) for path in sorted((folder.path / "attempts").glob("*.h5"))}
    owners[folder.path / "session.h5"] = owners_of_header(folder.path / "session.h5")
    owners[folder.path / "events.jsonl"] = owners_of_events(folder.path / "events.jsonl")
    tally = change_bytes(folder.path, owners, random_changes(owners, 60, seed=4))
    assert not tally.wrong
    assert tally.noticed.keys() >= {"attempt", "header", "event"}


def test_the_map_of_a_sealed_file_is_right(signed: Path) -> None:
    content, owners = signed.read_bytes(), owners_of_sealed(signed)
    with h5py.File(signed) as file:
        for i, text in enumerate(file["entry/records"]):
            _, pattern = owners.of(content.index(text) + len(text) // 2)
            assert re.search(pattern, f"attempt 1 at step {i} (gradient_injected/000{i}) was altered")
            assert not re.search(pattern, f"attempt 1 at step {i + 1} (gradient_injected/000{i + 1}) was altered")
        for n, text in enumerate(file["entry/events"]):
            assert re.search(owners.of(content.index(text))[1], f"event {n} (attempt.committed) was altered")
        assert "header" in owners.of(content.index(file["entry/header"][()]))[1]
        values = np.asarray(file["entry/reading_ambient_temperature/value"][:])
        assert "reading" in owners.of(content.index(values.tobytes()))[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_header: Any, make_attempt: Any) -> Path:
    with SessionFolder.create(tmp_path_factory.mktemp("whole") / "whole", make_header(2)) as folder:
        folder.commit(make_attempt(0))
        return seal(folder)


Damage = Callable[[bytes], bytes]
_places = st.floats(0, 1, exclude_max=True)
_lengths = st.sampled_from([1, 8, 16, 100, 512, 4096, 20_000])


def _span(content: bytes, place: float, length: int) -> slice:
    start = int(place * len(content))
    return slice(start, min(start + length, len(content)))


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Cut off, zeroed, doubled, swapped or added: what a failing disk and a careless copy do."""
    kind = draw(st.sampled_from(["cut", "zero", "double", "swap", "add", "move"]))
    one, other, length = draw(_places), draw(_places), draw(_lengths)

    def damage(content: bytes) -> bytes:
        first, second = _span(content, one, length), _span(content, other, length)
        if kind == "cut":
            return content[: first.start]
        if kind == "zero":
            return content[: first.start] + bytes(first.stop - first.start) + content[first.stop :]
        if kind == "add":
            return content + content[first]
        if kind == "double":
            return content[: first.stop] + content[first.start :]
        changed = bytearray(content)
        width = min(first.stop - first.start, second.stop - second.start)
        changed[first.start : first.start + width] = content[second.start : second.start + width]
        if kind == "swap":
            changed[second.start : second.start + width] = content[first.start : first.start + width]
        return bytes(changed)

    return damage


@settings(max_examples=40)
@given(damage=damages())
@example(damage=lambda content: content[:48])
@example(damage=lambda content: content[:47])
@example(damage=lambda content: content[:-1])
@example(damage=lambda content: content + b"\0")
@example(damage=lambda content: bytes(len(content)))
@example(damage=lambda content: content[:48] + bytes(len(content) - 48))
def test_a_damaged_file_is_an_error_and_no_more(whole: Path, reader: Reader, damage: Damage, tmp_path: Path) -> None:
    content = whole.read_bytes()
    changed = damage(content)
    assume(changed != content)
    copy = tmp_path / "damaged.h5"
    copy.write_bytes(changed)
    answers = reader.read(copy)
    assert not answers.surprises
    assert answers.peak_bytes < 1 << 30
    if "verify" not in answers.errors:
        assert everything(copy) == everything(whole)
