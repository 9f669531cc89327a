"""The disk images that a power cut can leave, after any of the operations that were recorded.

The model, harsher than any file system is known to be:

- What was flushed (a file by its own flush, a name by that of its folder) is there.
- Data of a file that was not flushed: each sector of 512 bytes may be as after any of the operations since the last
  flush, whatever the others are; so may the size. So data may be wholly there, up to any byte, not at all, or be zeros
  in a file that has its size already.
- Names that were not flushed: any of the operations may be there without the others. A rename within a folder is one
  operation; one from folder to folder is two. What a journal of all folders, or one of each, can leave is among that.
- What a flush that failed should have brought to the medium is lost, and zeros in its place, whatever is flushed later;
  only what is written again is there.
"""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from disk_recorder import ROOT, Op

SECTOR = 512

Data = Literal["none", "all", "prefix", "zeros", "sectors"]

# So many unflushed names are tried in every combination; of more, a journal's and some by chance.
_EVERY_COMBINATION = 4


@dataclass
class File:
    """A file: what is flushed, and the contents since, after each operation."""

    versions: list[bytes] = field(default_factory=lambda: [b""])

    def change(self, op: Op) -> None:
        content = bytearray(self.versions[-1])
        if op.kind == "truncate":
            content = content[: op.offset].ljust(op.offset, b"\0")
        else:
            content = content.ljust(op.offset, b"\0")
            content[op.offset : op.offset + len(op.data)] = op.data
        self.versions.append(bytes(content))

    def flush(self) -> None:
        del self.versions[:-1]

    def lose(self) -> None:
        first, last = self.versions[0], self.versions[-1]
        self.versions = [first, first[: len(last)].ljust(len(last), b"\0")]


@dataclass(frozen=True)
class Change:
    """One change of a folder's names: ``name`` is taken away, or stands for ``node`` from now on."""

    at: int
    gone: str = ""
    name: str = ""
    node: int = -1


@dataclass
class Folder:
    """A folder: its names as flushed, and the changes since."""

    names: dict[str, int] = field(default_factory=dict)
    waiting: list[Change] = field(default_factory=list)

    def flush(self) -> None:
        self.names = _changed(self.names, self.waiting)
        self.waiting = []


def _changed(names: dict[str, int], changes: Sequence[Change]) -> dict[str, int]:
    result = dict(names)
    for change in changes:
        if change.gone:
            result.pop(change.gone, None)
        if change.name:
            result[change.name] = change.node
    return result


class Disk:
    """A disk to which operations are done, one after the other."""

    def __init__(self, ops: Sequence[Op] = ()) -> None:
        self.files: dict[int, File] = {}
        self.folders: dict[int, Folder] = {ROOT: Folder()}
        self.promises: list[Op] = []
        self._count = 0
        for op in ops:
            self.do(op)

    def do(self, op: Op) -> None:
        self._count += 1
        match op.kind:
            case "promise":
                self.promises.append(op)
            case "write" | "truncate":
                self.files[op.node].change(op)
            case "fsync" if op.node in self.folders:
                self.folders[op.node].flush()
            case "fsync":
                self.files[op.node].flush()
            case "lost" if op.node in self.files:
                self.files[op.node].lose()
            case "lost":
                pass  # names stay where they were: not flushed
            case _:
                self._name(op, self._count)

    def _name(self, op: Op, at: int) -> None:
        match op.kind:
            case "create":
                self.files[op.node] = File()
                self.folders[op.folder].waiting.append(Change(at, name=op.name, node=op.node))
            case "mkdir":
                self.folders[op.node] = Folder()
                self.folders[op.folder].waiting.append(Change(at, name=op.name, node=op.node))
            case "unlink" | "rmdir":
                self.folders[op.folder].waiting.append(Change(at, gone=op.name))
            case "rename" if op.folder == op.to_folder:
                self.folders[op.folder].waiting.append(Change(at, op.name, op.to_name, op.node))
            case "rename":
                self.folders[op.to_folder].waiting.append(Change(at, name=op.to_name, node=op.node))
                self.folders[op.folder].waiting.append(Change(at, gone=op.name))
            case _:
                raise AssertionError(op)

    def waiting(self) -> list[Change]:
        """The changes of names that are not flushed, in order."""
        return sorted((change for folder in self.folders.values() for change in folder.waiting), key=lambda x: x.at)

    def image(self, there: Container[Change], data: Data, chance: random.Random) -> dict[str, bytes | None]:
        """Every path that is there after a power cut now, with its content; None is a folder.

        Args:
            there: which changes of names reached the medium.
            data: what of the data did.
            chance: where that leaves a choice.
        """
        image: dict[str, bytes | None] = {}
        made: dict[int, bytes] = {}

        def walk(node: int, prefix: str) -> None:
            folder = self.folders[node]
            names = _changed(folder.names, [change for change in folder.waiting if change in there])
            for name, child in names.items():
                if child in self.folders:
                    image[prefix + name] = None
                    walk(child, f"{prefix}{name}/")
                else:
                    if child not in made:
                        made[child] = _content(self.files[child].versions, data, chance)
                    image[prefix + name] = made[child]

        walk(ROOT, "")
        return image


def _content(versions: Sequence[bytes], data: Data, chance: random.Random) -> bytes:
    first, last = versions[0], versions[-1]
    if len(versions) == 1 or data == "none":
        return first
    match data:
        case "all":
            return last
        case "zeros":
            return first.ljust(len(last), b"\0")
        case "prefix":
            after = chance.randrange(1, len(versions))
            before, now = versions[after - 1], versions[after]
            if len(now) <= len(before):
                return now
            return now[: chance.randint(len(before), len(now))]
        case "sectors":
            size = len(chance.choice(versions))
            result = bytearray()
            for start in range(0, size, SECTOR):
                result += chance.choice(versions)[start : start + SECTOR].ljust(SECTOR, b"\0")
            return bytes(result[:size])


@dataclass(frozen=True)
class Image:
    """One disk image: its paths, and what had been promised when the power went."""

    paths: dict[str, bytes | None]
    promises: tuple[Op, ...]
    origin: str

    def kept(self, kind: str) -> list[Any]:
        """The values of the promises of a kind."""
        return [op.value for op in self.promises if op.name == kind]

    def write(self, root: Path) -> None:
        root.mkdir()
        for name, content in self.paths.items():
            if content is None:
                (root / name).mkdir()
            else:
                (root / name).write_bytes(content)


def images(
    base: Sequence[Op], ops: Sequence[Op], each: int, seed: int, moments: Container[int] | None = None
) -> Iterator[Image]:
    """The images that a power cut leaves after the operations ``moments`` (None: after any), each once.

    Every combination of names where there are few, with all of the data, none, and zeros; and ``each`` others by chance.
    """
    disk, chance, seen = Disk(base), random.Random(seed), set()
    for position in range(len(ops) + 1):
        if position:
            disk.do(ops[position - 1])
        if moments is not None and position not in moments:
            continue
        for there, data in _choices(disk.waiting(), each, chance):
            paths = disk.image(there, data, chance)
            known = hash((len(disk.promises), frozenset(paths.items())))
            if known not in seen:
                seen.add(known)
                names = ", ".join(change.name or f"no {change.gone}" for change in disk.waiting() if change in there)
                origin = f"after {position} of {len(ops)} operations; of the names: {names or 'none'}; data: {data}"
                yield Image(paths, tuple(disk.promises), origin)


def _choices(waiting: list[Change], each: int, chance: random.Random) -> Iterator[tuple[frozenset[Change], Data]]:
    if len(waiting) <= _EVERY_COMBINATION:
        kept = [
            waiting[:0],
            *([c for i, c in enumerate(waiting) if bits >> i & 1] for bits in range(1, 1 << len(waiting))),
        ]
    else:
        kept = [waiting[:end] for end in range(len(waiting) + 1)]
        kept += [[change for change in waiting if chance.random() < 0.5] for _ in range(each)]
    for there in kept:
        for data in ("all", "none", "zeros"):
            yield frozenset(there), data
    for _ in range(each):
        yield frozenset(chance.choice(kept)), chance.choice(("prefix", "sectors"))
