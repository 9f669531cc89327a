"""A disk that is full, or fails, at any single operation: nothing that was measured is lost, and the session goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from disk_faults import fail_any_flush, fill_at_any_operation, fill_while_measuring

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are flushed by their descriptors: POSIX only")

Figure = Callable[[str, object], None]


def test_a_disk_that_is_full_at_any_operation(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"full disk: {fill_at_any_operation(tmp_path, limit=5)}; nothing lost")


def test_what_was_measured_is_kept_at_the_cost_of_the_reserve(tmp_path: Path) -> None:
    fill_while_measuring(tmp_path)


def test_a_flush_that_fails_loses_nothing_that_was_promised(tmp_path: Path, record_property: Figure) -> None:
    record_property("figure", f"failing disk: {fail_any_flush(tmp_path, limit=5)}; nothing lost that was promised")
