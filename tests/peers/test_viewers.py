"""h5grove (behind h5web), silx and nexusformat (behind NeXpy) open a sealed session and find something to plot."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the filter
import matplotlib as mpl
import numpy as np
import pytest
import silx.io
from h5grove.content import DatasetContent, GroupContent, ResolvedEntityContent, get_content_from_file
from h5grove.encoders import encode
from silx.io import nxdata

from aimdlab.capture import Capture, Reading
from aimdlab.scoring.results import Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import new_header
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from command_line import Lab

mpl.use("Agg")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it warns of at import is its own
    from nexusformat.nexus import NXdata, nxload

import matplotlib.pyplot as plt

pytestmark = pytest.mark.peers

SYNCHRONISED = "sequences/gradient/extrinsic_synchronised_twelve_steps.yaml"


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real session: a baseline, two sequences of 20.2, two synchronised ones, checks; the second sequence fails."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.fewer_steps()
    lab.change(lab.folder / SYNCHRONISED, 'b_g: ["5 mT", "10 mT"]', 'b_g: ["10 mT"]')
    lab.change(lab.folder / SYNCHRONISED, 'offsets: ["0 ms", "0.2 ms", "0.5 ms"]', 'offsets: ["0.2 ms"]')
    lab.change(
        lab.campaign,
        "  - test: ../../sequences/gradient/injected_ten_steps.yaml\n",
        f"  - test: ../../sequences/gradient/injected_ten_steps.yaml\n  - test: ../../{SYNCHRONISED}\n",
    )
    lab.change(lab.bench, "robust_pacemaker.yaml", "susceptible_pacemaker.yaml")
    _, result = lab.run()
    assert result["verdicts"]["FAIL"] > 0, result
    return Path(result["session"])


def capture_of(samples: int, channel: str = "device_monitor", **changes: Any) -> Capture:
    values: dict[str, Any] = {
        "channel": channel,
        "kind": "exposure",
        "codes": (np.arange(samples) % 100).astype(np.int16),
        "scale": 1e-3,
        "offset": 0.5,
        "unit": "V",
        "dt_s": 1e-4,
        "t0_s": 0.0,
        "code_min": -2000,
        "code_max": 2000,
    }
    return Capture(**{**values, **changes})


TEMPERATURE = Reading("ambient_temperature", "K", np.arange(5.0), np.full(5, 295.0))
# Per session the captures of each of its attempts.
SHAPES: dict[str, list[tuple[Capture, ...]]] = {
    "none": [],
    "one": [(capture_of(3000), capture_of(3000, "injection_monitor"))],
    "of_a_few_samples": [(capture_of(2),), (capture_of(1),)],
    "mixed": [
        (capture_of(10), capture_of(10, "µ V/1", unit="")),
        (capture_of(0),),
        (capture_of(20_000, t0_s=-0.5), capture_of(10, unit="T")),
        (capture_of(10, t0_s=1.0),),
    ],
    "without_captures": [(), ()],
}


@pytest.fixture
def sealed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A sealed session of one of the shapes, or the real one."""
    if request.param == "campaign":
        return Path(request.getfixturevalue("campaign"))
    attempts = SHAPES[request.param]
    plan = tuple({"step_id": f"1/{step:04d}", "kind": "sequence"} for step in range(3 + len(attempts)))
    header = new_header(title="Prüfling 7", plan=plan, configuration={"campaign.yaml": "name: µ\n"})
    with SessionFolder.create(tmp_path / request.param, header) as folder:
        for step, captures in enumerate(attempts):
            score = Score(Verdict.PASS, "1 of 1 criteria met", (), ())
            moments = ("2026-01-02T03:04:05Z", "2026-01-02T03:04:20Z", 1.0, 16.0, 1.0 + 20 * step, 16.0 + 20 * step)
            folder.commit(
                Attempt(step, f"1/{step:04d}", 1, "sequence", {"ivamp_v": 1.5, "words": "µ"}, {}, *moments, 15.0,
                        captures, (TEMPERATURE,), score, ("gel stirred",))
            )  # fmt: skip
        return seal(folder)


every_shape = pytest.mark.parametrize("sealed", ["campaign", *SHAPES], indirect=True)
with_a_plot = pytest.mark.parametrize(
    "sealed", ["campaign", *(name for name in SHAPES if name != "none")], indirect=True
)


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the default plot must show."""

    title: str
    label: str
    unit: str
    extremes: tuple[float, float]
    span_s: tuple[float, float]

    def check(self, title: str, values: Any, times: Any, attributes: Any) -> None:
        values, times = np.asarray(values), np.asarray(times)
        assert (title, attributes["long_name"], attributes["units"]) == (self.title, self.label, self.unit)
        assert (values.min(), values.max()) == self.extremes
        assert times.shape == values.shape
        assert values.size <= 2000
        first_s, last_s = self.span_s
        assert times[0] == first_s
        assert times[-1] == pytest.approx(last_s, abs=(last_s - first_s) / 1000)


@pytest.fixture
def shown(sealed: Path) -> Shown:
    """From the record itself: the device's channel in the first FAIL, else in the first exposure, else the reading."""
    with open_session(sealed) as session:
        attempts = list(session.attempts())
        failed = [attempt for attempt in attempts if attempt.score.verdict is Verdict.FAIL]
        measured = [attempt for attempt in attempts if any(capture.n for capture in attempt.captures)]
        if not measured:
            return Shown("ambient_temperature", "ambient_temperature", "K", (295.0, 295.0), (1.0, 25.0))
        attempt = (failed or measured)[0]
        capture = next(
            item for item in attempt.captures if item.n and (item.kind, item.channel) == ("exposure", "device_monitor")
        )
        values = capture.codes * capture.scale + capture.offset
        title = f"step {attempt.step_id}, attempt 1: {attempt.score.verdict}, {attempt.score.reason}"
        span_s = (capture.t0_s, capture.t0_s + capture.span_s)
        return Shown(title, "device monitor (V)", "V", (values.min(), values.max()), span_s)


class H5Web:
    """The questions that h5web asks of h5grove, through the functions that its servers are made of."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _content(self, path: str) -> Any:
        return get_content_from_file(self._path, path, lambda status, message: AssertionError(f"{status}: {message}"))

    def meta(self, path: str) -> dict[str, Any]:
        with self._content(path) as content:
            assert isinstance(content, GroupContent | DatasetContent)
            found: dict[str, Any] = json.loads(encode(content.metadata()).content)
        return found

    def attributes(self, path: str) -> dict[str, Any]:
        with self._content(path) as content:
            assert isinstance(content, ResolvedEntityContent)
            found: dict[str, Any] = json.loads(encode(content.attributes()).content)
        return found

    def value(self, path: str, selection: str | None = None) -> Any:
        """As JSON: texts and tables."""
        with self._content(path) as content:
            return json.loads(encode(content.data(selection)).content)

    def numbers(self, path: str, selection: str | None = None) -> np.ndarray[Any, Any]:
        """As bytes, in a type that a browser knows: arrays of numbers."""
        with self._content(path) as content:
            dtype = content.metadata()["type"]["dtype"]
            return np.frombuffer(encode(content.data(selection, dtype="safe"), "bin").content, dtype)

    def walk(self, path: str = "/") -> list[tuple[str, dict[str, Any]]]:
        meta = self.meta(path)
        found = [(path, meta)]
        for child in meta.get("children", []):
            found += self.walk(f"{path.rstrip('/')}/{child['name']}")
        return found


@every_shape
def test_h5web_shows_every_object_with_its_attributes_and_its_data(sealed: Path) -> None:
    web = H5Web(sealed)
    with h5py.File(sealed) as file:
        names = ["/"]
        file.visit(lambda name: names.append(f"/{name}"))
        found = dict(web.walk())
        assert sorted(found) == sorted(names)
        for name, meta in found.items():
            attributes = web.attributes(name)
            assert attributes.keys() == {attribute["name"] for attribute in meta["attributes"]} == set(file[name].attrs)
            if meta["kind"] != "dataset":
                continue
            dataset = file[name]
            if dataset.dtype.names is not None:
                members = [member["name"] for member in meta["type"]["members"]]
                assert members == list(dataset.dtype.names)
                rows = web.value(name)
                assert len(rows) == len(dataset)
                for row, stored in zip(rows, dataset[:3], strict=False):
                    assert [cell for cell in row if isinstance(cell, str)] == [
                        cell.decode() for cell in stored.tolist() if isinstance(cell, bytes)
                    ]
            elif dataset.dtype.kind == "O":
                shown = web.value(name)
                assert shown == dataset.asstr()[()].tolist() if dataset.ndim else dataset.asstr()[()]
            elif dataset.ndim == 2:  # a row at a time, as it draws curves
                for row in range(len(dataset)):
                    assert np.array_equal(web.numbers(name, f"{row},:"), dataset[row])
            else:
                assert np.array_equal(web.numbers(name), dataset[:], equal_nan=True)


@with_a_plot
def test_h5web_finds_the_default_plot(sealed: Path, shown: Shown) -> None:
    web = H5Web(sealed)
    path = "/"
    while web.attributes(path).get("NX_class") != "NXdata":
        path = f"{path.rstrip('/')}/{web.attributes(path)['default']}"
    attributes = web.attributes(path)
    (axis,) = attributes["axes"]
    signal, time = (f"{path}/{name}" for name in (attributes["signal"], axis))
    assert web.meta(signal)["shape"] == web.meta(time)["shape"]
    assert web.attributes(time)["units"] == "s"
    shown.check(web.value(f"{path}/title"), web.numbers(signal), web.numbers(time), web.attributes(signal))


@with_a_plot
def test_silx_finds_the_default_plot(sealed: Path, shown: Shown) -> None:
    with silx.io.open(str(sealed)) as file:
        assert nxdata.is_NXroot_with_default_NXdata(file)
        plot = nxdata.get_default(file)
        assert plot is not None
        assert plot.is_valid, plot.issues
        (time,) = plot.axes
        assert plot.signal_name == plot.signal.attrs["long_name"]
        shown.check(plot.title, plot.signal[()], time[()], plot.signal.attrs)


@every_shape
def test_every_group_of_data_is_valid_for_silx(sealed: Path) -> None:
    groups = []
    with silx.io.open(str(sealed)) as file:
        file.visititems(lambda name, item: groups.append(item) if item.attrs.get("NX_class") == "NXdata" else None)
        with h5py.File(sealed) as same:
            assert {group.name for group in groups} == {
                f"/entry/{name}" for name, item in same["entry"].items() if item.attrs.get("NX_class") == "NXdata"
            }
        for group in groups:
            plot = nxdata.NXdata(group)
            assert plot.is_valid, (group.name, plot.issues)
            assert plot.title
            assert len(plot.axes) == plot.signal.ndim
            for axis, size in zip(plot.axes, plot.signal.shape, strict=True):
                assert axis is None or axis.shape == (size,)
            assert plot.interpretation == ("spectrum" if plot.signal.ndim == 2 else None)


@pytest.mark.parametrize("sealed", ["none"], indirect=True)
def test_where_nothing_was_measured_there_is_nothing_to_plot(sealed: Path) -> None:
    with silx.io.open(str(sealed)) as file:
        assert nxdata.get_default(file) is None
    assert nxload(str(sealed)).get_default() is None
    assert "default" not in H5Web(sealed).attributes("/entry")


@with_a_plot
def test_nexusformat_finds_and_draws_the_default_plot(sealed: Path, shown: Shown, tmp_path: Path) -> None:
    root = nxload(str(sealed))
    plot = root.get_default()
    assert isinstance(plot, NXdata)
    assert root.plottable_data.nxpath == plot.nxpath
    (time,) = plot.nxaxes
    shown.check(str(plot.nxtitle), plot.nxsignal.nxdata, time.nxdata, plot.nxsignal.attrs)
    plt.close("all")
    root.plot()
    axes = plt.gca()
    assert axes.get_title() == str(plot.nxtitle)
    assert axes.get_ylabel() == plot.nxsignal.attrs["long_name"]
    assert axes.get_xlabel() == time.attrs["long_name"]
    (line,) = axes.get_lines()
    assert np.array_equal(line.get_ydata(), plot.nxsignal.nxdata)
    plt.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


@every_shape
def test_nexusformat_reads_every_group_and_table(sealed: Path) -> None:
    root = nxload(str(sealed))
    with h5py.File(sealed) as file:
        classes = {}
        file.visititems(lambda name, item: classes.update({name: item.attrs.get("NX_class")}))
        for name, kind in classes.items():
            found = root[name]
            if kind is not None:
                assert found.nxclass == kind
            elif file[name].dtype.names is not None:
                assert found.shape == file[name].shape


@pytest.fixture
def draw(tmp_path: Path) -> Callable[[NXdata], Any]:
    """Draws a group with nexusformat; the lines it made."""

    def lines(group: NXdata) -> Any:
        plt.close("all")
        group.plot()
        return plt.gca().get_lines()

    return lines


def test_one_capture_of_the_raw_rows_can_be_drawn(campaign: Path, draw: Callable[[NXdata], Any]) -> None:
    group = nxload(str(campaign))["entry/capture_device_monitor_baseline"]
    (line,) = draw(NXdata(group.nxsignal[0], group["time"]))
    with h5py.File(campaign) as file:
        assert np.array_equal(line.get_ydata(), file["entry/capture_device_monitor_baseline/codes"][0])
