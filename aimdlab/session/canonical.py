"""The canonical encoding: one record, one text, one hash, on every computer and in every language.

JSON in UTF-8 with keys sorted by code point, no spaces, and numbers written the shortest way that reads back as the
same binary64. What JSON lacks: ``{"$float":"nan"}`` (``"inf"``, ``"-inf"``) for floats without a numeral, and
``{"dtype","shape","sha256"}`` for an array, the hash being that of its little-endian bytes in C order. A key of the
data that begins with ``$`` gets another ``$`` in front. Lone surrogates, which UTF-8 cannot carry, become U+FFFD.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Encodable: TypeAlias = "str | int | float | bool | NDArray[Any] | Sequence[Encodable] | Mapping[str, Encodable] | None"
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

MOST_VALUES = 2_000_000
"""In one text: eight times what the plan of a full gradient campaign has; decoded, some 400 MB."""

# Written as an escape; a canonical text has none, nor an even number of backslashes before one that is not.
_SURROGATE = re.compile(r"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")

_SLICE = 1 << 18

NO_HASH = "0" * 64
"""Stands for "the record before" where there is none."""


def sha256(data: bytes | str) -> str:
    """SHA-256 of bytes, or of a text in UTF-8, in lower-case hexadecimal."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256()
    for start in range(0, len(data), _SLICE):  # a header can be megabytes
        digest.update(data[start : start + _SLICE].encode())
    return digest.hexdigest()


def text_sha256(text: str) -> str:
    """SHA-256 of the canonical text of a text, which can be long, without making the whole of it."""
    digest = hashlib.sha256(b'"')
    for start in range(0, len(text), _SLICE):
        digest.update(encode(text[start : start + _SLICE])[1:-1].encode())
    digest.update(b'"')
    return digest.hexdigest()


def little_endian(array: NDArray[Any]) -> NDArray[Any]:
    """The array in C order with little-endian elements; the same array if it is so already."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)


def array_sha256(array: NDArray[Any]) -> str:
    """SHA-256 of an array's little-endian bytes in C order."""
    # A view as plain bytes: hashlib refuses buffers of empty shape.
    return hashlib.sha256(little_endian(array).reshape(-1).view(np.uint8).data).hexdigest()


def describe_array(array: NDArray[Any]) -> dict[str, Json]:
    """What a record says of an array: ``{"dtype": "<i2", "shape": [n], "sha256": ...}``."""
    stored = little_endian(array)
    return {"dtype": stored.dtype.str, "shape": list(stored.shape), "sha256": array_sha256(stored)}


def describe_blocks(dtype: np.dtype[Any], n: int, blocks: Iterable[NDArray[Any]]) -> dict[str, Json]:
    """The same of ``n`` little-endian elements that come block by block."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block.view(np.uint8).data)
    return {"dtype": dtype.newbyteorder("<").str, "shape": [n], "sha256": digest.hexdigest()}


def encode(value: object) -> str:
    """The canonical text of a value (:data:`Encodable`, or a dataclass of such values).

    Raises TypeError for anything else: a record never holds what it cannot give back.
    """
    return text_of(to_json(value))


def text_of(plain: Json) -> str:
    """The canonical text of what :func:`to_json` gave."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decode(text: str) -> Json:
    """The value of a canonical text; arrays stay descriptions, tuples are lists.

    ValueError if it is no JSON, or none that a session holds (:func:`check_decodable`).
    """
    check_decodable(text)
    try:
        # Only a key that begins with $ stands for something else than itself; most texts have none.
        value: Json = json.loads(text, object_hook=_decode_object if '"$' in text else None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def decode_in_parts(text: str, name: str, take: Callable[[Json, str], None]) -> dict[str, Json]:
    """The value of a canonical text that must be an object, with an empty list as its member ``name``.

    ``take`` gets the elements of that list one after the other, each with its text, so that a long list is never in
    memory as a whole. ValueError as of :func:`decode_object`.
    """
    check_decodable(text)
    decoder = json.JSONDecoder(object_hook=_decode_object if '"$' in text else None)
    found: dict[str, Json] = {}
    try:
        at = _after(text, 0, "{")
        while True:
            key, at = decoder.raw_decode(text, at)
            if not isinstance(key, str):
                raise ValueError("a key is no text")  # noqa: TRY004 - bad text, not a bad type
            at = _after(text, at, ":")
            if key == name and text.startswith("[", at):
                found[key], at = [], _take_elements(decoder, text, at, take)
            else:
                found[key[1:] if key.startswith("$") else key], at = decoder.raw_decode(text, at)
            if not text.startswith(",", at):
                break
            at += 1
        if _after(text, at, "}") != len(text):
            raise ValueError("something stands after its end")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return found


def _take_elements(decoder: json.JSONDecoder, text: str, at: int, take: Callable[[Json, str], None]) -> int:
    """Hand on the elements of the list that begins at ``at``; returns where the text goes on."""
    at += 1
    if text.startswith("]", at):
        return at + 1
    while True:
        value, end = decoder.raw_decode(text, at)
        take(value, text[at:end])
        if not text.startswith(",", end):
            return _after(text, end, "]")
        at = end + 1


def _after(text: str, at: int, mark: str) -> int:
    if not text.startswith(mark, at):
        raise ValueError(f"{mark!r} is missing at character {at}")
    return at + 1


def check_decodable(text: str) -> None:
    """Raise ValueError for a text that would take too much memory, or that holds what UTF-8 cannot carry."""
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MOST_VALUES:
        raise ValueError(f"{values} values are more than a record holds; at most {MOST_VALUES}")
    if ("\\ud" in text or "\\uD" in text) and _SURROGATE.search(text):
        raise ValueError("it holds half a character")


def decoded(plain: Json, text: str) -> Json:
    """The value of ``text``, which is that of ``plain``; both are the same unless a key stands for something else."""
    return decode(text) if '"$' in text else plain


def decode_object(text: str) -> dict[str, Any]:
    """The value of a canonical text that must be an object; ValueError otherwise."""
    return as_object(decode(text))


def as_object(value: Json) -> dict[str, Any]:
    """The value, if it is an object; ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - to the reader it is bad text, not a bad type
    return value


def to_json(value: object) -> Json:  # noqa: PLR0911 - one case per type
    """A value as the plain JSON value that stands for it."""
    plain = _PLAIN.get(type(value))  # nearly every value is of just these types, and a record has hundreds
    if plain is not None:
        return plain(value)
    match value:
        case str():
            return _unicode(str.__str__(value))
        case int():
            return int(value)
        case float():
            return _float(float(value))
        case np.ndarray():
            return describe_array(value)
        case np.generic():
            return to_json(value.item())
        case Mapping():
            return _object(value)
        case list() | tuple():
            return _array(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_json(getattr(value, name)) for name in _field_names(type(value))}
    raise TypeError(f"a record cannot hold {type(value).__name__!r}: {value!r}")


def _as_it_is(value: Any) -> Json:
    plain: Json = value
    return plain


def _float(value: float) -> Json:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _object(value: Mapping[Any, Any]) -> Json:
    return {_encode_key(key): to_json(item) for key, item in value.items()}


def _array(value: Sequence[Any]) -> Json:
    return [to_json(item) for item in value]


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _unicode(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def _encode_key(key: object) -> str:
    if type(key) is str and key.isidentifier() and key.isascii():
        return key
    if not isinstance(key, str):
        raise TypeError(f"a record's keys are texts, not {key!r}")
    text = _unicode(str.__str__(key))
    return "$" + text if text.startswith("$") else text


_PLAIN: dict[type, Callable[[Any], Json]] = {
    str: _unicode, float: _float, int: _as_it_is, bool: _as_it_is, type(None): _as_it_is, dict: _object, list: _array,
    tuple: _array,
}  # fmt: skip


def _decode_object(pairs: dict[str, Any]) -> Json:
    if pairs.keys() == {"$float"}:
        return float(pairs["$float"])
    return {key[1:] if key.startswith("$") else key: item for key, item in pairs.items()}
