"""A disk that is full, or fails, at any single operation: nothing that was measured is lost, and the session goes on."""

from __future__ import annotations

import collections
import errno
import gc
import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aimdlab.errors import AimdlabError, RecordError
from aimdlab.session import room
from aimdlab.session.folder import SessionFolder
from aimdlab.session.folder_reader import sealed_path
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal
from crash_recovery import SESSION, Undisturbed, attempt_of, header_of, recover
from disk_images import images
from disk_recorder import Fault, Recorder

SEED = 20261121

TAKES_ROOM = ("create", "mkdir", "write")
ATTEMPTS = [(0, 1), (1, 1), (1, 2), (2, 1)]


class Writer:
    """A run that is told of an error and started again, once the disk has been seen to, until the session is sealed."""

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self.recorder, self.path = recorder, path
        self.folder: SessionFolder | None = None
        self.errors: list[AimdlabError] = []

    def work(self) -> None:
        """To the end, or to the first error."""
        finish_interrupted_seal(self.path)
        if sealed_path(self.path).exists():
            return
        self.folder = folder = self._begin()
        self.recorder.promise("events", folder.events.count)
        done = [(record.step, record.number) for record in open_session(self.path).records()]
        for record in open_session(self.path).records():  # opening has reported them
            self.recorder.promise("attempt", record.sha256)
        for step, number in ATTEMPTS[len(done) :]:
            folder.require_room(step)
            folder.events.record("tick", f"{step} " + "." * 700, source="test")
            self.recorder.promise("attempt", folder.commit(attempt_of(step, number)))
            self.recorder.promise("events", folder.events.count)
        seal(folder)
        self.recorder.promise("sealed")

    def _begin(self) -> SessionFolder:
        if self.path.exists():
            return SessionFolder.open(self.path)
        return SessionFolder.create(self.path, header_of(4))

    def work_until_done(self, see_to_the_disk: Callable[[], None]) -> None:
        for _ in range(4):
            try:
                self.work()
                return
            except AimdlabError as error:
                self.errors.append(error)
                if self.folder is not None:
                    with suppress(AimdlabError):
                        self.folder.close()
                see_to_the_disk()
        raise AssertionError(self.errors)


@contextmanager
def recording(root: Path, fault: Fault | None = None) -> Iterator[Recorder]:
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # A file whose close fails is not closed: there is nothing else a program could do.
        warnings.simplefilter("ignore", ResourceWarning)
        patch.setattr(room, "_ATTEMPT_BYTES", 8192)  # attempts here are small, and so may be the reserve
        yield Recorder(root, patch, fault)
        gc.collect()


def operations(root: Path) -> list[str]:
    """The kinds of all operations of an undisturbed run.

    What HDF5 writes itself is another kind: if that fails while it closes, the library may crash. To the folder that is
    a death like any other (``killed_writer``), and room is asked for before.
    """
    kinds: list[str] = []

    def note(_index: int, kind: str, path: Path) -> None:
        kinds.append("hdf5" if kind == "write" and path.suffix == ".sealing" else kind)

    with recording(root, note) as recorder:
        Writer(recorder, root / SESSION).work()
    return kinds


def places(kinds: list[str], wanted: tuple[str, ...], limit: int) -> list[int]:
    found = [index for index, kind in enumerate(kinds) if kind in wanted]
    return found if len(found) <= limit else sorted(random.Random(SEED).sample(found, limit))


def full_from(place: int) -> Fault:
    def fault(index: int, kind: str, path: Path) -> None:
        if index >= place and kind in TAKES_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    return fault


def check_complete(path: Path) -> None:
    with open_session(path) as session:
        session.verify()
        assert [(record.step, record.number) for record in session.records()] == ATTEMPTS
        kinds = collections.Counter(event.kind for event in session.events())
    assert kinds["attempt.committed"] + kinds["attempt.found"] == len(ATTEMPTS)
    assert kinds["session.created"] == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["session.h5"]


def fill_at_any_operation(tmp_path: Path, limit: int) -> str:
    """The disk is full from an operation on until somebody makes room."""
    kinds = operations(tmp_path / "undisturbed")
    tried = places(kinds, TAKES_ROOM, limit)
    for place in tried:
        root = tmp_path / str(place)
        with recording(root, full_from(place)) as recorder:
            writer = Writer(recorder, root / SESSION)

            def make_room(recorder: Recorder = recorder, path: Path = root / SESSION) -> None:
                recorder.fault = None
                if path.exists():  # as it lies there, nobody is alarmed
                    with open_session(path) as session:
                        session.verify()

            writer.work_until_done(make_room)
        assert len(writer.errors) == 1, place
        assert isinstance(writer.errors[0], RecordError)
        check_complete(root / SESSION)
    return f"{len(tried)} of {len(kinds)} operations"


def fill_while_measuring(tmp_path: Path) -> None:
    """Another program fills the disk while an attempt is measured: it is committed all the same."""
    begun = spent = 0

    def fault(index: int, kind: str, path: Path) -> None:
        nonlocal spent
        if kind == "unlink" and path.name == "reserve":
            spent = index
        if begun and not spent and index >= begun and kind in TAKES_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    for later in (0, 1, 2, 5):
        root = tmp_path / str(later)
        begun = spent = 0
        with recording(root, fault) as recorder:
            folder = SessionFolder.create(root / SESSION, header_of(4))
            for step, number in ATTEMPTS:
                folder.require_room(step)
                if (step, number) == (1, 2):
                    begun = recorder.attempted + later
                folder.commit(attempt_of(step, number))
            seal(folder)
        assert spent, "the reserve was not needed: the test fails to test"
        check_complete(root / SESSION)


def fail_any_flush(tmp_path: Path, limit: int) -> str:
    """The system says it once; what was not flushed then is gone, and no later flush brings it back."""
    kinds = operations(tmp_path / "undisturbed")
    tried, recovered = places(kinds, ("fsync",), limit), 0
    for place in tried:

        def fault(index: int, kind: str, path: Path, place: int = place) -> None:
            if index == place:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

        root = tmp_path / str(place)
        failed_at = 0
        with recording(root, fault) as recorder:
            writer = Writer(recorder, root / SESSION)

            def note(recorder: Recorder = recorder) -> None:
                nonlocal failed_at
                failed_at = next(index for index, op in enumerate(recorder.ops) if op.kind == "lost")

            writer.work_until_done(note)
        assert len(writer.errors) == 1, place
        check_complete(root / SESSION)
        with open_session(root / SESSION) as session:
            expected = Undisturbed(
                [record.sha256 for record in session.records()], [event.sha256 for event in session.events()]
            )
        chance = random.Random(place)
        moments = chance.sample(range(failed_at, len(recorder.ops) + 1), 2)
        built = list(images(recorder.base, recorder.ops, each=4, seed=SEED, moments=moments))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: None)
            for number, image in enumerate(chance.sample(built, min(len(built), 2))):
                try:
                    recover(image, tmp_path / f"{place}-{number}", expected, to_the_end=False)
                except BaseException as error:
                    error.add_note(f"flush {place} failed, then a power cut {image.origin}")
                    raise
                recovered += 1
    return f"{len(tried)} flushes, {recovered} power cuts after them"
