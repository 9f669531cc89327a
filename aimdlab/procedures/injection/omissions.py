"""What a campaign leaves out of an injected test, against what the standard lets it leave out."""

from __future__ import annotations

from collections.abc import Sequence

from aimdlab.config.loading import problem
from aimdlab.config.omission import omission_of
from aimdlab.errors import ConfigurationError
from aimdlab.procedures.protocol import Subject
from aimdlab.standard.gradient_omissions import check_omissions
from aimdlab.standard.gradient_signal import GradientSequence


def rationales(subject: Subject, tier: int, wanted: Sequence[GradientSequence], full: int) -> list[str]:
    """The rationale for leaving each of ``wanted`` out, "" for those that are run.

    Args:
        subject: the test and what the campaign omits of it.
        tier: whose levels are used.
        wanted: every sequence of the test file.
        full: how many the clause asks for.

    Raises:
        ConfigurationError: sequences are missing in the test file though it is no demonstration, something is omitted
            in Tier 1, or an omission names nothing that is planned.
    """
    test = subject.test
    if len(wanted) < full and not test.file.demonstration:
        raise problem(
            test.source,
            ("signal",),
            f'{len(wanted)} of the {full} sequences that the clause asks for. Write "all" for every parameter and '
            "leave sequences out in the campaign, with their rationale (outside Tier 1 only); or, if this is to show a "
            "bench at work and no compliance test, say demonstration: true.",
        )
    reasons = [omission_of(sequence, subject.omissions) or "" for sequence in wanted]
    if not subject.omissions:
        return reasons
    source, key = subject.omissions_at or (test.source, ("signal",))
    for place, omission in enumerate(subject.omissions):
        for name, position in omission.where.strangers(wanted):
            raise problem(source, (*key, place, "where", name, position), "no sequence of this test has this value.")
        if not any(omission.where.matches(sequence) for sequence in wanted):
            raise problem(source, (*key, place, "where"), "no sequence of this test is meant by it.")
        left_out = sum(omission.where.matches(sequence) for sequence in wanted)
        try:
            check_omissions("injected", tier, left_out, omission.rationale)
        except ConfigurationError as error:
            raise problem(source, (*key, place), str(error)) from None
    if all(reasons):
        raise problem(source, key, "every sequence is left out; nothing would be tested.")
    return reasons
