"""Power cuts while a session is written, after its run was killed and gone on with, and during recoveries.

Every function records what the real writer does, builds the disk images that a power cut can leave (``disk_images``), has the
product recover them, and returns the figures.
"""

from __future__ import annotations

import collections
import gc
import itertools
import os
import random
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from aimdlab.session.folder import SessionFolder
from aimdlab.session.inbox import send
from aimdlab.session.reader import open_session
from aimdlab.session.seal import finish_interrupted_seal, seal
from crash_recovery import SESSION, Undisturbed, attempt_of, header_of, recover
from disk_images import Disk, Image, images
from disk_recorder import Killed, Recorder

SEED = 20261121

KILLED_AT = ("attempt renamed", "event not flushed", "sealed file renamed", "folder renamed")
LEFT_BY_A_CUT = ("torn", "unreported")


def cut_a_session(tmp_path: Path, limit: int) -> str:
    """Power cuts at any moment of a session's life; at most ``limit`` of the images are recovered."""
    (tmp_path / "disk").mkdir()
    recorder, expected = recorded(tmp_path / "disk", write_session)
    return recover_some(list(images(recorder.base, recorder.ops, each=4, seed=SEED)), limit, tmp_path, expected)


def cut_after_a_kill(tmp_path: Path, moment: str, limit: int) -> str:
    """What the dead run had not flushed is still not flushed when the next command finds it."""
    (tmp_path / "disk").mkdir()
    killed_at = 0

    def killed_and_gone_on(recorder: Recorder, path: Path) -> None:
        nonlocal killed_at
        recorder.fault = kill_after(recorder, moment)
        forget(lambda: write_session(recorder, path))
        killed_at = len(recorder.ops)
        recorder.fault = None
        go_on(recorder, path)

    recorder, expected = recorded(tmp_path / "disk", killed_and_gone_on)
    built = list(
        images(recorder.base, recorder.ops, each=4, seed=SEED, moments=range(killed_at, len(recorder.ops) + 1))
    )
    return recover_some(built, limit, tmp_path, expected)


def cut_a_recovery(tmp_path: Path, left: str, limit: int) -> str:
    """Power cuts while the product puts right what an earlier one left."""
    (tmp_path / "disk").mkdir()
    first, _ = recorded(tmp_path / "disk", write_session)
    base = next(image for image in images(first.base, first.ops, each=8, seed=SEED) if is_left(image, left))
    again = tmp_path / "again"
    base.write(again)

    def go_on_with_it(recorder: Recorder, path: Path) -> None:
        for made in base.promises:
            recorder.promise(made.name, made.value)
        go_on(recorder, path)

    recorder, expected = recorded(again, go_on_with_it)
    built = list(
        images(recorder.base, recorder.ops, each=4, seed=SEED, moments=range(len(base.promises), len(recorder.ops) + 1))
    )
    return recover_some(built, limit, tmp_path, expected)


def write_session(recorder: Recorder, path: Path) -> None:
    """A session's life: made, attempts with a retry, events of both kinds, commands, sealed."""
    folder = SessionFolder.create(path, header_of(4))
    recorder.promise("events", folder.events.count)
    _command(recorder, path, "note", "gel stirred")
    for number, (step, attempt) in enumerate([(0, 1), (1, 1), (1, 2)]):
        for tick in range(3):  # lines that cross sectors, flushed by the commit at the latest
            folder.events.record("tick", f"{number} {tick} " + "." * 300, source="test")
        digest = folder.commit(attempt_of(step, attempt))
        recorder.promise("attempt", digest)
        recorder.promise("events", folder.events.count)
        if number < 2:
            folder.inbox.poll()
            recorder.promise("events", folder.events.count)
            _command(recorder, path, "pause" if number else "continue")
    folder.events.record("tick", "the last one", source="test")
    folder.events.record("safety.made_safe", "off", source="test", durable=True)
    recorder.promise("events", folder.events.count)
    seal(folder)
    recorder.promise("sealed")


def _command(recorder: Recorder, path: Path, word: str, text: str = "") -> None:
    before = set((path / "inbox").iterdir())
    send(path, word, text)
    (new,) = set((path / "inbox").iterdir()) - before
    recorder.promise("command", new.name)


def go_on(recorder: Recorder, path: Path) -> None:
    """What the next command does with whatever it finds: open, go on, seal."""
    finish_interrupted_seal(path)
    if not path.exists():
        return
    folder = SessionFolder.open(path)
    recorder.promise("events", folder.events.count)
    folder.events.record("tick", "again " + "." * 600, source="test")
    folder.inbox.poll()
    recorder.promise("events", folder.events.count)
    digest = folder.commit(attempt_of(3))
    for record in open_session(path).records():
        recorder.promise("attempt", record.sha256)
    assert record.sha256 == digest
    seal(folder)
    recorder.promise("sealed")


def undisturbed(path: Path) -> Undisturbed:
    with open_session(path) as session:
        session.verify()
        return Undisturbed(
            [record.sha256 for record in session.records()], [event.sha256 for event in session.events()]
        )


def recorded(root: Path, write: Callable[[Recorder, Path], None]) -> tuple[Recorder, Undisturbed]:
    """Record what ``write`` does in ``root``, and see that nothing was missed."""
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(root, patch)
        write(recorder, root / SESSION)
    disk = Disk([*recorder.base, *recorder.ops])
    played = disk.image(disk.waiting(), "all", random.Random())
    assert played == on_disk(root)
    return recorder, undisturbed(root / SESSION)


def on_disk(root: Path) -> dict[str, bytes | None]:
    paths = sorted(root.rglob("*"))
    return {path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes() for path in paths}


def recover_some(built: list[Image], limit: int, root: Path, expected: Undisturbed) -> str:
    """Recover at most ``limit`` of the images; the figures."""
    chosen = choose(built, limit)
    kinds: collections.Counter[str] = collections.Counter()
    with pytest.MonkeyPatch.context() as patch:
        # Nobody cuts the power of the recovery here: it need not wait for the medium.
        patch.setattr(os, "fsync", lambda _: None)
        for number, image in enumerate(chosen):
            try:
                kinds[recover(image, root / str(number), expected, to_the_end=number % 8 == 0)] += 1
            except BaseException as error:
                error.add_note(f"image {number}: power cut {image.origin}; see {root / str(number)}")
                raise
    found = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    return f"{len(built)} built, {kinds.total()} recovered ({found})"


def choose(built: list[Image], limit: int) -> list[Image]:
    """At most ``limit`` of the images, as many of each stage: from one promise, or one name in the lab, to the next."""
    stages: dict[tuple[int, frozenset[str]], list[Image]] = {}
    for image in built:
        names = frozenset(path for path in image.paths if path.count("/") <= SESSION.count("/"))
        stages.setdefault((len(image.promises), names), []).append(image)
    for found in stages.values():
        random.Random(SEED).shuffle(found)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*stages.values()))
    return list(itertools.islice((image for image in turns if image is not None), limit))


def forget(dies: Callable[[], None]) -> None:
    """Do what ends in death, and let nothing of the dead be left, as its open files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            dies()
        except Killed as killed:
            traceback.clear_frames(killed.__traceback__)
        else:
            raise AssertionError("it was not killed")
        gc.collect()


def kill_after(recorder: Recorder, moment: str) -> Callable[[int, str, Path], None]:
    """A fault that kills the process at the first operation after the given one, and keeps it dead."""
    dead = False

    def kill(_index: int, _kind: str, _path: Path) -> None:
        nonlocal dead
        dead = dead or happened()
        if dead:
            raise Killed

    def happened() -> bool:
        last = recorder.ops[-1] if recorder.ops else None
        match moment:
            case "attempt renamed":
                return last is not None and last.to_name == "000001-02.h5"
            case "event not flushed":
                return last is not None and b"2 2 ..." in last.data
            case "sealed file renamed":
                return last is not None and last.to_name == "session.h5" and last.name == ".session.h5.sealing"
            case "folder renamed":
                return last is not None and last.to_name == ".session.sealed"
        raise AssertionError(moment)

    return kill


def is_left(image: Image, kind: str) -> bool:
    """Whether the log of an image ends in the middle of a line, or lacks the event of an attempt that is there."""
    log = image.paths.get(f"{SESSION}/events.jsonl") or b""
    attempts = sum("/attempts/" in name and name.endswith(".h5") for name in image.paths)
    if kind == "torn":
        return attempts > 1 and not log.endswith(b"\n") and b"\0" in log
    return attempts > log.count(b"attempt.committed") > 0 and log.endswith(b"\n")
