"""Bench and device files say what the report needs; what cannot be so is refused by file, line and key."""

import hashlib
from datetime import date, timedelta

import pytest

from aimdlab.errors import ConfigurationError
from campaign_files import TODAY, Files

OSCILLOSCOPE = "{manufacturer: KEYSIGHT TECHNOLOGIES, model: DSO-X 3024A, serial: MY54201234}\n"


def refusal(files: Files, today: date = TODAY) -> str:
    with pytest.raises(ConfigurationError) as caught:
        files.plan(today)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("kind: bench ", "kind: clinical_scanner ", "kind", "may damage a scanner (8.1, note 1)"),
        ("kind: bench ", "kind: coil ", "kind", "expected 'bench' or 'clinical_scanner'"),
        ("facility: Simulated laboratory", 'facility: "?"', "site.facility", "expected an answer in words"),
        ('temperature: ["15 degC", "35 degC"]', 'temperature: ["35 degC", "15 degC"]', "ambient.temperature", "lowest"),
        ('temperature: ["15 degC", "35 degC"]', 'temperature: ["15 degC"]', "ambient.temperature", "at least 2 items"),
        ('humidity: ["10 %", "80 %"]', 'humidity: ["10 %", "180 %"]', "ambient.humidity", "from 0 to 1"),
        ("photographs: []", "photographs: [bench.jpg]", "photographs[0]", "there is no file"),
    ],
)
def test_a_bench_that_cannot_be(files: Files, old: str, new: str, key: str, words: str) -> None:
    line = files.change(files.bench, (old, new))
    message = refusal(files)
    assert f"{files.bench.name}, line {line}, key {key}: " in message
    assert words in message


@pytest.mark.parametrize("key", ["kind", "site", "ambient", "setup"])
def test_a_bench_file_answers_every_question(files: Files, key: str) -> None:
    files.change(files.bench, (f"\n{key}:", f"\nno_{key}:"))
    message = refusal(files)
    assert f"key {key}: this key is missing." in message


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("model: EX-1, serial", "model: EX-2, serial", "(top of the file)", "says model 'EX-2' of the device"),
        ("{part: device,", "{part: other,", "(top of the file)", "must list the device itself once, got 0"),
        ("{part: lead,", "{part: adaptor,", "(top of the file)", "which model and serial (9.5)?"),
        ("condition: Simulated; as configured in its world file.", 'condition: "-"', "description.condition", "in words"),
        ("static_field_sensitive: false", 'static_field_sensitive: "no"', "description.static_field_sensitive", "boolean"),
        ("drawings: []", "drawings: [case.pdf]", "description.drawings[0]", "there is no file"),
        ('resistance: "20 kohm"', 'resistance: "0 ohm"', "input.resistance", "greater than or equal to 1"),
        ('capacitance: "1 nF"', "capacitance: 1", "input.capacitance", "a unit is missing"),
        ('measured: "2026-01-15"', "measured: 15.1.2026", "battery.measured", "a date like '2026-03-31'"),
        ('measured: "2026-01-15"', "measured: 2026-02-30", "battery.measured", "there is no such day"),
        ("  Mode: VVI", '  Mode: ""', "settings", "no value for Mode"),
        ("  Mode: VVI", "  Mode: 3", "settings.Mode", "valid string"),
        ('response_time: "3 s"', 'response_time: "-1 s"', "response_time", "greater than or equal to 0"),
        ("kind: lead  ", "kind: lead\n  insulated_antenna: true  ", "lead", "a matter of kind: external_antenna"),
        ("rationale: A pause longer than 1.1 s is inhibition of pacing.", "rationale: ok", "criteria[0].rationale", "a reason"),
        ("volume: implant", "volume: knee", "lead.volume", "expected 'compliance', 'implant' or 'outside'"),
    ],
)  # fmt: skip
def test_a_device_that_cannot_be(files: Files, old: str, new: str, key: str, words: str) -> None:
    files.change(files.device, (old, new))
    message = refusal(files)
    assert files.device.name in message
    assert f"key {key}: " in message
    assert words in message


@pytest.mark.parametrize("key", ["description", "input", "battery", "settings", "response_time"])
def test_a_device_file_answers_every_question(files: Files, key: str) -> None:
    files.change(files.device, (f"\n{key}:", f"\nno_{key}:"))
    assert f"key {key}: this key is missing." in refusal(files)


def test_pictures_are_in_the_record_by_their_hash(files: Files) -> None:
    (files.device.parent / "case.pdf").write_bytes(b"%PDF")
    files.change(files.device, ("drawings: []", "drawings: [case.pdf]"))
    record = files.plan().tests[0].as_record()
    assert record["pictures"] == {"../devices/case.pdf": hashlib.sha256(b"%PDF").hexdigest()}


def test_the_exposure_is_at_least_the_response_time(files: Files) -> None:
    files.change(files.device, ('response_time: "3 s"', 'response_time: "20 s"'))
    message = refusal(files)
    assert f"{files.test.name}" in message
    assert "at least 20 s per sequence" in message


def test_a_calibration_holds_to_the_end_of_its_last_day(files: Files) -> None:
    made = f"    calibration: {{certificate: K-1, date: {TODAY - timedelta(365)}, due: {TODAY}}}\n"
    line = files.change(files.bench, (OSCILLOSCOPE, OSCILLOSCOPE + made)) + 1
    assert files.plan(TODAY).steps
    message = refusal(files, TODAY + timedelta(1))
    assert f"line {line}, key instruments.oscilloscope.calibration.due: overdue since {TODAY}" in message
    message = refusal(files, TODAY - timedelta(366))
    assert "key instruments.oscilloscope.calibration.date: it lies in the future" in message


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ("date: 2026-01-02, due: 2026-01-02", "due (2026-01-02) must be after date"),
        ("date: 2026-01-02, due: soon", "a date like '2026-03-31', got 'soon'"),
        ("date: 2026-01-02", "this key is missing"),
    ],
)
def test_a_calibration_that_cannot_be(files: Files, dates: str, words: str) -> None:
    made = f"    calibration: {{certificate: K-1, {dates}}}\n"
    files.change(files.bench, (OSCILLOSCOPE, OSCILLOSCOPE + made))
    message = refusal(files)
    assert "key instruments.oscilloscope.calibration" in message
    assert words in message


def test_what_measures_on_a_real_bench_is_calibrated(files: Files) -> None:
    files.tier_2()
    files.change(files.bench, ("simulated:\n  world: ../worlds/robust_pacemaker.yaml\n", ""))
    message = refusal(files)
    assert "key instruments.oscilloscope.calibration: it is missing: oscilloscope measures what the verdicts" in message
    assert "generator" not in message
