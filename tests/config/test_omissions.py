"""Sequences are left out by the campaign alone, each with its rationale, and none in Tier 1."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab.config.omission import Omission, omission_of
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.gradient_injected import GradientInjected
from aimdlab.procedures.protocol import Subject, TestPlan
from aimdlab.session.header import header_from_record, header_record, new_header
from aimdlab.standard.gradient_signal import (
    B_G_MT,
    CYCLES,
    T_DWELL_MS,
    T_OFF_MS,
    T_SLEW_MS,
    GradientSequence,
    sequences,
)
from campaign_files import Files

ALL = list(sequences(B_G_MT))
DEMO_TESTS = "  - test: ../../sequences/gradient/injected_ten_steps.yaml\n"


def refusal(files: Files) -> str:
    with pytest.raises(ConfigurationError) as caught:
        files.plan()
    return str(caught.value)


def omit(files: Files, *omissions: str) -> None:
    lines = "".join(f"      - {{{omission}}}\n" for omission in omissions)
    files.change(files.campaign, (DEMO_TESTS, f"{DEMO_TESTS}    omit:\n{lines}"))


def some(values: tuple[float, ...]) -> st.SearchStrategy[list[float] | None]:
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


@given(
    some(B_G_MT), some(T_SLEW_MS), some(tuple(map(float, CYCLES))), some(T_OFF_MS), some(T_DWELL_MS),
    st.sampled_from(ALL),
)  # fmt: skip
def test_a_sequence_is_left_out_if_every_key_names_one_of_its_values(
    b_g: list[float] | None, tbpw: list[float] | None, cycles: list[float] | None, t_off: list[float] | None,
    t_dwell: list[float] | None, sequence: GradientSequence,
) -> None:  # fmt: skip
    given_values = {"b_g": b_g, "tbpw": tbpw, "cycles": cycles, "t_off": t_off, "t_dwell": t_dwell}
    units = {"b_g": "mT", "tbpw": "ms", "cycles": "", "t_off": "ms", "t_dwell": "ms"}
    where = {
        key: [int(value) if key == "cycles" else f"{value:g} {units[key]}" for value in values]
        for key, values in given_values.items()
        if values is not None
    }
    if not where:
        return
    omission = Omission.model_validate({"where": where, "rationale": "It is not needed."})
    printed = {
        "b_g": sequence.b_g_t * 1e3, "tbpw": sequence.tbpw_s * 1e3, "cycles": sequence.cycles,
        "t_off": sequence.t_off_s * 1e3, "t_dwell": sequence.t_dwell_s * 1e3,
    }  # fmt: skip
    meant = all(round(printed[key], 6) in values for key, values in given_values.items() if values is not None)
    assert omission_of(sequence, [omission]) == ("It is not needed." if meant else None)


def test_every_rationale_of_a_sequence_is_kept() -> None:
    groups = [
        Omission.model_validate({"where": {"cycles": [1]}, "rationale": "One."}),
        Omission.model_validate({"where": {"t_off": ["2 s"]}, "rationale": "Two."}),
    ]
    reasons = {omission_of(sequence, groups) for sequence in ALL}
    assert reasons == {None, "One.", "Two.", "One. / Two."}


def test_what_is_left_out_stays_in_the_plan_with_its_rationale_and_costs_nothing(files: Files) -> None:
    steep = 'where: {b_g: ["40 mT"], tbpw: ["0.2 ms"]}, rationale: "Beyond what the lead can pick up, report 17."'
    slow = 'where: {t_off: ["1 s", "2 s"], b_g: ["40 mT"]}, rationale: "Slower than it senses."'
    files.tier_2(steep, slow)
    # The largest level is 6 V, which this bench cannot do; it is left out.
    files.change(files.bench, ('rated_input: "30 V"', 'rated_input: "5 V"'))
    plan = files.plan()
    test, left_out = plan.tests[0], [step for step in plan.steps if step.omitted]
    # 4 dwells x 5 cycles x 13 off times; 4 widths x 4 dwells x 5 cycles x 2 off times; both: 4 x 5 x 2.
    assert [entry["sequences"] for entry in test.omissions()] == [260, 160]
    assert len(left_out) == test.coverage.omitted == 260 + 160 - 40
    assert test.coverage.planned == len(test.sequences_to_do) == 7280 - 380
    assert plan.exposure_s == sum(step.exposure_s for step in plan.steps if not step.omitted)
    assert plan.storage_bytes == sum(step.storage_bytes for step in plan.steps if not step.omitted)
    assert test.nominal_s == (7280 - 380) * 15
    assert test.largest_ivamp_v == pytest.approx(4.5)
    assert sum("/ Slower than it senses." in step.omitted for step in left_out) == 40
    record = test.as_record()
    assert record["sequences_omitted"] == 380
    assert record["omissions"][0]["where"] == {"b_g_t": [0.04], "tbpw_s": [0.0002]}
    header = new_header(
        title="t",
        plan=tuple(step.as_record() for step in left_out),
        tests=(record,),
        configuration={},
    )
    again = header_from_record(header_record(header), {})
    assert again.tests[0]["omissions"] == record["omissions"]
    assert again.plan[0]["omitted"] == left_out[0].omitted


def test_tier_1_leaves_nothing_out(files: Files) -> None:
    omit(files, 'where: {t_dwell: ["5 ms"]}, rationale: "We are in a hurry."')
    message = refusal(files)
    assert f"{files.campaign.name}, line " in message
    assert "key tests[0].omit[0]: 5 sequences are left out, but Tier 1 may omit none (20.2.4)" in message


@pytest.mark.parametrize("tier", [1, 2])
def test_a_test_file_of_fewer_sequences_is_an_omission_too_unless_it_is_a_demonstration(
    files: Files, tier: int
) -> None:
    if tier == 2:
        files.tier_2()
        files.change(files.test, ("tbpw: all", 'tbpw: ["0.2 ms"]'))
    else:
        files.change(files.test, ("demonstration: true ", "demonstration: false "))
    message = refusal(files)
    assert f"{files.test.name}, line " in message
    assert "of the 7280 sequences" in message
    assert "demonstration: true" in message


@pytest.mark.parametrize(
    ("omission", "key", "words"),
    [
        ('where: {t_off: ["3 ms"]}, rationale: "Why."', "omit[0].where.t_off[0]", "no sequence of this test has"),
        ('where: {b_g: ["1 mT", "1 T"]}, rationale: "Why."', "omit[0].where.b_g[1]", "no sequence of this test has"),
        ('where: {}, rationale: "Why."', "omit[0].where", "name the sequences by at least one of b_g, tbpw"),
        ('where: {cycles: []}, rationale: "Why."', "omit[0].where.cycles", "at least 1 item"),
        ('where: {t_slew: ["1 ms"]}, rationale: "Why."', "omit[0].where.t_slew", "Known here: b_g, cycles"),
        ('where: {cycles: [1]}, rationale: "-"', "omit[0].rationale", "expected a reason in words"),
        ("where: {cycles: [1]}", "omit[0].rationale", "this key is missing"),
        ("where: {t_off: [1]}, rationale: Why.", "omit[0].where.t_off[0]", "a unit is missing"),
        ('where: {cycles: [1, 2, 5, 10, 20]}, rationale: "Why."', "omit", "nothing would be tested"),
    ],
)
def test_an_omission_that_cannot_be(files: Files, omission: str, key: str, words: str) -> None:
    files.tier_2(omission)
    message = refusal(files)
    assert f"{files.campaign.name}, line " in message
    assert f"key tests[0].{key}: " in message
    assert words in message


class Forgetful(GradientInjected):
    """A procedure that does not know of omissions."""

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        return super().plan(replace(subject, omissions=()))


class Hasty(GradientInjected):
    """A procedure that leaves the last sequences out and says nothing."""

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        planned = super().plan(subject)
        return replace(planned, steps=planned.steps[:-3])


class Lenient(GradientInjected):
    """A procedure that takes every test file for a demonstration."""

    @classmethod
    def plan(cls, subject: Subject) -> TestPlan:
        file = subject.test.file.model_copy(update={"demonstration": True})
        return super().plan(replace(subject, test=replace(subject.test, file=file)))


def test_no_procedure_takes_a_partial_test_for_a_complete_one(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.change(files.test, ("demonstration: true ", "demonstration: false "))
    monkeypatch.setattr("aimdlab.sequencer.plan.find", lambda group, name: Lenient)
    assert "10 of the 7280 sequences that the clause asks for, and it is no demonstration" in refusal(files)


@pytest.mark.parametrize("procedure", [Forgetful, Hasty])
def test_no_procedure_leaves_out_what_the_campaign_does_not_name(
    files: Files, procedure: type[GradientInjected], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.tier_2('where: {cycles: [1]}, rationale: "Why."')
    # A small demonstration is enough here.
    files.change(
        files.test,
        ("demonstration: false ", "demonstration: true "),
        ("tbpw: all", 'tbpw: ["1 ms"]'),
        ("cycles: all", "cycles: [1, 2]"),
        ("t_off: all", 't_off: ["20 ms"]'),
    )
    assert files.plan().tests[0].coverage.omitted == 28
    monkeypatch.setattr("aimdlab.sequencer.plan.find", lambda group, name: procedure)
    assert "This is a defect of the procedure" in refusal(files)


def test_the_shipped_hint_on_omissions_is_right(files: Files) -> None:
    """What stands commented in the demonstration's file works once it is uncommented."""
    files.tier_2()
    text = Path(files.campaign).read_text(encoding="utf-8")
    assert text.count("\n#   omit:") == 1
    before, _, after = text.partition("\n#   omit:")
    hint = "\n#   omit:" + after
    files.campaign.write_text(before + hint.replace("\n#  ", "\n   "), encoding="utf-8")
    assert files.plan().tests[0].coverage.omitted == 2 * 4 * 4 * 7
