"""World files: what is built, and what is refused with file, line and key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.switch_unit_34970a import Simulated34970A
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import World, load_world

SHIPPED = sorted((Path(__file__).parents[3] / "configs" / "worlds").glob("*.yaml"))
SIMULATORS = {
    "keysight_33500b": Simulated33500B,
    "keysight_34970a": Simulated34970A,
    "keysight_infiniivision": SimulatedInfiniiVision,
}
GOOD = """\
aimdlab: world/1
seed: 1
instruments:
  generator: {model: keysight_33500b, variant: 33522B, serial: MY1, firmware: "1", transport: socket}
  oscilloscope: {model: keysight_infiniivision, variant: DSOX3024A, serial: MY2, firmware: "1", transport: hislip}
nodes:
  amplifier: {kind: voltage_amplifier, input: generator.1, gain: 4, bandwidth: "1 MHz", clip: "40 V"}
  network: {kind: resistive_network, input: amplifier, device: pacemaker, source_resistance: "0 ohm", series_resistance: "1 kohm", load_resistance: "1 kohm", monitor_upper_resistance: "1 Mohm", monitor_lower_resistance: "1 Mohm"}
  pacemaker: {kind: pacemaker, mode: VVI, rate: "60 1/min", amplitude: "3.5 V", pulse_width: "0.5 ms"}
wires:
  oscilloscope.1: network.D
  oscilloscope.2: network.K
"""


def load(tmp_path: Path, text: str) -> World:
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    return load_world(path, Timebase(), SIMULATORS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_worlds_load(path: Path) -> None:
    world = load_world(path, Timebase(), SIMULATORS)
    switched = {"amplifier": "socket"} if "switched" in path.stem else {}
    assert list(world.instruments) == ["generator", "oscilloscope", *switched]
    assert world.transports == {"generator": "socket", "oscilloscope": "hislip", **switched}
    model = "HD304MSO,MY66031234" if path.stem == "four_monitors" else "DSO-X 3024A,MY54201234"
    assert world.instruments["oscilloscope"].handle(b"*IDN?").startswith(b"KEYSIGHT TECHNOLOGIES," + model.encode())


def test_a_good_one_is_wired(tmp_path: Path) -> None:
    timebase_world = load(tmp_path, GOOD)
    state = timebase_world.observe()
    assert set(state) == {"generator", "oscilloscope", "amplifier", "pacemaker"}
    scope = timebase_world.instruments["oscilloscope"]
    k = scope.inputs[2].signal.samples(0.9995, 1e-5, 100)
    assert k.max() == pytest.approx(1.75)
    assert np.count_nonzero(scope.inputs[1].signal.samples(0.9995, 1e-5, 100)) == 0


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "what"),
    [
        ("input: generator.1", "input: generator.3", 7, "nodes.amplifier.input", "no point 'generator.3'. Did you mean"),
        ("input: amplifier", "input: amplifer", 8, "nodes.network.input", "Did you mean 'amplifier'?"),
        ("input: generator.1", "input: network.D", 8, "nodes.network.input", "circle: amplifier -> network -> amplifier"),
        ("device: pacemaker", "device: pacer", 8, "nodes.network.device", "Did you mean 'pacemaker'?"),
        ("network.K", "network.L", 12, "wires.oscilloscope.2", "no point 'network.L'"),
        ("oscilloscope.2: network.K", "oscilloscope.ext: generator.snyc", 12, "wires.oscilloscope.ext", "Did you mean 'generator.sync'?"),
        ("oscilloscope.2: network.K", "oscilloscope.exit: generator.sync", 12, "wires.oscilloscope.exit", "Did you mean 'oscilloscope.ext'?"),
        ("oscilloscope.2:", "oscilloscope.5:", 12, "wires.oscilloscope.5", "no oscilloscope input 'oscilloscope.5'"),
        ("33522B", "33999X", 4, "instruments.generator", "no variant '33999X'"),
        ("model: keysight_33500b", "model: keysight_33501", 4, "instruments.generator.model", "no simulator"),
        ('"3.5 V"', "3.5", 9, "nodes.pacemaker.amplitude", "unit is missing"),
        ("kind: pacemaker", "kind: stimulator", 9, "nodes.pacemaker", "voltage_amplifier"),
        ("mode: VVI", "mode: DDD", 9, "nodes.pacemaker.mode", "'VOO', 'VVI' or 'VVT'"),
        ("mode: VVI", "mode: VVT", 9, "nodes.pacemaker", "needs an upper_rate"),
        ("mode: VVI", 'mode: VVI, sensing_low_pass: "100 Hz"', 9, "nodes.pacemaker", "both sensing_high_pass and"),
        ("mode: VVI", 'mode: VVI, sensing_low_pass: "10 Hz", sensing_high_pass: "20 Hz"', 9, "nodes.pacemaker", "above sensing_high_pass"),
        ("mode: VVI", 'mode: VVI, blanking: "0.5 s"', 9, "nodes.pacemaker", "blanking must not outlast"),
        ("mode: VVI", 'mode: VVI, clamp: {levle: "5 V"}', 9, "nodes.pacemaker.clamp.levle", "unknown key"),
        ("gain: 4", "gian: 4", 7, "nodes.amplifier.gian", "unknown key"),
        ("oscilloscope.2:", "oscilloscope.1:", 12, "", "stands twice"),
        ("transport: socket", "transport: telnet", 4, "instruments.generator.transport", "'socket' or 'hislip'"),
        ("device: pacemaker, ", "", 9, "nodes.pacemaker", "no network has this device"),
        ("  amplifier: {", "  generator: {", 7, "nodes.generator", "has this name already"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, line: int, key: str, what: str) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert f"world.yaml, line {line}" in message
    assert key in message
    assert what in message


def test_an_input_that_is_not_there_cannot_have_noise(tmp_path: Path) -> None:
    text = GOOD.replace("transport: hislip", 'transport: hislip, channels: {7: {noise: "1 mV"}}')
    with pytest.raises(
        ConfigurationError, match=r"line 5, key instruments\.oscilloscope\.channels\[7\].*no such input"
    ):
        load(tmp_path, text)


def test_two_networks_cannot_share_a_device(tmp_path: Path) -> None:
    network = GOOD.splitlines()[7]
    with pytest.raises(ConfigurationError, match=r"is in the network 'network' already"):
        load(tmp_path, GOOD.replace(network, network + "\n" + network.replace("network:", "second:", 1)))
