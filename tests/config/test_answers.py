"""What the standard wants in writing is asked for, all at once; what contradicts itself is refused."""

import pytest

from aimdlab.config.words import is_answer, is_reason
from aimdlab.errors import ConfigurationError
from campaign_files import Files

KEYS = (
    "justification.applicability.injected.applies",
    "justification.applicability.injected.evidence",
    "justification.applicability.radiated.applies",
    "justification.applicability.radiated.evidence",
    "justification.conservative.ivamp_at",
    "justification.conservative.evidence",
    "justification.static_field.applied",
    "justification.static_field.evidence",
)


def refusal(files: Files) -> str:
    with pytest.raises(ConfigurationError) as caught:
        files.plan()
    return str(caught.value)


def without(files: Files, start: str, end: str) -> None:
    text = files.campaign.read_text(encoding="utf-8")
    before, _, rest = text.partition(start)
    assert end in rest
    files.campaign.write_text(before + rest[rest.index(end) :], encoding="utf-8")


def test_all_that_is_missing_is_asked_for_at_once(files: Files) -> None:
    without(files, "personnel:", "ambient:")
    without(files, "justification:", "tests:")
    lines = refusal(files).splitlines()
    assert len(lines) == len(KEYS) + 1
    for key, line in zip(("personnel", *KEYS), lines, strict=True):
        assert f"key {key}: not answered: " in line
        assert files.campaign.name in line
        assert "Write " in line or "List " in line


def test_blocks_left_empty_ask_all_their_questions(files: Files) -> None:
    without(files, "  applicability:", "  conservative:")
    without(files, "  conservative:", "  static_field:")
    files.change(
        files.campaign,
        ("justification:                  # what", "justification:\n  applicability:\n  conservative:\n# what"),
    )
    lines = refusal(files).splitlines()
    assert [line.partition("key ")[2].partition(":")[0] for line in lines] == list(KEYS[:6])


@pytest.mark.parametrize(
    "empty", ['""', "", '"-"', '"..."', "TBD", '"n/a"', "'42'", '"yes"', "None.", "To be determined"]
)
def test_an_answer_without_words_is_none(files: Files, empty: str) -> None:
    line = files.change(files.campaign, ("evidence: The device has a conductive lead.", f"evidence: {empty}"))
    message = refusal(files)
    assert f"line {line}, key justification.applicability.injected.evidence: not answered" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("text", ["report 17", "不适用，见报告", "no lead", "Nabc"])
def test_words_are_a_reason_in_any_script(text: str) -> None:
    assert is_reason(text)


@pytest.mark.parametrize(
    ("text", "answer"), [("none", True), ("OK", True), ("TBD", False), ("-", False), (None, False)]
)
def test_an_answer_may_be_short_but_is_no_reason_then(text: str | None, answer: bool) -> None:
    assert is_answer(text) is answer
    assert not is_reason(text)


@pytest.mark.parametrize("value", ['"yes"', "1", '"true"'])
def test_applies_is_true_or_false_and_nothing_like_it(files: Files, value: str) -> None:
    files.change(
        files.campaign,
        ("      applies: true\n      evidence: The device", f"      applies: {value}\n      evidence: The device"),
    )
    assert "key justification.applicability.injected.applies: input should be a valid boolean" in refusal(files)


def test_injection_applies_to_a_device_with_a_lead(files: Files) -> None:
    files.change(
        files.campaign, ("applies: true\n      evidence: The device", "applies: false\n      evidence: The device")
    )
    message = refusal(files)
    assert "key justification.applicability.injected.applies: false, but the device has a conductive lead" in message
    assert "key tests[0].test: injected does not apply to this device" in message


def test_an_insulated_antenna_is_not_injected(files: Files) -> None:
    files.change(
        files.device,
        ("kind: lead  ", "kind: external_antenna\n  insulated_antenna: true  "),
        ("part: lead", "part: external_antenna"),
    )
    assert "the antenna is insulated" in refusal(files)
    files.change(
        files.campaign, ("applies: true\n      evidence: The device", "applies: false\n      evidence: The device")
    )
    message = refusal(files)
    assert len(message.splitlines()) == 1
    assert "key tests[0].test: injected does not apply to this device" in message
    assert "remove the test" in message


def test_a_static_field_that_no_magnet_makes_was_not_applied(files: Files) -> None:
    files.change(files.campaign, ("applied: false", "applied: true"))
    assert "true, but the bench has no magnet" in refusal(files)
    files.change(files.bench, ('# static_field: "1.5 T" ', 'static_field: "1.5 T" '))
    assert files.plan().tests[0].as_record()["justification"]["static_field"]["applied"] is True


def test_parts_that_a_static_field_changes_ask_for_more(files: Files) -> None:
    files.change(files.device, ("static_field_sensitive: false", "static_field_sensitive: true"))
    files.change(
        files.campaign, ("evidence: The device has no part that a static field changes (see its file).", "evidence:")
    )
    assert "what shows that these do not matter here? Write it in words" in refusal(files)


def test_a_calculated_tier_asks_how(files: Files) -> None:
    files.tier_2('where: {cycles: [1]}, rationale: "Not needed."')
    files.change(files.campaign, ("  tier: Quasi-static calculation, validated on a wire loop.\n", ""))
    assert "key justification.tier: not answered: how were the levels of Tier 2 calculated" in refusal(files)


def test_all_answers_are_in_the_record(files: Files) -> None:
    plan = files.plan()
    file, record = plan.campaign.campaign.file, plan.tests[0].as_record()
    assert record["justification"] == file.justification.model_dump()
    assert record["personnel"] == [{"name": "A. Example", "role": "test engineer"}]
    assert record["ambient"] == {"temperature": 22.0, "humidity": 0.45}
    assert record["demonstration"] is True


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [('temperature: "22 degC"', 'temperature: "37 degC"', "temperature"), ('"45 %"', '"85 %"', "humidity")],
)
def test_ambient_conditions_outside_the_bench_s_range_are_refused(files: Files, old: str, new: str, key: str) -> None:
    line = files.change(files.campaign, (old, new))
    message = refusal(files)
    assert f"line {line}, key ambient.{key}: " in message
    assert files.bench.name in message
