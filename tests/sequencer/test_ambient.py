"""Ambient conditions that no file gives are told by a person, in numbers with their unit, within the bench's range."""

from dataclasses import replace
from pathlib import Path

import pytest

from aimdlab.bench.operator import ScriptedOperator
from aimdlab.config.bench_place import Ambient
from aimdlab.config.campaign import Campaign, load_campaign
from aimdlab.errors import ConfigurationError, StoppedByPersonError
from aimdlab.sequencer.ambient import HUMIDITY_QUESTION, TEMPERATURE_QUESTION, ambient_at_start

CAMPAIGN = Path(__file__).parents[2] / "configs" / "campaigns" / "gradient_injected_ten_steps.yaml"


@pytest.fixture
def campaign() -> Campaign:
    """The shipped one, without its ambient conditions."""
    loaded = load_campaign(CAMPAIGN)
    file = loaded.campaign.file.model_copy(update={"ambient": None})
    return replace(loaded, campaign=replace(loaded.campaign, file=file))


def answers(temperature: str, humidity: str) -> ScriptedOperator:
    return ScriptedOperator({TEMPERATURE_QUESTION: temperature, HUMIDITY_QUESTION: humidity})


def test_what_the_file_gives_is_not_asked() -> None:
    loaded = load_campaign(CAMPAIGN)
    assert ambient_at_start(loaded, ScriptedOperator({})) == loaded.campaign.file.ambient


def test_what_is_answered_is_taken(campaign: Campaign) -> None:
    assert ambient_at_start(campaign, answers("295.15 kelvin", "51 %")) == Ambient.model_validate(
        {"temperature": "22 degC", "humidity": "51 %"}
    )


@pytest.mark.parametrize(("temperature", "humidity"), [("warm", "51 %"), ("22", "51 %"), ("22 degC", "51 g")])
def test_an_answer_without_its_unit_is_asked_again_and_then_ends_it(
    campaign: Campaign, temperature: str, humidity: str
) -> None:
    with pytest.raises(StoppedByPersonError, match="with their units"):
        ambient_at_start(campaign, answers(temperature, humidity))


@pytest.mark.parametrize(("temperature", "humidity"), [("40 degC", "51 %"), ("14.9 degC", "51 %"), ("22 degC", "81 %")])
def test_outside_the_range_of_the_bench_nothing_begins(campaign: Campaign, temperature: str, humidity: str) -> None:
    with pytest.raises(ConfigurationError, match="Wait until it is within"):
        ambient_at_start(campaign, answers(temperature, humidity))


def test_nobody_there_ends_it(campaign: Campaign) -> None:
    with pytest.raises(StoppedByPersonError, match="nobody answered"):
        ambient_at_start(campaign, ScriptedOperator({}))
