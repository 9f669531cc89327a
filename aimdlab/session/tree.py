"""A fingerprint of everything in an HDF5 file: every group, dataset and attribute by its path.

The chains cover the records and the codes; this covers the rest, so that nothing in a sealed file can be changed,
removed or added unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from aimdlab.errors import RecordAlteredError
from aimdlab.session import canonical, hdf5, inspection

Tree = dict[str, dict[str, Any]]

_DEEPEST = 8  # /entry/configuration/0000/data is the deepest there is


def describe_tree(file: h5py.Group, covered: frozenset[str]) -> Tree:
    """What is at each path: attributes, and for a dataset its type, shape and the hash of its content.

    Args:
        file: the root.
        covered: paths of datasets whose content is protected otherwise; their content is not hashed here (None).
    """
    return {path: _describe(item, covered) for path, item in _walk(file, "/", None)}


def check_tree(file: h5py.Group, expected: Tree) -> None:
    """Raise RecordAlteredError naming the first path that is not as ``expected`` says."""
    covered = frozenset(path for path, entry in expected.items() if entry.get("content", "") is None)
    found = set()
    addresses: set[int] = set()
    for path, item in _walk(file, "/", expected):
        found.add(path)
        try:
            if (address := inspection.address(item)) in addresses:
                raise RecordAlteredError(f"{path} was altered: it is another name of an object that has one already")
            addresses.add(address)
            if isinstance(item, h5py.Dataset):
                inspection.check_ends(item)
            described = _describe(item, covered)
        except hdf5.DAMAGE as error:
            raise RecordAlteredError(f"{path} was altered: {error}") from error
        if canonical.encode(described) != canonical.encode(expected[path]):  # 2 and 2.0 differ
            keys = described.keys() | expected[path].keys()
            differing = sorted(
                key for key in keys if canonical.encode(described.get(key)) != canonical.encode(expected[path].get(key))
            )
            raise RecordAlteredError(f"{path} was altered: its {', '.join(differing)} is not what was sealed")
    for path in sorted(expected):
        if path not in found:
            raise RecordAlteredError(f"{path} was removed")
    try:
        # HDF5 now reads, and checks, what it keeps for itself beside the contents.
        file.visititems(lambda _name, _item: None)
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"the structure of the file was altered: {error}") from error


def _walk(group: h5py.Group, path: str, expected: Tree | None) -> Iterator[tuple[str, Any]]:
    """Every object below ``group`` once, by path; with ``expected``, an object that is not in it is an error at once.

    Sealed files hold hard links only, so that a link of another kind was put in afterwards. Only expected paths are
    entered, and none is deep, so that a cycle cannot keep the walk going.
    """
    if path.count("/") > _DEEPEST:
        raise RecordAlteredError(f"{path} was altered: it lies deeper than anything in a session")
    yield path, group
    for name in _names(group, path):
        child = path.rstrip("/") + "/" + name
        if expected is not None and child not in expected:
            raise RecordAlteredError(f"{child} was added")
        item = group[name] if expected is None else _child(group, name, child)
        if isinstance(item, h5py.Group):
            yield from _walk(item, child, expected)
        else:
            yield child, item


def _names(group: h5py.Group, path: str) -> list[str]:
    try:
        return inspection.names(group)
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{path} was altered: {error}") from error


def _child(group: h5py.Group, name: str, path: str) -> Any:
    try:
        return inspection.find(group, name)
    except hdf5.DAMAGE as error:
        raise RecordAlteredError(f"{path} was altered: {error}") from error


def _describe(item: Any, covered: frozenset[str]) -> dict[str, Any]:
    described: dict[str, Any] = {"attributes": {name: _attribute(value) for name, value in item.attrs.items()}}
    if isinstance(item, h5py.Dataset):
        described["dtype"] = _type_name(item.dtype)
        described["shape"] = list(item.shape)
        described["content"] = None if item.name in covered else _content_sha256(item)
    elif not isinstance(item, h5py.Group):
        raise TypeError(f"{item.name} is neither a group nor a dataset")
    return described


def _attribute(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_attribute(element) for element in value.tolist()]
    return canonical.to_json(value)


def _type_name(dtype: np.dtype[Any]) -> Any:
    if dtype.names is not None:
        return [[name, _type_name(dtype[name])] for name in dtype.names]
    if h5py.check_string_dtype(dtype) is not None:
        return "text" if dtype.kind == "O" else f"text{dtype.itemsize}"
    if dtype.kind not in "iufb":
        raise TypeError(f"a sealed file holds no {dtype}")
    return dtype.newbyteorder("<").str


def _content_sha256(dataset: h5py.Dataset) -> str:
    """Hash of the raw little-endian bytes; of texts of variable length that of the canonical JSON of text or list."""
    if dataset.dtype.kind == "O":
        if dataset.ndim == 0:
            return canonical.text_sha256(hdf5.read_scalar(dataset))
        if inspection.text_lengths(dataset).sum() > inspection.LARGEST_TEXT_BYTES:
            raise ValueError(f"{dataset.name} holds longer texts than any session")
        return canonical.sha256(canonical.encode(list(hdf5.read_texts(dataset))))
    digest = hashlib.sha256()
    for slab in hdf5.slabs(dataset):
        digest.update(canonical.little_endian(slab).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
