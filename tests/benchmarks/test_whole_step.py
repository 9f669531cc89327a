"""The loop that the whole step is compared with has the product's very exchange."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from aimdlab.session.reader import open_session
from benchmarks.lab import FULL, Kind, lab
from benchmarks.recorded import record
from benchmarks.step import HandWritten, whole

_ONE = Kind(FULL.campaign, "20 kHz", tbpw='["0.2 ms"]', cycles="[2]", t_off='["20 ms"]', t_dwell='["0.5 ms"]')


def test_the_loop_gets_the_very_captures_that_the_product_has_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with lab(_ONE) as campaign:
        exchanges = record(campaign)
        assert [exchange.kind for exchange in exchanges] == ["person", "baseline", "sequence", "check", "person"]
        with HandWritten(campaign, tmp_path / "loop.h5") as loop:
            for number, exchange in enumerate(exchanges):
                loop.step(str(number), exchange)
        with open_session(campaign.parent / "recorded") as session, h5py.File(tmp_path / "loop.h5") as file:
            attempts = list(session.attempts())
            for number, attempt in enumerate(attempts):
                assert len(file[str(number)]) == len(attempt.captures)
                for place, capture in enumerate(attempt.captures):
                    assert np.array_equal(file[f"{number}/capture{place}"][:], capture.codes)
            assert sum(capture.n for attempt in attempts for capture in attempt.captures) > 1_000_000


def test_a_round_takes_the_time_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with whole(_ONE) as measure:
        own_s, loop_s = measure()
    assert own_s > 0
    assert loop_s > 0
