from __future__ import annotations

import dataclasses

import pytest
from pydantic import BaseModel

from aimdlab.capture import Capture, Reading
from aimdlab.scoring.results import Criterion, Feature, Outcome, Score
from aimdlab.session import attempt_model
from aimdlab.session.model import Attempt


@pytest.mark.parametrize(
    ("model", "recorded"),
    [
        (attempt_model.AttemptModel, Attempt),
        (attempt_model.CaptureModel, Capture),
        (attempt_model.ReadingModel, Reading),
        (attempt_model.ScoreModel, Score),
        (attempt_model.FeatureModel, Feature),
        (attempt_model.OutcomeModel, Outcome),
        (attempt_model.CriterionModel, Criterion),
    ],
)
def test_what_is_checked_before_it_is_read_has_the_fields_of_what_is_written(
    model: type[BaseModel], recorded: type
) -> None:
    """A field that is added to one and not to the other would let no attempt be committed."""
    assert set(model.model_fields) == {field.name for field in dataclasses.fields(recorded)}
