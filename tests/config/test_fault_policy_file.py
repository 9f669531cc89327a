"""The fault policy of a campaign file: sane without a word, refused by line and key where it cannot be."""

import pytest

from aimdlab.config.campaign import load_campaign
from aimdlab.config.faults import FaultKind, FaultRule, Faults
from aimdlab.errors import ConfigurationError
from campaign_files import Files


def written(files: Files, *lines: str) -> Faults:
    text = files.campaign.read_text(encoding="utf-8")
    assert "\nfaults:" not in text
    said = "faults:\n" + "".join(f"  {line}\n" for line in lines)
    files.campaign.write_text(text.replace("tests:\n", said + "tests:\n"), encoding="utf-8")
    return load_campaign(files.campaign).campaign.file.faults


def test_a_campaign_that_says_nothing_resets_no_amplifier_and_gives_up_in_the_end(files: Files) -> None:
    faults = load_campaign(files.campaign).campaign.file.faults
    assert (faults.amplifier_resets, faults.give_up_after, faults.reconnect_for) == (0, 3, 120.0)
    for kind in (FaultKind.LINK, FaultKind.RESTARTED, FaultKind.REFUSAL, FaultKind.TRIP):
        assert faults.rule(kind) == FaultRule(retries=2, then="go_on")
    assert faults.rule(FaultKind.PROBE) == FaultRule(retries=1, then="stop")


def test_every_key_is_taken_at_its_word(files: Files) -> None:
    faults = written(
        files, "link: {retries: 5, then: stop}", "trip: {retries: 0}", "amplifier_resets: 4", "give_up_after: 1",
        'reconnect_for: "1 h"',
    )  # fmt: skip
    assert faults.rule(FaultKind.LINK) == FaultRule(retries=5, then="stop")
    assert faults.rule(FaultKind.TRIP) == FaultRule(retries=0, then="go_on")
    assert (faults.amplifier_resets, faults.give_up_after, faults.reconnect_for) == (4, 1, 3600.0)


def test_another_instrument_stops_the_run_whatever_a_file_says(files: Files) -> None:
    assert Faults().rule(FaultKind.IDENTITY) == FaultRule(retries=0, then="stop")
    with pytest.raises(ConfigurationError, match=r"line \d+, key faults\.identity: unknown key\..*"):
        written(files, "identity: {then: go_on}")


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("links: {retries: 1}", "faults.links", "Did you mean 'link'?"),
        ("link: {retry: 1}", "faults.link.retry", "Did you mean 'retries'?"),
        ("link: {then: retry}", "faults.link.then", "'go_on' or 'stop'"),
        ("link: {retries: -1}", "faults.link.retries", "greater than or equal to 0"),
        ("give_up_after: 0", "faults.give_up_after", "greater than or equal to 1"),
        ("reconnect_for: 120", "faults.reconnect_for", "a unit is missing"),
        ("amplifier_resets: true", "faults", "amplifier_resets: expected a number, got true"),
    ],
)
def test_what_cannot_be_is_named(files: Files, line: str, key: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        written(files, line)
    assert f"key {key}: " in str(caught.value)
    assert words in str(caught.value)
