"""What an injected test plans, tier by tier, and what it refuses before anything is switched on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aimdlab.config.campaign import load_campaign
from aimdlab.config.shipped import shipped_root
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.injection import recording
from aimdlab.sequencer.plan import Plan, make_plan
from aimdlab.standard.gradient_levels import tier_1, tier_2_by_area, tier_2_by_field, tier_3

TEST = "sequences/gradient/injected_tier_1.yaml"
BENCH = "configs/benches/annex_d_gradient_injection.yaml"
DEVICE = "configs/devices/pacemaker.yaml"
CAMPAIGN = "configs/campaigns/gradient_injected_tier_1.yaml"


class Files:
    """A copy of what ships, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("configs", "sequences"):
            shutil.copytree(shipped_root() / name, folder / name)

    def change(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def plan(self, campaign: str = CAMPAIGN) -> Plan:
        return make_plan(load_campaign(self.folder / campaign))

    def tier(self, signal: str, lead: str = "") -> None:
        """Have the test done at another tier, justified, with what the device file says of its lead."""
        self.change(TEST, "tier: 1", signal)
        self.change(CAMPAIGN, "# tier: How the levels", "  tier: How the levels")
        if lead:
            self.change(DEVICE, "  volume: implant", lead)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_tier_1_of_the_implant_volume_has_7280_sequences_and_30_h_20_min(files: Files) -> None:
    plan = files.plan()
    (test,) = plan.tests
    sequences = [step for step in plan.steps if step.kind == "sequence"]
    assert len(sequences) == test.coverage.planned == test.coverage.full == 7280
    assert len({tuple(step.parameters.items()) for step in sequences}) == 7280
    assert len(sequences) * 15.0 == (30 * 60 + 20) * 60
    levels = tier_1("implant", 1.0)
    assert all(
        step.parameters["ivamp_v"] == levels.ivamp_v(float(step.parameters["b_g_t"]), float(step.parameters["tbpw_s"]))
        for step in sequences
    )
    assert max(step.parameters["ivamp_v"] for step in sequences) == pytest.approx(30.0)
    fields = [step.parameters["b_g_t"] for step in sequences]
    assert fields[:7] == sorted(fields[:7]), "levels rise innermost"


def test_the_transfer_of_the_network_is_in_the_record(files: Files) -> None:
    (test,) = files.plan().tests
    network = test.as_record()["injection_network"]
    assert network["connection"] == "terminal_to_terminal"
    assert 0.55 < network["port_factor"] < network["test_point_factor"] < 0.6
    assert network["d_to_port"] == pytest.approx(network["port_factor"] / network["test_point_factor"])
    slow = network["d_to_port_by_frequency"][0]
    assert slow["real"] == pytest.approx(network["d_to_port"], rel=1e-3)


@pytest.mark.parametrize(
    ("signal", "lead", "columns", "expected"),
    [
        ("tier: 2\n  case: field", '  volume: implant\n  tier2_bg: "25 mT"', 6, tier_2_by_field("implant", 1.0, 25e-3)),
        ("tier: 2\n  case: area", '  volume: implant\n  loop_area: "0.0319 m^2"', 7, tier_2_by_area("implant", 0.0319)),
        ("tier: 3", '  volume: outside\n  ivamp_max: "12 V"', 8, tier_3("outside", 12.0)),
    ],
)
def test_the_other_tiers(files: Files, signal: str, lead: str, columns: int, expected: object) -> None:
    files.tier(signal, lead)
    plan = files.plan()
    sequences = [step for step in plan.steps if step.kind == "sequence"]
    assert len(sequences) == 1040 * columns
    levels = {(step.parameters["b_g_t"], step.parameters["tbpw_s"]): step.parameters["ivamp_v"] for step in sequences}
    assert len(levels) == 4 * columns
    assert all(value == expected.ivamp_v(*key) for key, value in levels.items())  # type: ignore[attr-defined]


def test_outside_tier_1_a_sequence_may_be_left_out_with_its_rationale(files: Files) -> None:
    files.tier("tier: 3", '  volume: outside\n  ivamp_max: "12 V"')
    files.change(CAMPAIGN, "#   omit:   ", "    omit:   ")
    files.change(CAMPAIGN, "#     - where:", "      - where:")
    files.change(CAMPAIGN, "#       rationale:", "        rationale:")
    plan = files.plan()
    (test,) = plan.tests
    omitted = [step for step in plan.steps if step.omitted]
    assert len(omitted) == test.coverage.omitted == 2 * 4 * 4 * 8
    assert test.coverage.planned + test.coverage.omitted == test.coverage.full == 8320
    assert all("report 17" in step.omitted for step in omitted)
    assert all(step.parameters["cycles"] == 1 and step.parameters["t_off_s"] in (1.0, 2.0) for step in omitted)


def test_a_rate_at_which_nobody_has_shown_a_proof_is_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.change(BENCH, "model: DSO-X 3024A", "model: HD304MSO")
    files.change(TEST, 'exposure_rate: "20 kHz"', 'exposure_rate: "1 MHz"')
    assert files.plan().tests
    monkeypatch.setattr(recording, "_MOST_RATE_HZ", 1e6)  # no oscilloscope known so far holds more than that shown
    with pytest.raises(ConfigurationError, match=r"would take 1\d\d\d kHz.* lags .* above 1000 kHz") as refused:
        files.plan()
    assert "captures.exposure_rate" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (DEVICE, '  length: "100 cm"', '  length: "0 cm"', "lead length 0 cm"),
        (DEVICE, '  length: "100 cm"', '  length: "250 cm"', "Tables 18 and 19 go from above 0 to 200 cm"),
        (DEVICE, "  volume: implant", "  volume: outside", "use Tier 3"),
        (TEST, "  b_g: all", '  b_g: ["40 mT"]', "demonstration: true"),
        (TEST, "  b_g: all", '  b_g: ["50 mT"]', "not a value of Tier 1"),
        (TEST, "  cycles: all", "  cycles: [3]", "not a value of Table 2"),
        (TEST, "  cycles: all", "  cycles: []", "expected 'all' or a list of values"),
        (TEST, "  cycles: all", "  cycles: some", "expected 'all' or a list of values"),
        (TEST, "  tier: 1", "  tier: 1\n  case: area", "case is a matter of Tier 2"),
        (TEST, 'clause: "20.2"', 'clause: "16"', "carries out '20.2'"),
        (TEST, 'exposure: "15 s"', 'exposure: "14 s"', "at least 15 s"),
        (TEST, 'exposure_rate: "20 kHz"', 'exposure_rate: "15 kHz"', "pulses A of 0.1 ms need at least 20 kHz"),
        (TEST, 'verify_rate: "5 MHz"', 'verify_rate: "1 MHz"', "captures.verify_rate"),
        (TEST, 'level_tolerance: "5 %"', 'level_tolerance: "6 %"', "would still count as exposed"),
        (TEST, "connection: terminal_to_terminal", "connection: terminal_to_case", "wired for terminal_to_terminal"),
        (BENCH, "  from: sync", "  from: nowhere", "exposure_trigger.from"),
        (BENCH, 'R2: "82.5 ohm"', 'R2: "90 ohm"', "Table D.1 asks for 82 ohm within 2%"),
        (BENCH, ', R6: "0.5 W"', "", "ratings of R6 are missing"),
        (BENCH, 'rated_input: "40 V"', 'rated_input: "25 V"', "injection network, input C: 30 V are demanded"),
        (BENCH, 'max_output: "40 V"', 'max_output: "25 V"', "drive amplifier, output: 30 V are demanded"),
        (BENCH, "gain: 4,", "gain: 2,", "drive amplifier, input: 15 V are demanded"),
        (BENCH, "gain: 4,", "gain: 2.9,", "signal generator: 10.34 V are demanded, it is rated for 10 V"),
        (BENCH, "gain: 4,", "gain: 100,", "0.075 V through an amplifier of gain 100 need 0.00075 V of the generator"),
        (BENCH, "  kind: annex_d", "  kind: annex_d\n  cx: 10 nF", "bypass it"),
        (BENCH, "kind: bench", "kind: clinical_scanner", "a clinical scanner is refused"),
        (
            CAMPAIGN,
            "      evidence: The device has a conductive lead.",
            '      evidence: "-"',
            "applicability.injected",
        ),
    ],
)
def test_what_is_refused(files: Files, name: str, old: str, new: str, said: str) -> None:
    files.change(name, old, new)
    with pytest.raises(ConfigurationError) as refused:
        files.plan()
    assert said in str(refused.value)
    assert name.rpartition("/")[2] in str(refused.value)


def test_the_volume_decides_on_the_columns(files: Files) -> None:
    files.change(DEVICE, "  volume: implant", "  volume: compliance")
    assert sum(step.kind == "sequence" for step in files.plan().steps) == 6240
    files.change(TEST, "  b_g: all", '  b_g: ["40 mT"]')
    with pytest.raises(ConfigurationError, match=r"signal\.b_g\[0\]: not a value of Tier 1: 0.04"):
        files.plan()


def test_tier_2_says_which_case(files: Files) -> None:
    files.tier("tier: 2")
    with pytest.raises(ConfigurationError, match="Tier 2 needs case"):
        files.plan()


def test_a_lead_of_2_m_is_beyond_this_bench(files: Files) -> None:
    # 72.6 V at C (Table 19), which neither oscilloscope nor amplifier of this bench are made for.
    files.change(DEVICE, '  length: "100 cm"', '  length: "200 cm"')
    with pytest.raises(ConfigurationError, match=r"takes up to .* V peak with a 1:1 probe"):
        files.plan()
    for monitored in ("point", "device"):
        files.change(BENCH, f"factor: 2                   # volts at the {monitored}", f"factor: 20 # {monitored}")
    with pytest.raises(ConfigurationError, match=r"drive amplifier, output: 72\.6 V are demanded"):
        files.plan()


def test_tier_2_bg_above_the_volume_is_refused(files: Files) -> None:
    files.tier("tier: 2\n  case: field", '  volume: implant\n  tier2_bg: "41 mT"')
    with pytest.raises(ConfigurationError, match="TIER2BG = 41 mT is above 40 mT"):
        files.plan()


@pytest.mark.parametrize(("signal", "key"), [("tier: 2\n  case: field", "tier2_bg"), ("tier: 3", "ivamp_max")])
def test_a_tier_needs_to_know_of_the_device(files: Files, signal: str, key: str) -> None:
    files.tier(signal)
    with pytest.raises(ConfigurationError, match=f"key lead.{key}: this key is missing"):
        files.plan()


def test_tier_1_leaves_nothing_out(files: Files) -> None:
    files.change(CAMPAIGN, "#   omit:   ", "    omit:   ")
    files.change(CAMPAIGN, "#     - where:", "      - where:")
    files.change(CAMPAIGN, "#       rationale:", "        rationale:")
    with pytest.raises(ConfigurationError, match="Tier 1 may omit none"):
        files.plan()


def test_without_the_sync_wire_the_device_would_trigger(files: Files) -> None:
    files.change(BENCH, "exposure_trigger:               # the", "# the")
    files.change(BENCH, "  from: sync\n", "")
    files.change(BENCH, '  level: "1 V"\n', "")
    with pytest.raises(ConfigurationError, match="exposure_trigger: this key is missing"):
        files.plan()
