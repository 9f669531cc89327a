"""One step alone: its numbers, and a picture that shows what its verdict hangs on."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from aimdlab.capture import Capture
from aimdlab.cli.replay import Asked, replay
from aimdlab.errors import ConfigurationError, SessionExistsError
from aimdlab.replay import picture_axes
from aimdlab.replay.decisive import Decisive, decisive
from aimdlab.replay.picture import draw
from aimdlab.replay.scorings import scorings_of
from aimdlab.replay.view import AttemptView, choose_attempt, choose_step, view_of
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.results import Criterion, DecisionRule, Outcome, Score, Verdict
from aimdlab.session.reader import open_session
from command_line import Lab

RED, BLUE = "#f6b8b8", "#d9e8f6"
"""Of the interval that decides, and of one that is only enlarged."""


def seen(path: Path, step: str, attempt: int | None = None) -> tuple[AttemptView, np.ndarray]:
    """The view of a step and its picture, (rows, columns, 4)."""
    with open_session(path) as session:
        chosen = choose_step(session, step)
        record = choose_attempt(chosen, attempt)
        view = view_of(session, chosen, record, scorings_of(session.header), marked=True)
        stream = io.BytesIO()
        draw(view, stream)
    return view, imread(io.BytesIO(stream.getvalue()), format="png")


def part_of(picture: np.ndarray, colour: str) -> float:
    """Part of the pixels that have a colour."""
    return float(np.mean(np.all(np.abs(picture[..., :3] - np.array(to_rgb(colour))) < 2 / 255, axis=-1)))


def test_a_fail_shows_the_interval_that_decides(injected: Path) -> None:
    view, picture = seen(injected, "1/0002")
    where = decisive(view.replay.score, view.marks)
    assert where.interval_decides
    assert where.interval is not None
    assert where.interval.length_s == view.replay.score.feature("pulse_interval_max").value > 15
    assert part_of(picture, RED) > 0.02
    assert part_of(picture, BLUE) < 0.002


def test_a_pass_marks_every_pulse_that_was_counted(injected: Path) -> None:
    view, picture = seen(injected, "1/0001")
    (marks,) = view.marks
    count = view.replay.score.feature("pulse_count").value
    assert np.count_nonzero((marks.times_s >= 0) & (marks.times_s <= marks.window_s[1])) == count >= 14  # type: ignore[index]
    where = decisive(view.replay.score, view.marks)
    assert where.interval.length_s == view.replay.score.feature("pulse_interval_max").value  # type: ignore[union-attr]
    least = view.replay.score.feature("pulse_amplitude_min").value
    assert marks.amplitudes_v[where.pulse] == least
    assert (part_of(picture, RED) < 0.002, part_of(picture, BLUE) > 0.002) == (True, True)


def test_beats_show_the_longest_of_them(synchronised: Path) -> None:
    view, picture = seen(synchronised, "1/0001")
    assert len(view.marks) == view.replay.score.feature("exposed_beats").value
    where = decisive(view.replay.score, view.marks)
    assert where.interval is not None
    # Times are shifted to the trigger and back.
    longest = view.replay.score.feature("pulse_interval_max").value
    assert where.interval.length_s == pytest.approx(longest, abs=1e-9)
    assert part_of(picture, BLUE) > 0.01


def test_a_baseline_a_persons_step_and_an_attempt_without_captures_have_their_pictures(
    injected: Path, stopped: Path
) -> None:
    baseline, shown = seen(injected, "1/baseline")
    assert baseline.marks[0].times_s.size >= 15
    assert part_of(shown, BLUE) > 0.01
    person, empty = seen(injected, "0")
    assert person.marks == ()
    assert part_of(empty, "#ffffff") > 0.9
    fault, shown = seen(stopped, "1/0001", 1)
    assert [capture.kind for capture in fault.attempt.captures] == ["verify"]
    assert fault.replay.score.verdict is Verdict.INVALID
    assert 0.5 < part_of(shown, "#ffffff") < part_of(empty, "#ffffff")


def test_the_attempt_that_decides_is_chosen_and_any_other_can_be(stopped: Path) -> None:
    with open_session(stopped) as session:
        step = choose_step(session, "2")
        assert step.step_id == "1/0001"
        assert [record.number for record in step.records] == [1, 2]
        assert choose_attempt(step, None).number == 2
        assert choose_attempt(step, 1).number == 1
        with pytest.raises(ConfigurationError, match="has the attempts 1, 2"):
            choose_attempt(step, 3)
        with pytest.raises(ConfigurationError, match="was never tried: it is NOT_RUN"):
            choose_attempt(choose_step(session, "1/check"), None)
        for wanted in ("6", "-1", "1/0009", "", "9" * 5000, "0" * 5000):
            with pytest.raises(ConfigurationError, match="no such step"):
                choose_step(session, wanted)


def test_the_command_draws_a_new_file_and_tells_the_numbers(
    injected: Path, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fail.png"
    done = lab.cli("replay", injected, "--step", "1/0002", "--plot", "--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "attempt: FAIL: pulse_interval_max 16.2" in done.stdout
    assert f"picture: {out}" in done.stdout.replace("\n", "")
    with pytest.raises(SessionExistsError, match="--out"):
        replay(injected, Asked(step="1/0002", plot=True, out=out), as_json=True)
    assert replay(injected, Asked(step="1/0002"), as_json=True) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["reproduced"], found["picture"]) == ("FAIL", True, None)
    assert found["outcomes"][0]["upper"] == 1.1
    assert found["features"]["pulse_interval_max"]["value"] > 15


def test_the_envelope_of_a_long_capture_misses_no_spike_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    codes = random.integers(-900, 900, 300_007).astype(np.int16)
    codes[[0, 77_777, 300_006]] = [-2000, 3000, 2500]
    codes[1000:1200] = -1  # a bin and more without a sample
    capture = Capture("device_monitor", "exposure", codes, 1e-3, 0.1, "V", 1e-5, -1.0, -900, 900, -1)
    leak_v = random.normal(0, 0.1, codes.size)
    drawn = []
    for block in (1, 1000, picture_axes._BLOCK, 10 * codes.size):
        monkeypatch.setattr(picture_axes, "_BLOCK", block)
        axes = Figure().add_subplot()
        picture_axes.curve(axes, capture, -1.0, 9.0, "black", without_v=leak_v)
        drawn.append(axes.dataLim.get_points())
        at = np.arange(0, codes.size, 125)
        drawn.append(np.stack(picture_axes._envelope(capture, at, codes.size, leak_v)))
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(drawn, drawn[2:], strict=False))
    volts = np.where(codes == -1, np.nan, codes * 1e-3 + 0.1) - leak_v
    assert (np.nanmin(drawn[1][0]), np.nanmax(drawn[1][1])) == (np.nanmin(volts), np.nanmax(volts))
    assert np.isnan(drawn[1][:, 8]).all()


# ---- where to look -----------------------------------------------------------------------------------------------

TIMES = np.array([-0.5, 0.5, 1.5, 2.2, 3.7, 4.7])


def marks_of(times_s: np.ndarray = TIMES, problem: str = "", window_s: tuple[float, float] = (0.0, 4.0)) -> Marks:
    capture = Capture(
        channel="device_monitor", kind="exposure", codes=np.zeros(6001, dtype=np.int16), scale=1e-3, offset=0.0,
        unit="V", dt_s=1e-3, t0_s=-1.0, code_min=-100, code_max=100,
    )  # fmt: skip
    sizes = np.linspace(3.0, 3.5, times_s.size)
    return Marks(capture, problem, window_s, 1, times_s, sizes, sizes[::-1] * 1e-4)


def where(feature: str, *marks: Marks, verdict: Verdict = Verdict.FAIL) -> Decisive:
    criterion = Criterion(feature, 0.0, 1.0, "s", "9.1", DecisionRule.SIMPLE, 2.0, "for the test")
    return decisive(Score(verdict, "", (), (Outcome(criterion, 2.0, 0.0, verdict, ""),)), marks)


def test_where_to_look() -> None:
    longest = where("pulse_interval_max", marks_of())
    assert (longest.interval.start_s, longest.interval.end_s) == (2.2, 3.7)  # type: ignore[union-attr]
    assert (longest.interval_decides, longest.pulse_decides) == (True, False)
    shortest = where("pulse_interval_min", marks_of())
    assert (shortest.interval.start_s, shortest.interval.end_s) == (1.5, 2.2)  # type: ignore[union-attr]
    assert where("pulse_amplitude_min", marks_of()).pulse == 1, "the first is before the window"
    assert where("pulse_amplitude_max", marks_of()).pulse == 4, "the last is after it"
    assert where("pulse_width_min", marks_of()).pulse == 4
    assert where("pulse_width_max", marks_of()).pulse == 1
    assert where("pulse_width_max", marks_of()).pulse_decides
    passed = where("pulse_width_max", marks_of(), verdict=Verdict.PASS)
    assert (passed.interval_decides, passed.pulse_decides, passed.pulse) == (False, False, 1)


def test_gaps_that_no_pulse_closes_count() -> None:
    early = where("pulse_interval_max", marks_of(np.array([0.5, 1.5])))
    assert (early.interval.start_s, early.interval.end_s, early.interval.is_cut) == (1.5, 5.0, True)  # type: ignore[union-attr]
    silent = where("pulse_interval_max", marks_of(np.empty(0)))
    assert (silent.interval.start_s, silent.interval.end_s, silent.pulse) == (-1.0, 5.0, None)  # type: ignore[union-attr]
    assert where("pulse_interval_max", marks_of(problem="cannot be told apart")).interval is None
    assert where("pulse_interval_max").interval is None
    second = where("pulse_interval_max", marks_of(np.arange(-1.0, 6.0)), marks_of())
    assert second.place == 1
