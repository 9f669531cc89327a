"""What a campaign must answer in writing before a gradient test is planned (ISO/TS 10974:2012, clauses 7, 9.5 and 20).

Everything that is missing is asked for at once; what contradicts the device, the bench or the tests is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from aimdlab.config.campaign import Campaign
from aimdlab.config.loading import problem
from aimdlab.config.words import is_reason
from aimdlab.config.yaml_source import KeyPath
from aimdlab.errors import ConfigurationError

# What proves a level or a reading must be traceable; sources and amplifiers are proven by it.
_MEASURING_ROLES = ("oscilloscope", "thermometer", "power_meter", "gaussmeter")

_APPLIES = {
    "injected": "does injection apply to this device? It does to all with conductive leads or electrodes (20.1)",
    "radiated": "does the radiated test apply? It does to all, unless the case shields the field completely (20.1)",
}
_IN_WORDS = "Write it in words"
_LEAD = {"lead": "lead", "leadless": "electrode (leadless)", "external_antenna": "external antenna"}

_Question = tuple[KeyPath, str]


def check_answers(campaign: Campaign, today: date) -> None:
    """Refuse a campaign that leaves a question open, contradicts itself, or uses an instrument overdue for calibration.

    Args:
        campaign: as loaded.
        today: the day that calibrations must be valid on.

    Raises:
        ConfigurationError: everything that is wrong, a line each, with file, line and key.
    """
    found = [str(wrong) for wrong in _problems(campaign, today)]
    if found:
        raise ConfigurationError("\n".join(found))


def _problems(campaign: Campaign, today: date) -> Iterator[ConfigurationError]:
    source = campaign.campaign.source
    for key, question in _missing(campaign):
        yield problem(source, key, f"not answered: {question}.")
    for key, contradiction in _contradictions(campaign):
        yield problem(source, key, f"{contradiction}.")
    ambient = campaign.campaign.file.ambient
    if ambient is not None:
        for name, words in ambient.outside(campaign.bench.file.ambient):
            what = f"{words} ({campaign.bench.source.path}, key ambient). Wait until it is within that."
            yield problem(source, ("ambient", name), what)
    yield from _calibrations(campaign, today)


def _missing(campaign: Campaign) -> Iterator[_Question]:
    """Every question that is open."""
    if not any(test.file.is_gradient for test in campaign.tests):
        return
    if not campaign.campaign.file.personnel:
        yield ("personnel",), "who takes part in the tests? List name and role of each (9.5)"
    yield from _applicability(campaign)
    yield from _levels(campaign)
    yield from _static_field(campaign)


def _applicability(campaign: Campaign) -> Iterator[_Question]:
    for method, question in _APPLIES.items():
        given = getattr(campaign.campaign.file.justification.applicability, method)
        key = ("justification", "applicability", method)
        if given.applies is None:
            yield (*key, "applies"), f"{question}. Write true or false"
        if not is_reason(given.evidence):
            yield (*key, "evidence"), f"what shows whether the {method} test applies (20.1)? {_IN_WORDS}"


def _levels(campaign: Campaign) -> Iterator[_Question]:
    tests = [test.file for test in campaign.tests if test.file.is_gradient]
    reasons = campaign.campaign.file.justification
    if any(test.method == "injected" for test in tests):
        key = ("justification", "conservative")
        if reasons.conservative.ivamp_at is None:
            yield (*key, "ivamp_at"), "where is IVAMP applied (20.2.4)? Write input_C, as this bench does it"
        if not is_reason(reasons.conservative.evidence):
            what = "what shows that network and level test at least as hard as the lead in tissue would (20.2.4, note)?"
            yield (*key, "evidence"), f"{what} {_IN_WORDS}"
    calculated = sorted({test.tier for test in tests if test.tier is not None and test.tier > 1})
    if calculated and not is_reason(reasons.tier):
        tiers = " and ".join(str(tier) for tier in calculated)
        what = f"how were the levels of Tier {tiers} calculated, and how was the model validated (9.3, 9.5)?"
        yield ("justification", "tier"), f"{what} {_IN_WORDS}"


def _static_field(campaign: Campaign) -> Iterator[_Question]:
    given, key = campaign.campaign.file.justification.static_field, ("justification", "static_field")
    if given.applied is None:
        yield (*key, "applied"), "is the static field on during the tests (clause 7)? Write true or false"
    if not is_reason(given.evidence):
        what = "why is it right to test with, or without, the static field (clause 7)?"
        if campaign.device.file.description.static_field_sensitive:
            what += " The device has parts that it changes: what shows that these do not matter here?"
        yield (*key, "evidence"), f"{what} {_IN_WORDS}"


def _contradictions(campaign: Campaign) -> Iterator[tuple[KeyPath, str]]:
    reasons, device = campaign.campaign.file.justification, campaign.device
    injected: KeyPath = ("justification", "applicability", "injected", "applies")
    if reasons.applicability.injected.applies is False and device.file.lead.conducts:
        yield (
            injected,
            f"false, but the device has a conductive {_LEAD[device.file.lead.kind]} ({device.source.path}, key lead): "
            "injection applies to it (20.1). Correct one of the two",
        )
    if reasons.applicability.injected.applies and not device.file.lead.conducts:
        yield (
            injected,
            f"true, but the antenna is insulated ({device.source.path}, key lead.insulated_antenna) and is excluded "
            "from injection (20.1, note 2). Correct one of the two",
        )
    for index, test in enumerate(campaign.tests):
        if test.file.is_gradient and getattr(reasons.applicability, test.file.method).applies is False:
            yield (
                ("tests", index, "test"),
                f"{test.file.method} does not apply to this device (justification.applicability.{test.file.method}): "
                "remove the test, or correct the answer",
            )
    if reasons.static_field.applied and campaign.bench.file.static_field is None:
        yield (
            ("justification", "static_field", "applied"),
            f"true, but the bench has no magnet ({campaign.bench.source.path}, key static_field is not there)",
        )


def _calibrations(campaign: Campaign, today: date) -> Iterator[ConfigurationError]:
    bench = campaign.bench.file
    measuring = {monitor.instrument for monitor in bench.monitors.values()}
    measuring |= {bench.roles[role].instrument for role in _MEASURING_ROLES if role in bench.roles}
    demonstration = all(test.file.demonstration for test in campaign.tests)
    for name, instrument in bench.instruments.items():
        key = ("instruments", name, "calibration")
        calibration = instrument.calibration
        if calibration is None:
            if name in measuring and bench.simulated is None and not demonstration:
                what = (
                    f"it is missing: {name} measures what the verdicts rest on. Give certificate, date and due (9.5)."
                )
                yield problem(campaign.bench.source, key, what)
        elif calibration.due < today:
            what = (
                f"overdue since {calibration.due} (today is {today}). Have {name} calibrated and enter the new dates."
            )
            yield problem(campaign.bench.source, (*key, "due"), what)
        elif calibration.date > today:
            what = f"it lies in the future (today is {today}). Check the entry, and the computer's clock."
            yield problem(campaign.bench.source, (*key, "date"), what)
