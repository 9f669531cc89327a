"""Whole runs with an amplifier that the PC enables, and that may trip: from outside."""

from __future__ import annotations

import pytest

from command_line import Lab


@pytest.fixture
def switched(lab: Lab) -> Lab:
    """Two sequences, of 3.75 V and 15 V at the amplifier's output."""
    lab.bench = lab.folder / "configs/benches/annex_d_switched_amplifier.yaml"
    lab.campaign = lab.folder / "configs/campaigns/gradient_injected_switched_amplifier.yaml"
    lab.world = lab.folder / "configs/worlds/annex_d_switched_amplifier.yaml"
    lab.fewer_steps()
    return lab


def test_it_is_enabled_for_every_exposure(switched: Lab) -> None:
    status, result = switched.run()
    assert [step["verdict"] for step in result["steps"] if step["kind"] == "sequence"] == ["PASS", "PASS"]
    assert status == 0


def test_an_overload_trips_it_and_nothing_passes_then(switched: Lab) -> None:
    switched.change(switched.world, 'trip: {above: "38 V"}', 'trip: {above: "14 V"}')
    switched.change(switched.campaign, "tests:", "faults: {amplifier_resets: 9}\ntests:")
    status, result = switched.run()
    low, high = (step for step in result["steps"] if step["kind"] == "sequence")
    assert low["verdict"] == "PASS"
    assert high["verdict"] == "INVALID"
    assert all("fault contact open: tripped" in attempt["reason"] for attempt in high["attempts"])
    assert status != 0
