"""What a viewer shows first: the exposure that matters most, in its unit, true to the codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import numpy as np
import pytest

from aimdlab.capture import Capture
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from aimdlab.session.seal import seal

MakeAttempt = Callable[..., Attempt]
HOLE = -32768


def capture_of(samples: int, **changes: Any) -> Capture:
    """A device monitor: noise with one narrow pulse up and one down."""
    codes = np.random.default_rng(samples).integers(-40, 40, samples).astype(np.int16)
    if samples > 10:
        codes[samples // 3], codes[samples // 2] = 3000, -3000
    values: dict[str, Any] = {
        "channel": "device_monitor",
        "kind": "exposure",
        "codes": codes,
        "scale": 2e-3,
        "offset": 0.5,
        "unit": "V",
        "dt_s": 1e-4,
        "t0_s": -0.25,
        "code_min": -32767,
        "code_max": 32767,
        "hole_code": HOLE,
    }
    return Capture(**{**values, **changes})


@dataclasses.dataclass
class Plot:
    """The default plot of a sealed file, as h5py sees it."""

    attributes: dict[str, Any]
    title: str
    time: np.ndarray[Any, np.dtype[np.float64]]
    values: np.ndarray[Any, np.dtype[np.float64]]
    label: str


@pytest.fixture
def plot_of(make_header: Callable[..., Any], tmp_path: Path) -> Callable[..., Plot]:
    """Seals a session of these attempts and finds its default plot as viewers do."""

    def plot(*attempts: Attempt) -> Plot:
        with SessionFolder.create(tmp_path / "session", make_header(3)) as folder:
            for attempt in attempts:
                folder.commit(attempt)
            path = seal(folder)
        with h5py.File(path) as file:
            entry = file[file.attrs["default"]]
            group = entry[entry.attrs["default"]]
            assert group.attrs["NX_class"] == "NXdata"
            signal, (axis,) = group[group.attrs["signal"]], group.attrs["axes"]
            assert group[axis].attrs["units"] == "s"
            label = signal.attrs["long_name"]
            return Plot(dict(group.attrs), group["title"][()].decode(), group[axis][:], signal[:], label)

    return plot


@pytest.mark.parametrize("samples", [1, 2, 1999, 2000, 2001, 2999, 50_000])
def test_the_plot_shows_every_peak_where_it_was(
    make_attempt: MakeAttempt, plot_of: Callable[..., Plot], samples: int
) -> None:
    capture = capture_of(samples)
    plot = plot_of(make_attempt(0, captures=(capture,)))
    values = capture.codes * 2e-3 + 0.5
    times = -0.25 + np.arange(samples) * 1e-4
    drawn = plot.values
    assert drawn.shape == plot.time.shape
    assert drawn.size == min(samples, 2000)
    assert (drawn.min(), drawn.max()) == (values.min(), values.max())
    assert np.all(np.diff(plot.time) > 0)
    stretch_s = -(-samples // 1000) * 1e-4
    for find in (np.argmin, np.argmax):
        assert abs(plot.time[find(drawn)] - times[find(values)]) <= stretch_s
    if samples > 2000:  # every sample lies between the two values of its stretch
        low, high = drawn[::2], drawn[1::2]
        stretch = np.searchsorted(plot.time[::2], times + 1e-9) - 1
        assert np.all((low[stretch] <= values) & (values <= high[stretch]))


def test_holes_are_not_drawn(make_attempt: MakeAttempt, plot_of: Callable[..., Plot]) -> None:
    capture = capture_of(4000)
    capture.codes[100:200] = HOLE
    drawn = plot_of(make_attempt(0, captures=(capture,))).values
    assert np.count_nonzero(np.isnan(drawn)) == 2 * (100 // 4)
    assert np.nanmin(drawn) == -3000 * 2e-3 + 0.5


def test_of_the_channels_the_device_s_is_shown(make_attempt: MakeAttempt, plot_of: Callable[..., Plot]) -> None:
    device = capture_of(5000)
    injection = dataclasses.replace(device, channel="injection_monitor", scale=1e-2)
    later = dataclasses.replace(device, codes=device.codes[::-1].copy())
    verify = dataclasses.replace(device, kind="verify")
    plot = plot_of(make_attempt(0, captures=(verify, injection, device, later)))
    assert (plot.label, plot.values.max()) == ("device monitor (V)", 3000 * 2e-3 + 0.5)
    assert plot.attributes["position"] == 2


def test_without_a_channel_of_the_device_the_first_is_shown(
    make_attempt: MakeAttempt, plot_of: Callable[..., Plot]
) -> None:
    field = capture_of(20, channel="field", unit="T")
    plot = plot_of(make_attempt(0, captures=(dataclasses.replace(field, kind="verify"), field)))
    assert (plot.label, plot.attributes["position"]) == ("field (T)", 1)


def said(verdict: Verdict) -> Score:
    return Score(verdict, f"said {verdict}", (), ())


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [
        ("PASS PASS PASS", 0),
        ("PASS FAIL FAIL", 1),
        ("INCONCLUSIVE INVALID FAIL", 2),
        ("INVALID PASS INCONCLUSIVE", 2),
        ("INVALID PASS PASS", 0),
    ],
)
def test_the_first_fail_is_shown_else_the_first_exposure(
    make_attempt: MakeAttempt, plot_of: Callable[..., Plot], verdicts: str, shown: int
) -> None:
    words = verdicts.split()
    plot = plot_of(*(make_attempt(step, score=said(Verdict(word))) for step, word in enumerate(words)))
    assert plot.title == f"step gradient_injected/{shown:04d}, attempt 1: {words[shown]}, said {words[shown]}"
    assert [plot.attributes[name] for name in ("attempt", "step", "number")] == [shown, shown, 1]


def test_an_exposure_is_shown_before_a_baseline_and_a_baseline_before_a_proof_of_level(
    make_attempt: MakeAttempt, plot_of: Callable[..., Plot]
) -> None:
    kinds = ("verify", "baseline", "exposure")
    attempts = [
        make_attempt(step, captures=(capture_of(20, kind=kind), capture_of(0))) for step, kind in enumerate(kinds)
    ]
    assert plot_of(*attempts).attributes["step"] == 2


def test_a_failed_baseline_is_shown_before_exposures_that_passed(
    make_attempt: MakeAttempt, plot_of: Callable[..., Plot]
) -> None:
    baseline = make_attempt(1, captures=(capture_of(20, kind="baseline"),), score=said(Verdict.FAIL))
    assert plot_of(make_attempt(0), baseline).attributes["step"] == 1


def test_without_any_capture_a_reading_is_shown(make_attempt: MakeAttempt, plot_of: Callable[..., Plot]) -> None:
    plot = plot_of(make_attempt(0, captures=()))
    assert plot.title == "ambient_temperature"
    assert plot.time.shape == plot.values.shape == (5,)


def test_strange_numbers_of_a_scale_are_drawn_as_they_are(
    make_attempt: MakeAttempt, plot_of: Callable[..., Plot]
) -> None:
    capture = capture_of(3000, scale=float("inf"), offset=float("nan"), t0_s=float("nan"), dt_s=1e308)
    plot = plot_of(make_attempt(0, captures=(capture,)))
    assert np.isnan(plot.values).all()
