"""The loop that the whole step is compared with has the product's very exchange."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from aimdlab.session.reader import open_session
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import load_world
from benchmarks.lab import FULL, Kind, lab, run
from benchmarks.parts import PartClock, in_words
from benchmarks.real_delays import WORLD, slow_down
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


def test_the_time_of_a_sequence_is_told_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clock = PartClock()
    with lab(_ONE) as campaign, clock.around_the_run():
        run(campaign, campaign.parent / "session", clock, started=clock.meet)
    (taken,) = clock.taken
    assert list(taken.wall_s) == ["begin", "prepare", "verify", "expose", "finish", "score", "commit", "end"]
    assert taken.commands["prepare"] > taken.messages["prepare"] > 0
    assert taken.commands["commit"] == 0
    assert taken.watched_s > taken.exposure_s >= 15
    lines = list(in_words(clock.taken, real=False))
    assert [line.split()[0] for line in lines[1:-1]] == list(taken.wall_s)


def test_every_instrument_is_slowed_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with lab(_ONE) as campaign:
        slow_down(campaign.parents[1] / WORLD)
        world = load_world(campaign.parents[1] / WORLD, Timebase(held=True))
    assert {instrument.delays.command_s for instrument in world.instruments.values()} == {0.02}
    assert world.instruments["oscilloscope"].delays.arming_s == 0.05
