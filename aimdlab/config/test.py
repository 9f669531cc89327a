"""The test file: one clause and method of the standard, with its signal and parameter ranges."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, StrictBool

from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Time


class OnFail(StrEnum):
    """What a FAIL does to the rest of the test.

    CHECK repeats the check that ends the test, at once: a device that is damaged or does not come back stops it.
    """

    CONTINUE = "continue"
    CHECK = "check"
    STOP = "stop"


class TestFile(ConfigModel):
    """A test as its YAML file says it.

    Attributes:
        procedure: name of the procedure (entry point ``aimdlab.procedures``) that carries it out.
        signal: parameters of the signal; checked by the procedure's own model.
        exposure: shortest time the device is exposed per sequence.
        captures: what the procedure needs to know to record; checked by the procedure's own model.
        retries: how often an INVALID attempt is tried again.
        on_fail: what a FAIL does to the rest of the test.
        demonstration: fewer sequences than the clause asks for, to show a bench at work; never a compliance test.
    """

    __test__ = False  # not a pytest class

    aimdlab: Literal["test/1"]
    name: str = Field(min_length=1)
    edition: str
    clause: str
    method: Literal["injected", "radiated"]
    procedure: str
    signal: dict[str, Any]
    exposure: Time = Field(gt=0)
    captures: dict[str, Any]
    retries: int = Field(default=2, ge=0, le=20)
    on_fail: OnFail = OnFail.CONTINUE
    demonstration: StrictBool = False

    @property
    def is_gradient(self) -> bool:
        """Is it one of the gradient tests (clauses 16 and 20), whose applicability and levels must be justified?"""
        return self.clause.partition(".")[0] in ("16", "20")

    @property
    def tier(self) -> int | None:
        """The tier that the signal names; None if it names none."""
        tier = self.signal.get("tier")
        return tier if isinstance(tier, int) and not isinstance(tier, bool) else None
