from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from aimdlab.session import canonical
from independent_check import spell

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def alike(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left.hex() == right.hex()  # tells 0.0 from -0.0, and NaN is NaN
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    return type(left) is type(right) and bool(left == right)


@given(values)
def test_every_value_comes_back_and_its_text_is_the_only_one(value: Any) -> None:
    text = canonical.encode(value)
    assert alike(canonical.decode(text), value)
    assert spell(json.loads(text)) == text  # the independent checker's spelling


def test_the_written_down_examples() -> None:
    value = {"b": [1, 1.0, -0.0, 1e-7], "a": {"µ": math.nan, "$x": None}, "c": [math.inf, -math.inf, True]}
    expected = (
        '{"a":{"$$x":null,"µ":{"$float":"nan"}},"b":[1,1.0,-0.0,1e-07],"c":[{"$float":"inf"},{"$float":"-inf"},true]}'
    )
    assert canonical.encode(value) == expected
    assert canonical.sha256(expected) == hashlib.sha256(expected.encode("utf-8")).hexdigest()


numbers = npst.integer_dtypes(endianness="?") | npst.floating_dtypes(endianness="?")


@given(npst.arrays(numbers, npst.array_shapes(min_side=0)))
def test_arrays_are_hashed_as_little_endian_bytes(array: Any) -> None:
    little = array.astype(array.dtype.newbyteorder("<"))
    assert canonical.describe_array(array) == {
        "dtype": little.dtype.str,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(little.tobytes()).hexdigest(),
    }


def test_strided_and_swapped_arrays_hash_as_their_values() -> None:
    array = np.arange(20, dtype=np.int16)
    assert canonical.array_sha256(array[::2]) == canonical.array_sha256(array[::2].copy())
    assert canonical.array_sha256(array.astype(">i2")) == canonical.array_sha256(array)


def test_numpy_scalars_enums_and_dataclasses_are_their_values() -> None:
    class Word(StrEnum):
        YES = "yes"

    @dataclass(frozen=True)
    class Thing:
        word: Word
        number: float

    assert canonical.encode(Thing(Word.YES, np.float64(0.5))) == '{"number":0.5,"word":"yes"}'
    assert canonical.encode([np.int32(3), np.bool_(True), np.float32(0.5)]) == "[3,true,0.5]"


def test_text_that_utf8_cannot_carry_is_replaced() -> None:
    assert canonical.encode("a\ud800b") == '"a\ufffdb"'


@pytest.mark.parametrize("value", [object(), b"bytes", {1: 2}, {"a": {1, 2}}, 1j])
def test_what_a_record_cannot_give_back_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="record"):
        canonical.encode(value)
