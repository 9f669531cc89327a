"""The rows of the verdict table are read one after the other, whatever was done again."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aimdlab.cli.verdicts import _read
from aimdlab.session.attempt_record import StoredRecord
from aimdlab.session.folder import SessionFolder
from aimdlab.session.reader import open_session


def test_few_records_are_in_memory_though_the_first_step_was_done_again_at_the_end(
    make_header: Callable[..., Any], make_attempt: Callable[..., Any], tmp_path: Path
) -> None:
    tried = [*((step, 1) for step in range(40)), (20, 2), (0, 2)]
    with SessionFolder.create(tmp_path / "session", make_header(42)) as folder:
        for step, number in tried:
            folder.commit(make_attempt(step, number))
    most, found = 0, []
    with open_session(tmp_path / "session") as session:
        for row in _read(session).rows():
            found += [(row.result.step, one.record.number, one.record.index) for one in row.attempts]
            most = max(most, sum(isinstance(one, StoredRecord) for one in gc.get_objects()))
    assert found == sorted((step, number, index) for index, (step, number) in enumerate(tried))
    assert most < 10
