"""What a session keeps of its plan, attempts and tables in memory is compressed, and comes out as it went in."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.errors import RecordAlteredError
from aimdlab.scoring.results import Verdict
from aimdlab.session import canonical, chunk_index
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import HeaderText, header_from_record, header_record, new_header
from aimdlab.session.packed_columns import PackedNumbers, PackedWords
from aimdlab.session.packed_texts import PackedTexts
from aimdlab.session.planned_steps import PlannedSteps
from aimdlab.session.reader import open_session
from aimdlab.session.verdicts import Tried, TriedAttempts, results_of

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3).filter(str.isascii), inner),
    max_leaves=8,
)


@given(st.lists(st.text().filter(lambda text: "\n" not in text), max_size=300), st.data())
def test_texts_come_back_in_any_order(texts: list[str], data: st.DataObject) -> None:
    packed = PackedTexts()
    for text in texts:
        packed.append(text)
    assert list(packed) == texts
    for place in data.draw(st.permutations(range(len(texts)))):
        assert packed[place] == texts[place]
    with pytest.raises(IndexError):
        packed[len(texts)]


def test_a_text_of_two_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one line"):
        PackedTexts().append("one\ntwo")


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 10_000])
@pytest.mark.parametrize("run", [1000, 4096, 20_000])
def test_columns_come_back_in_runs_of_any_length(count: int, run: int) -> None:
    numbers, words = PackedNumbers("<i4"), PackedWords()
    for value in range(count):
        numbers.append(value)
        words.append(str(value).encode())
    assert np.concatenate([np.empty(0), *numbers.runs(run)]).tolist() == list(range(count))
    assert [word for part in words.runs(run) for word in part] == [str(value).encode() for value in range(count)]
    assert all(len(part) == run for part in list(numbers.runs(run))[:-1])
    assert numbers.all().tolist() == list(numbers) == list(range(count))
    assert words.longest() == len(str(count - 1)) * bool(count)


def test_an_array_is_appended_to_a_column_as_its_values_are() -> None:
    numbers = PackedNumbers("<f8")
    numbers.append(-1.0)
    numbers.extend(np.arange(9000.0))
    numbers.append(np.nan)
    assert len(numbers) == 9002
    np.testing.assert_array_equal(numbers.all(), [-1.0, *np.arange(9000.0), np.nan])


@given(st.dictionaries(st.text(max_size=3).filter(str.isascii), _VALUES), st.lists(_VALUES, max_size=5))
def test_an_object_decoded_in_parts_is_the_object(others: dict[str, Any], long: list[Any]) -> None:
    text = canonical.encode({**others, "plan": long})
    parts: list[tuple[Any, str]] = []
    found = canonical.decode_in_parts(text, "plan", lambda value, part: parts.append((value, part)))
    assert canonical.encode({**found, "plan": [value for value, _ in parts]}) == text
    assert [part for _, part in parts] == [canonical.encode(value) for value in long]


@given(st.data())
def test_what_is_cut_off_or_added_to_an_object_is_no_object(data: st.DataObject) -> None:
    text = canonical.encode({"a": 1.5, "plan": [{"b": [1, {"c": "d"}]}, 2], "z": None})
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    for wrong in (cut, text + data.draw(st.sampled_from([",", "}", " ", "x"]))):
        with pytest.raises(ValueError):
            canonical.decode_in_parts(wrong, "plan", lambda value, part: None)


def _header(steps: int) -> Any:
    plan = tuple(
        {"step_id": f"1/{step:06d}", "kind": "sequence", "test": 0, "title": "µ" * 40, "parameters": {"x": step / 7}}
        for step in range(steps)
    )
    return new_header(title="long", plan=plan, configuration={"campaign.yaml": "name: x\n"})


def test_a_header_is_the_text_that_it_was_read_from() -> None:
    header = _header(200)
    text = header_record(header)
    assert canonical.encode(json.loads(text)) == text
    again = header_from_record(text, header.configuration)
    assert again == header
    assert header_record(again) == text
    assert HeaderText(text).configuration.keys() == {"campaign.yaml"}
    assert list(again.plan) == list(header.plan)
    assert [again.plan[-1], *again.plan[2:4]] == [header.plan[199], header.plan[2], header.plan[3]]


def test_a_long_header_is_read_and_every_change_in_it_is_found(tmp_path: Path) -> None:
    header = _header(3000)
    assert len(header_record(header)) > 1 << 18, "long enough to be read past HDF5, and hashed in slices"
    with SessionFolder.create(tmp_path / "session", header):
        pass
    with open_session(tmp_path / "session") as session:
        assert session.header == header
    path = tmp_path / "session" / "session.h5"
    image = path.read_bytes()
    start = image.index(b'{"bench_clock"')
    for place in (image.index(b"1/002999") + 7, image.rindex(b"GCOL", 0, start), start - 8):  # text, heap, its length
        path.write_bytes(image[:place] + bytes([image[place] ^ 1]) + image[place + 1 :])
        with pytest.raises(RecordAlteredError, match="the session's header was altered"):
            open_session(tmp_path / "session")
    path.write_bytes(image)
    with open_session(tmp_path / "session") as session:
        assert session.header == header


_TRIED = st.tuples(st.integers(0, 5), st.sampled_from(list(Verdict)), st.booleans(), st.text(max_size=5))


@given(st.lists(_TRIED, max_size=30))
def test_what_was_tried_decides_as_it_does_in_lists(attempts: list[tuple[int, Verdict, bool, str]]) -> None:
    plan = [
        {"step_id": f"1/{step}", "kind": "check" if step in (0, 5) else "sequence", "test": step // 3}
        for step in range(6)
    ]
    header = new_header(title="x", plan=plan, configuration={})
    packed, plain = TriedAttempts(), dict[int, list[Tried]]()
    for index, (step, verdict, stands, reason) in enumerate(attempts):
        tried = Tried(verdict, stands, index, reason)
        packed.add(step, tried)
        plain.setdefault(step, []).append(tried)
    assert {step: list(tried) for step, tried in packed.items()} == plain
    assert [tried.index for _, tried in packed.in_order()] == list(range(len(attempts)))
    assert results_of(header, packed) == list(results_of(header, plain))


def test_a_step_without_a_name_or_a_rationale_is_refused() -> None:
    with pytest.raises(ValueError, match="step 1 of the plan has no step_id"):
        PlannedSteps([{"step_id": "a"}, {"step": "b"}])
    with pytest.raises(ValueError, match="omitted without a rationale"):
        PlannedSteps([{"step_id": "a", "omitted": ""}])


def _object(number: int, content: bytes) -> bytes:
    return struct.pack("<HHIQ", number, 1, 0, len(content)) + content + bytes(-len(content) % 8)


def _heap(*objects: bytes, free: int = 0, size: int | None = None) -> io.BytesIO:
    content = b"".join(objects) + (struct.pack("<QQ", 0, free) + bytes(free - 16) if free else b"")
    size = 16 + len(content) if size is None else size
    return io.BytesIO(b"GCOL\x01\0\0\0" + struct.pack("<Q", size) + content)


def test_a_text_is_found_in_its_heap() -> None:
    for free in (0, 16, 400):
        heap = _heap(_object(1, b"other"), _object(7, b"the text"), free=free)
        assert chunk_index.heap_object(heap, 0, 7, 8) == b"the text"


@pytest.mark.parametrize(
    ("heap", "said"),
    [
        (_heap(_object(7, b"the text"), _object(7, b"the lies")), "none of a session"),
        (_heap(_object(7, b"the text"), struct.pack("<QQ", 0, 16), _object(7, b"the lies")), "none of a session"),
        (_heap(struct.pack("<QQ", 0, 16), _object(7, b"the text")), "none of a session"),
        (_heap(_object(1, b""), _object(7, b"the text"), size=32), "not in its heap"),
        (_heap(_object(7, b"the text"), size=32), "not in its heap"),
        (_heap(_object(7, b"the texts")), "another length"),
        (_heap(_object(1, b"the text")), "not in its heap"),
        (_heap(_object(7, b"the text"), size=1 << 63), "beyond the end"),
        (_heap(struct.pack("<HHIQ", 7, 1, 0, 1 << 63)), "not in its heap"),
    ],
)
def test_a_text_that_hdf5_would_find_elsewhere_in_its_heap_is_none(heap: io.BytesIO, said: str) -> None:
    """HDF5 takes the last of two objects with one number: viewers would show another text than is verified."""
    with pytest.raises(ValueError, match=said):
        chunk_index.heap_object(heap, 0, 7, 8)
