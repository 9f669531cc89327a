"""Every configuration file that ships is right; every way to get one wrong is named by file, line and key."""

import shutil
from pathlib import Path

import pytest

from aimdlab.config.campaign import load_bench, load_campaign
from aimdlab.errors import ConfigurationError
from aimdlab.sequencer.plan import make_plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    for name in ("configs", "sequences"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> int:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


# It is there to show what a bench as Table D.1 asks for is refused for.
REFUSED = "gradient_injected_table_d1.yaml"


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "campaigns").glob("*.yaml")), ids=lambda path: path.name)
def test_every_campaign_that_ships_can_be_planned(path: Path) -> None:
    if path.name != REFUSED:
        assert make_plan(load_campaign(path)).steps


def test_the_ratings_of_table_d_1_do_not_bear_tier_1_of_a_long_lead() -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_plan(load_campaign(ROOT / "configs" / "campaigns" / REFUSED))
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("levels that the bench can reach:")
    in_steps = [line for line in lines if line.startswith("  step ")]
    assert f"cannot do {len(in_steps)} of " in lines[0]
    # docs/gradient-network.md has the figures for the nominal values: R1 bears 2 W, and 12.9 W would be asked of it.
    worst = next(line for line in lines if "injection network, R1 (mean power)" in line and not line.startswith("  "))
    assert worst.startswith(f"{len(in_steps)} steps, at worst: ")
    assert "it is rated for 2 W (injection_network.ratings.R1)" in worst


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "benches").glob("*.yaml")), ids=lambda path: path.name)
def test_every_bench_that_ships_can_be_read(path: Path) -> None:
    assert load_bench(path).file.instruments


def test_the_demo_is_a_baseline_and_ten_sequences_with_levels_rising_innermost() -> None:
    plan = make_plan(load_campaign(ROOT / "configs" / "campaigns" / "gradient_injected_ten_steps.yaml"))
    kinds = [step.kind for step in plan.steps]
    assert kinds == ["person", "baseline"] + ["sequence"] * 10 + ["check", "person"]
    levels = [step.parameters["ivamp_v"] for step in plan.tests[0].sequences_to_do]
    # Table 17: a 1 m lead in the implant volume, tbpw 0.2 ms.
    assert levels == pytest.approx([0.75, 1.5, 3.75, 7.5, 15.0] * 2)
    assert plan.tests[0].coverage.planned == 10
    assert plan.tests[0].coverage.full == 7280
    assert all(step.exposure_s >= 15 for step in plan.steps if step.kind != "person")


CAMPAIGN = "configs/campaigns/gradient_injected_ten_steps.yaml"
BENCH = "configs/benches/simulated_gradient_injection.yaml"
DEVICE = "configs/devices/pacemaker.yaml"
TEST = "sequences/gradient/injected_ten_steps.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "words"),
    [
        (CAMPAIGN, "name: Gradient", "nme: Gradient", "nme", "Did you mean 'name'?"),
        (CAMPAIGN, "../benches/simulated_gradient_injection.yaml", "../benches/none.yaml", "bench", "there is no file"),
        (CAMPAIGN, "injected_ten_steps.yaml", "none.yaml", "tests[0].test", "there is no file"),
        (CAMPAIGN, "../devices/pacemaker.yaml", "../benches/simulated_gradient_injection.yaml", "aimdlab", "device/1"),
        (CAMPAIGN, "# record: {compression: gzip}", "record: {compression: lz4}", "record.compression", "zstandard"),
        (CAMPAIGN, "# record: {compression: gzip}", "record: {level: 9}", "record.level", "unknown key"),
        (BENCH, "driver: keysight_33500b", "driver: keysight_33500", "instruments.generator.driver", "keysight_33500b"),
        (BENCH, "instrument: amplifier}", "instrument: oscilloscope}", "roles.drive_amplifier.instrument", "cannot play"),
        (BENCH, "{instrument: generator, channel: 1}", "{instrument: gen, channel: 1}", "roles.signal_generator.instrument",
         "there is no instrument 'gen'"),
        (BENCH, 'rated_input: "30 V"', "rated_input: 30", "injection_network.rated_input", "a unit is missing"),
        (BENCH, 'rated_input: "30 V"', 'rated_input: "30 mT"', "injection_network.rated_input", "'3.5 V'"),
        (BENCH, "options: {gain: 4,", "options: {gian: 4,", "instruments.amplifier.options.gian", "unknown key"),
        (BENCH, "  drive_amplifier: {instrument: amplifier}\n", "", "roles", "drive_amplifier"),
        (BENCH, "kind: resistive", "kind: inductive", "injection_network.kind", "resistive"),
        (BENCH, "../worlds/robust_pacemaker.yaml", "none.yaml", "simulated.world", "there is no file"),
        (DEVICE, 'upper: "1.1 s"', "upper: 1.1", "criteria[0].upper", "1.1"),
        (DEVICE, 'upper: "1.1 s"', 'upper: "1.1 V"', "criteria[0]", "'1 s'"),
        (DEVICE, '    upper: "1.1 s"\n', "", "criteria[0]", "lower, upper or both"),
        (DEVICE, 'length: "100 cm"', 'length: "250 cm"', "", "200 cm"),
        (DEVICE, 'length: "100 cm"', 'length: "0 cm"', "", "0 cm"),
        (DEVICE, "volume: implant", "volume: compliance", "", ""),
        (TEST, '"20 mT"]', '"50 mT"]', "signal.b_g[4]", "not a value of Tier 1"),
        (TEST, 'tbpw: ["0.2 ms"]', 'tbpw: ["0.3 ms"]', "signal.tbpw[0]", "Table 2"),
        (TEST, "cycles: [2]", "cycles: [2, 2]", "signal.cycles", "stands twice"),
        (TEST, 'exposure: "15 s"', 'exposure: "14 s"', "exposure", "at least 15 s"),
        (TEST, "procedure: gradient_injected", "procedure: gradient", "procedure", "gradient_injected"),
        (TEST, 'exposure_rate: "20 kHz"', 'exposure_rate: "10 kHz"', "captures.exposure_rate", "at least 20 kHz"),
        (TEST, 'verify_rate: "5 MHz"', 'verify_rate: "1 MHz"', "captures.verify_rate", "5000000"),
        (TEST, 'verify_rate: "5 MHz"', 'verify_rate: "5 THz"', "captures", ""),
        (TEST, 'edition: "ISO/TS 10974:2012"', 'edition: "ISO/TS 10974:2018"', "edition", "2012"),
        (TEST, 'clause: "20.2"', 'clause: "21.99"', "clause", "carries out '20.2'"),
        (TEST, "method: injected", "method: radiated", "method", "carries out 'injected'"),
        (TEST, "cycles: [2]", "cycles: [true]", "signal.cycles[0]", "integer"),
        (DEVICE, "feature: pulse_width_min", "feature: pulse_width_mean", "criteria[4].feature", "pulse_width_min"),
        (DEVICE, "feature: pulse_interval_max", "feature: pulse_interval_mean", "criteria", "nothing asks for pacing"),
        (DEVICE, 'amplitude: "3.5 V"', 'amplitude: "0 V"', "therapy", "amplitude"),
        (DEVICE, 'pulse_width: "0.5 ms"', 'pulse_width: "2 s"', "therapy", "pulse_width must be from"),
        (DEVICE, 'rate: "60 1/min"', 'rate: "0 1/min"', "therapy", "rate must be from"),
        (DEVICE, "  mode: VVI\n  rate", "  mode: OFF\n  rate", "therapy.mode", "'VOO'"),
        (TEST, "on_fail: continue", "on_fail: ignore", "on_fail", "continue"),
    ],
)  # fmt: skip
def test_bad_input_is_named_by_file_line_and_key(
    lab: Path, file: str, old: str, new: str, key: str, words: str
) -> None:
    line = change(lab / file, old, new)
    if (old, new) == ("volume: implant", "volume: compliance"):
        # Not an error: the compliance volume has its own table and fewer columns.
        assert make_plan(load_campaign(lab / CAMPAIGN)).tests[0].coverage.full == 6240
        return
    with pytest.raises(ConfigurationError) as caught:
        _plan_and_world(lab)
    message = str(caught.value)
    assert words in message
    if key:
        assert f"key {key}" in message
        named = DEVICE if "is there" in message else file
        assert Path(named).name in message or "device/1" in message
        # The key may be missing or stand above what was changed; then the line is that of the nearest key there is.
        assert (
            f"line {line}" in message
            or new == ""
            or key in ("captures", "criteria[0]", "aimdlab", "roles", "therapy", "criteria")
        )


def _plan_and_world(lab: Path) -> None:
    from aimdlab.config.campaign import resolve

    plan = make_plan(load_campaign(lab / CAMPAIGN))
    bench = plan.campaign.bench
    assert bench.file.simulated is not None
    resolve(bench.source, ("simulated", "world"), bench.file.simulated.world)


def test_a_level_beyond_a_rating_is_refused_with_the_steps_it_cannot_do(lab: Path) -> None:
    change(lab / BENCH, 'rated_input: "30 V"', 'rated_input: "10 V"')
    with pytest.raises(ConfigurationError) as caught:
        make_plan(load_campaign(lab / CAMPAIGN))
    message = str(caught.value)
    assert "cannot do 2 of 14 steps" in message
    assert "injection network, input C: 15 V are demanded, it is rated for 10 V" in message
    assert "1/0005" in message
    assert "1/0010" in message


def test_many_mistakes_are_reported_at_once(lab: Path) -> None:
    change(lab / DEVICE, 'amplitude: "3.5 V"', "amplitude: 3.5")
    change(lab / DEVICE, "kind: pacemaker", "kind: toaster")
    with pytest.raises(ConfigurationError) as caught:
        load_campaign(lab / CAMPAIGN)
    assert "therapy.amplitude" in str(caught.value)
    assert "pacemaker" in str(caught.value)
