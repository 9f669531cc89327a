"""aimdlab calibrate gradient-network, from outside."""

import json

import pytest

from command_line import Lab


def test_it_selects_the_largest_cx_below_the_limit_and_says_what_it_assumes(lab: Lab) -> None:
    done = lab.cli("calibrate", "gradient-network", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["edition"] == "ISO/TS 10974:2012"
    assert report["clause"] == "D.2"
    assert report["limit_v"] == 5e-5
    assert report["measured"] is False
    assert any("assumed" in line for line in report["assumptions"])
    assert report["feasible"] is True
    readings = {row["cx_f"]: row["reading_v"] for row in report["candidates"]}
    assert readings[report["cx_f"]] < report["limit_v"]
    assert all(volt >= report["limit_v"] for cx_f, volt in readings.items() if cx_f is None or cx_f > report["cx_f"])


def test_the_table_is_for_people(lab: Lab) -> None:
    text = lab.cli("calibrate", "gradient-network", "--spurious", "0.3 mV").stdout
    selected = [line for line in text.splitlines() if line.rstrip().endswith("selected")]
    assert len(selected) == 1
    assert "reading at B" in text
    assert "replaces no measurement" in text


def test_a_gradient_signal_finds_none(lab: Lab) -> None:
    done = lab.cli(
        "calibrate", "gradient-network", "--test-level", "30 V", "--test-frequency", "2.5 kHz", "--json"
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert (report["feasible"], report["bypass"], report["cx_f"]) == (False, False, None)
    assert report["filter_scale"] == pytest.approx(3.6)


@pytest.mark.parametrize(
    ("option", "value"), [("--spurious", "1"), ("--test-frequency", "9 V"), ("--test-frequency", "0 Hz")]
)
def test_bad_quantities_are_named(lab: Lab, option: str, value: str) -> None:
    done = lab.cli("calibrate", "gradient-network", option, value)
    assert done.returncode == 2
    assert option in done.stderr or "frequencies" in done.stderr
    assert "Traceback" not in done.stderr
