"""The ambient conditions when the tests begin: from the campaign file, or from the person at the bench."""

from __future__ import annotations

from pydantic import ValidationError

from aimdlab.bench.operator import Operator
from aimdlab.config.bench_place import Ambient
from aimdlab.config.campaign import Campaign
from aimdlab.config.loading import problem
from aimdlab.errors import StoppedByPersonError

TEMPERATURE_QUESTION = "Temperature at the bench, e.g. 22 degC?"
HUMIDITY_QUESTION = "Relative humidity at the bench, e.g. 45 %?"
_TRIES = 3


def ambient_at_start(campaign: Campaign, operator: Operator) -> Ambient:
    """The conditions at the bench now.

    Raises:
        ConfigurationError: they are outside the range that the bench file allows.
        StoppedByPersonError: nobody answers, or not in numbers with their unit.
    """
    given = campaign.campaign.file.ambient
    if given is not None:
        return given
    for _ in range(_TRIES):
        answers = {"temperature": operator.ask(TEMPERATURE_QUESTION), "humidity": operator.ask(HUMIDITY_QUESTION)}
        try:
            ambient = Ambient.model_validate(answers)
        except ValidationError:
            continue
        for name, words in ambient.outside(campaign.bench.file.ambient):
            raise problem(campaign.bench.source, ("ambient", name), f"{words}. Wait until it is within that.")
        return ambient
    raise StoppedByPersonError(f"temperature and humidity were not told with their units, {_TRIES} times")
