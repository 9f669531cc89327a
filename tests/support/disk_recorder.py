"""Records every operation by which the product changes files, below one folder, and can make any of them fail.

Whatever opens files for writing in Python passes through ``io.open`` or ``os.open``; HDF5, which does not, is given such a
file to write to (h5py's "fileobj" driver). That nothing was missed is asserted: the recorded operations, played again,
give the folder that is really there, byte for byte.

POSIX only: folders are flushed by their descriptors, which Windows has not.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pytest

from aimdlab.session import hdf5

ROOT = 0
"""The node of the folder that is watched."""


class Killed(BaseException):
    """The process is dead: nothing more of it reaches a file."""


@dataclass(frozen=True)
class Op:
    """One operation on the file system, or a promise that the product made between two of them.

    Attributes:
        kind: create, mkdir, rename, unlink, rmdir, write, truncate, fsync, lost (a flush that failed), promise.
        node: the file written, truncated or flushed, the folder flushed, or what was made.
        folder, name: where it is made, taken away or moved from.
        to_folder, to_name: where it is moved to.
        offset, data: of a write; ``offset`` is the size of a truncation.
        value: of a promise.
    """

    kind: str
    node: int = -1
    folder: int = -1
    name: str = ""
    to_folder: int = -1
    to_name: str = ""
    offset: int = 0
    data: bytes = b""
    value: Any = None


Fault = Callable[[int, str, Path], None]
"""Called before an operation with its index, kind and path; raises what is to happen instead of it."""


class Recorder:
    """Watches a folder while the context lasts.

    Args:
        root: the folder; what is in it now counts as flushed.
        monkeypatch: puts everything back afterwards.
        fault: what goes wrong.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault | None = None) -> None:
        self.root = root.resolve()
        self.ops: list[Op] = []
        self.fault = fault
        self.attempted = 0
        self._nodes: dict[int, int] = {}  # by inode number
        self._tree: dict[int, dict[str, int]] = {ROOT: {}}
        self._folders: dict[int, Path] = {}  # by descriptor
        self._real = {name: getattr(os, name) for name in ("open", "mkdir", "rmdir", "unlink", "rename", "fsync")}
        self._real_open = io.open
        self._adopt(self.root, ROOT)
        self.base = [*self.ops]
        self.ops.clear()
        self._patch(monkeypatch)

    def promise(self, kind: str, value: Any = None) -> None:
        """The product has said so: from now on a power cut must not take it back."""
        self.ops.append(Op("promise", name=kind, value=value))

    # --- what is there already ---

    def _adopt(self, folder: Path, node: int) -> None:
        self._nodes[folder.stat().st_ino] = node
        for path in sorted(folder.iterdir()):
            child = self._new_node(path)
            self._tree[node][path.name] = child
            if path.is_dir():
                self._tree[child] = {}
                self.ops += [Op("mkdir", child, node, path.name)]
                self._adopt(path, child)
            else:
                content = path.read_bytes()
                self.ops += [Op("create", child, node, path.name), Op("write", child, data=content), Op("fsync", child)]
        self.ops.append(Op("fsync", node))

    def _new_node(self, path: Path) -> int:
        node = len(self._nodes) + 1
        while node in self._nodes.values():
            node += 1
        self._nodes[path.stat().st_ino] = node
        return node

    # --- paths ---

    def _path(self, path: Any, dir_fd: int | None = None) -> Path | None:
        """The path below the root, or None if it is elsewhere."""
        given = Path(os.fsdecode(path))
        if dir_fd is not None:
            given = self._folders[dir_fd] / given
        # The parent may be a link, the last part never is.
        whole = given.absolute().parent.resolve() / given.name
        return whole if whole == self.root or self.root in whole.parents else None

    def _place(self, path: Path) -> tuple[int, str]:
        node = ROOT
        for part in path.relative_to(self.root).parts[:-1]:
            node = self._tree[node][part]
        return node, path.name

    def _node_of(self, descriptor: int) -> int | None:
        return self._nodes.get(os.fstat(descriptor).st_ino)

    def _begin(self, kind: str, path: Path) -> None:
        self.attempted += 1
        if self.fault is not None:
            self.fault(self.attempted - 1, kind, path)

    # --- the operations ---

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(io, "open", self._open_stream)
        monkeypatch.setattr(builtins, "open", self._open_stream)
        monkeypatch.setattr(os, "open", self._open)
        monkeypatch.setattr(os, "mkdir", self._mkdir)
        monkeypatch.setattr(os, "rmdir", self._rmdir)
        monkeypatch.setattr(os, "unlink", self._unlink)
        monkeypatch.setattr(os, "remove", self._unlink)
        monkeypatch.setattr(os, "rename", self._rename)
        monkeypatch.setattr(os, "replace", self._rename)
        monkeypatch.setattr(os, "fsync", self._fsync)
        monkeypatch.setattr(hdf5, "create_file", self._create_hdf5)
        for name in ("truncate", "ftruncate", "pwrite", "link", "symlink", "write"):
            if hasattr(os, name):
                monkeypatch.setattr(os, name, _not_recorded(name, getattr(os, name)))

    def _open_stream(self, file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any) -> Any:
        path = None if isinstance(file, int) else self._path(file)
        if path is None or not set(mode) & set("wax+"):
            return self._real_open(file, mode, buffering, *more, **named)
        assert "b" in mode, f"{path} is opened for text, which is not recorded"
        if not path.exists():
            self._begin("create", path)
        elif "w" in mode and path.is_file():
            self._begin("truncate", path)
        existed = path.exists()
        raw = _Raw(self, path, mode.replace("b", ""))
        if not existed:
            self._made(path)
        elif "w" in mode:
            self.ops.append(Op("truncate", self._nodes[path.stat().st_ino]))
        raw.node = self._nodes[path.stat().st_ino]
        if buffering == 0:
            return raw
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    def _create_hdf5(self, path: Path) -> h5py.File:
        return _RecordedFile(self._open_stream(path, "x+b", 0))

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        where = self._path(path, dir_fd)
        made = where is not None and bool(writes) and not where.exists()
        if where is not None and writes:  # Path.touch; everything else that writes opens a stream
            assert not flags & os.O_TRUNC, f"{where} is opened by os.open for writing, which is not recorded"
            if made:
                self._begin("create", where)
        descriptor: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        if where is not None and made:
            self._made(where)
        elif where is not None:
            self._folders[descriptor] = where
        return descriptor

    def _made(self, path: Path) -> None:
        node = self._new_node(path)
        folder, name = self._place(path)
        self._tree[folder][name] = node
        self.ops.append(Op("create", node, folder, name))

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        if where is not None and not where.exists():
            self._begin("mkdir", where)
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        if where is not None:
            folder, name = self._place(where)
            node = self._new_node(where)
            self._tree[folder][name], self._tree[node] = node, {}
            self.ops.append(Op("mkdir", node, folder, name))

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._take("rmdir", path, dir_fd)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._take("unlink", path, dir_fd)

    def _take(self, kind: str, path: Any, dir_fd: int | None) -> None:
        where = self._path(path, dir_fd)
        if where is not None and where.exists():
            self._begin(kind, where)
        inode = os.lstat(where).st_ino if where is not None and where.exists() else None
        self._real[kind](path, dir_fd=dir_fd)
        if where is not None:
            folder, name = self._place(where)
            del self._tree[folder][name]
            if inode is not None:
                del self._nodes[inode]  # another file may get the number
            self.ops.append(Op(kind, folder=folder, name=name))

    def _rename(self, source: Any, target: Any) -> None:
        one, other = self._path(source), self._path(target)
        assert (one is None) == (other is None), f"{source} crosses the border of what is watched"
        if one is None or other is None:
            self._real["rename"](source, target)
            return
        self._begin("rename", other)
        replaced = other.stat().st_ino if other.exists() else None
        self._real["rename"](source, target)
        if replaced is not None:
            self._nodes.pop(replaced, None)
        folder, name = self._place(one)
        to_folder, to_name = self._place(other)
        node = self._tree[folder].pop(name)
        self._tree[to_folder][to_name] = node
        self.ops.append(Op("rename", node, folder, name, to_folder, to_name))

    def _fsync(self, descriptor: int) -> None:
        node = self._node_of(descriptor)
        assert node is not None, "something is flushed that was never recorded"
        try:
            self._begin("fsync", self._folders.get(descriptor, self.root / f"node {node}"))
        except OSError:
            self.ops.append(Op("lost", node))
            raise
        # The medium is the model's; the real one need not be waited for.
        self.ops.append(Op("fsync", node))


class _Raw(io.FileIO):
    """A file that tells what is written to it."""

    node = -1

    def __init__(self, recorder: Recorder, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._recorder, self._at, self._appends = recorder, path, "a" in mode

    def __repr__(self) -> str:
        return str(self._at)  # h5py takes it for the name of the file

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._recorder._begin("write", self._at)
        offset = os.fstat(self.fileno()).st_size if self._appends else self.tell()
        written = super().write(content)
        self._recorder.ops.append(Op("write", self.node, offset=offset, data=content[:written]))
        return written

    def truncate(self, size: int | None = None) -> int:
        self._recorder._begin("truncate", self._at)
        result = super().truncate(size)
        self._recorder.ops.append(Op("truncate", self.node, offset=result))
        return result


class _RecordedFile(h5py.File):  # type: ignore[misc]
    """An HDF5 file that is written through a recorded one."""

    def __init__(self, stream: io.FileIO) -> None:
        self._stream = stream
        super().__init__(stream, "w", libver=("v108", "v108"))

    def close(self) -> None:
        try:
            super().close()
        finally:
            with suppress(OSError):
                self._stream.close()


def _not_recorded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(*arguments: Any, **named: Any) -> Any:
        if isinstance(arguments[0], int) and name == "write":  # pipes, sockets
            return real(*arguments, **named)
        raise AssertionError(f"os.{name} is not recorded")

    return refuse
