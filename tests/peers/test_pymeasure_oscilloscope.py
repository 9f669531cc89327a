"""PyMeasure's KeysightDSOX1102G, unmodified, drives the simulated oscilloscope: every property and every method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pymeasure.instruments.keysight import KeysightDSOX1102G

from aimdlab_simulators.process import ServedBench
from patience import LIMIT_S

pytestmark = [
    pytest.mark.peers,
    pytest.mark.usefixtures("no_errors"),
    # PyMeasure's own notice about this driver.
    pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning"),
]


@pytest.fixture
def scope(resource: Callable[[str], str]) -> Iterator[KeysightDSOX1102G]:
    instrument = KeysightDSOX1102G(resource("oscilloscope"), visa_library="@py")
    instrument.adapter.connection.timeout = 1000 * LIMIT_S
    yield instrument
    instrument.adapter.close()


@pytest.mark.parametrize("number", [1, 2])
def test_every_channel_setting_comes_back(scope: KeysightDSOX1102G, number: int) -> None:
    channel = scope.ch(number)
    values = {
        "bwlimit": [True, False],
        "coupling": ["ac", "dc"],
        "display": [True, False],
        "invert": [True, False],
        "label": ['"PULSE"'],  # with the quotes that the instrument sends: PyMeasure strips them from lists alone
        "probe_attenuation": [10.0, 1.0],
        "offset": [0.5],
        "range": [16.0],
        "scale": [1.0],
    }
    assert set(values) == {n for n in dir(type(channel)) if isinstance(getattr(type(channel), n), property)} - {
        "current_configuration"
    }
    for name, settings in values.items():
        for value in settings:
            setattr(channel, name, value.strip('"') if isinstance(value, str) else value)
            assert getattr(channel, name) == value, name
    channel.setup(bwlimit=True, coupling="ac", display=True, invert=False, label="x", offset=1, probe_attenuation=10)
    channel.setup(vertical_range=80.0)
    channel.setup(scale=5.0)
    configuration = channel.current_configuration
    assert configuration["CHAN"] == number
    assert configuration["RANG"] == 40.0
    assert configuration["PROB"] == 10.0
    assert configuration["BWL"] is True
    assert configuration["COUP"] == "AC"
    channel.ask("RANGe?")
    channel.write("DISPlay 1")


def test_every_setting_comes_back(scope: KeysightDSOX1102G) -> None:
    values: dict[str, list[object]] = {
        "timebase_mode": ["window", "xy", "roll", "main"],
        "timebase_offset": [1e-3],
        "timebase_range": [2e-2],
        "timebase_scale": [1e-3],
        "acquisition_type": ["average", "hresolution", "peak", "normal"],
        "acquisition_mode": ["segmented", "realtime"],
        "waveform_points_mode": ["maximum", "raw", "normal"],
        "waveform_source": ["function", "fft", "wmemory1", "wmemory2", "ext", "channel2", "channel1"],
        "waveform_format": ["ascii", "word", "byte"],
    }
    for name, settings in values.items():
        for value in settings:
            setattr(scope, name, value)
            assert getattr(scope, name) == value, name
    assert scope.timebase == {"MODE": "MAIN", "REF": "CENT", "MAIN:RANG": 1e-2, "POS": 1e-3}
    scope.timebase_setup(mode="main", offset=0.0, horizontal_range=1e-3, scale=1e-4)


def test_points(scope: KeysightDSOX1102G) -> None:
    scope.timebase_range = 1e-3
    scope.digitize("channel1")
    for points in (100, 250, 500, 1000, 2000, 5000, 10000, 20000, 50000, 62500):
        scope.waveform_points = points
        assert scope.waveform_points == points


@pytest.mark.parametrize("source", ["channel1", "channel2", "function", "math", "fft", "abus", "ext"])
def test_digitize(scope: KeysightDSOX1102G, source: str) -> None:
    scope.digitize(source)


def test_what_is_downloaded_is_what_the_generator_puts_out(scope: KeysightDSOX1102G, bench: ServedBench) -> None:
    generator = bench.world.instruments["generator"]
    generator.handle(b"APPL:SQU 1 kHz, 4, 0.5;:OUTP:LOAD INF")
    scope.timebase_range = 1e-2
    scope.ch1.scale = 2.0
    scope.digitize("channel1")
    data, preamble = scope.download_data("channel1", points=1000)
    assert preamble["points"] == len(data) == 1000
    assert preamble["type"] == "NORMAL"
    assert preamble["xincrement"] == pytest.approx(1e-5)
    # 4 Vpp and 0.5 V into 50 ohm are twice as much on an open circuit.
    low, high = np.quantile(data.astype(float), [0.1, 0.9])
    assert (low, high) == pytest.approx((-3.0, 5.0), abs=0.07)
    assert np.mean(data.astype(float) > 1.0) == pytest.approx(0.5, abs=0.05)


def test_run_control_and_setup(scope: KeysightDSOX1102G) -> None:
    scope.run()
    scope.stop()
    scope.single()
    scope.autoscale()
    scope.ch1.scale = 0.5
    setup = scope.system_setup
    scope.ch1.scale = 2.0
    scope.system_setup = setup
    assert scope.ch1.scale == 0.5
    scope.clear_status()
    scope.default_setup()
    scope.factory_reset()
    assert "1102G" in scope.id


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("bmp", b"BM"), ("bmp8bit", b"BM")])
@pytest.mark.parametrize("palette", ["color", "grayscale"])
def test_the_screen(resource: Callable[[str], str], kind: str, magic: bytes, palette: str) -> None:
    # PyMeasure reads here until a time-out, which PyVISA-py never reports over HiSLIP (0.8.1): over the socket it does.
    for timeout_ms in (500, 5_000, 50_000):  # a busy machine may not begin to answer within the first
        scope = KeysightDSOX1102G(
            resource("by_socket"), visa_library="@py", read_termination="\n", write_termination="\n"
        )
        scope.adapter.connection.timeout = timeout_ms
        image = scope.download_image(kind, palette)
        scope.adapter.close()
        if image.endswith(b"\n"):
            break
    assert image.startswith(magic)
    assert image.endswith(b"\n")
