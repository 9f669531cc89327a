"""The base of every configuration model."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


class ConfigModel(BaseModel):
    """A part of a configuration file: unknown keys are refused, values do not change once read.

    "true" is no number: pydantic would take it for 1, be it a gain or a count of resets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=False)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, data: Any) -> Any:
        for key, value in data.items() if isinstance(data, dict) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, bool) and field is not None:
                kinds = (field.annotation, *get_args(field.annotation))
                # A quantity refuses it in words of its own.
                has_words = any(isinstance(one, BeforeValidator) for one in field.metadata)
                if (int in kinds or float in kinds) and bool not in kinds and not has_words:
                    raise ValueError(f"{key}: expected a number, got {str(value).lower()}")
        return data
