"""Steps of one test share what is worked out for them: each must be what it would be alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from aimdlab.config.campaign import Campaign, load_campaign
from aimdlab.procedures.protocol import Step
from aimdlab.sequencer.plan import make_plan
from campaign_files import Files

SIGNAL = {
    "tbpw": ["0.2 ms", "2 ms"],
    "t_dwell": ["0 ms", "0.5 ms"],
    "cycles": [1, 20],
    "t_off": ["0.2 ms", "50 ms"],
    "b_g": ["1 mT", "20 mT"],
}


@pytest.fixture(params=["gradient_injected_tier_1", "gradient_injected_ten_steps", "extrinsic_potential_demo"])
def campaign(request: pytest.FixtureRequest, tmp_path: Path) -> Campaign:
    return load_campaign(Files(tmp_path).folder / "configs" / "campaigns" / f"{request.param}.yaml")


def sequences(campaign: Campaign, signal: dict[str, Any]) -> list[tuple[Step, list[Any]]]:
    """The steps of the campaign's first test with ``signal``, wherever they stand, and what their ceilings are."""
    test = campaign.tests[0]
    told = {key: value for key, value in signal.items() if key in test.file.signal}
    file = test.file.model_copy(update={"demonstration": True, "signal": {**test.file.signal, **told}})
    plan = make_plan(replace(campaign, tests=(replace(test, file=file),)))
    return [
        (
            replace(step, id="", index=0),
            [
                (one.part, one.key, one.rating, one.unit, one.at, one.order, one.offset)
                for one in step.ceilings.ceilings
            ],
        )
        for step in plan.steps
        if step.kind == "sequence"
    ]


def test_a_step_among_others_is_the_step_alone(campaign: Campaign) -> None:
    together = sequences(campaign, SIGNAL)
    told = {key: values for key, values in SIGNAL.items() if key in campaign.tests[0].file.signal}
    alone = [
        found
        for values in product(*told.values())
        for found in sequences(campaign, {key: [value] for key, value in zip(told, values, strict=True)})
    ]
    assert len(together) == len(alone) >= 16
    assert all(step.demands for step, _ in together)
    assert together == alone


def test_a_divider_that_states_no_resistor_can_be_planned(tmp_path: Path) -> None:
    files = Files(tmp_path)
    watched = '{resistance: "500 ohm", share: 0.5, rating: "1 W", peak_rating: "10 W"}'
    files.change(
        files.bench,
        ("  resistors:                    # those whose power is watched; share: volts across it per volt at C\n", ""),
        (f"    series: {watched}\n    shunt: {watched}\n", ""),
    )
    plan = files.plan()
    assert any("any resistor" in notice for notice in plan.notices)
    assert not any("power" in demand.part for step in plan.steps for demand in step.demands)
