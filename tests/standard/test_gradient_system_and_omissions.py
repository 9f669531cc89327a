"""Rules that are easy to miss: what counts as a lead and where (20.1, 20.2.1), what may be left out (20.2.4, 20.3.4)."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import pytest

from aimdlab.errors import ConfigurationError
from aimdlab.standard.gradient_levels import tier_1
from aimdlab.standard.gradient_omissions import check_omissions
from aimdlab.standard.gradient_system import Conductor, ConductorKind, DeviceSystem
from aimdlab.standard.gradient_volumes import SystemVolume, largest_volume

LEAD, TERMINALS, ANTENNA = ConductorKind.LEAD, ConductorKind.LEADLESS_TERMINALS, ConductorKind.EXTERNAL_ANTENNA


def test_the_largest_volume_that_holds_a_part_applies_to_all() -> None:
    by_size: list[SystemVolume] = ["compliance", "implant", "outside"]
    for small, large in itertools.combinations_with_replacement(by_size, 2):
        assert largest_volume(small, large) == largest_volume(large, small) == large
        assert DeviceSystem(small, (Conductor(LEAD, 0.5, large),)).volume == large
        assert DeviceSystem(large, (Conductor(LEAD, 0.5, small),)).volume == large


def test_a_leadless_device_takes_the_spacing_of_its_terminals() -> None:
    device = DeviceSystem("compliance", (Conductor(TERMINALS, 0.03, "compliance"),))
    assert device.lead_length_m == 0.03
    assert tier_1(device.volume, device.lead_length_m).lead_length_factor == 0.008


def test_an_external_antenna_counts_as_a_lead() -> None:
    device = DeviceSystem("compliance", (Conductor(LEAD, 0.4, "compliance"), Conductor(ANTENNA, 1.0, "implant")))
    assert device.lead_length_m == 1.0
    assert tier_1(device.volume, device.lead_length_m).lead_length_factor == 0.150


def test_an_insulated_antenna_is_not_injected_into_but_has_its_place() -> None:
    lead, antenna = Conductor(LEAD, 0.4, "compliance"), Conductor(ANTENNA, 1.0, "implant", insulated=True)
    device = DeviceSystem("compliance", (lead, antenna))
    assert device.injected == (lead,)
    assert device.lead_length_m == 0.4
    assert device.volume == "implant"


@pytest.mark.parametrize("conductors", [(), (Conductor(ANTENNA, 0.1, "implant", insulated=True),)])
def test_without_a_conductor_there_is_nothing_to_inject_into(conductors: tuple[Conductor, ...]) -> None:
    device = DeviceSystem("implant", conductors)
    assert device.injected == ()
    with pytest.raises(ConfigurationError, match=r"does not apply to it \(20\.1\)"):
        _ = device.lead_length_m


@pytest.mark.parametrize("length_m", [0.0, -0.1, math.nan, math.inf])
def test_a_conductor_has_a_length(length_m: float) -> None:
    with pytest.raises(ConfigurationError, match="lead: length"):
        Conductor(LEAD, length_m, "implant")


@pytest.mark.parametrize("kind", [LEAD, TERMINALS])
def test_only_an_antenna_is_insulated(kind: ConductorKind) -> None:
    with pytest.raises(ConfigurationError, match="only an external antenna"):
        Conductor(kind, 0.5, "implant", insulated=True)


Method = Literal["injected", "radiated"]


@pytest.mark.parametrize("method", ["injected", "radiated"])
@pytest.mark.parametrize("tier", [1, 2, 3])
def test_nothing_left_out_needs_no_rationale(method: Method, tier: int) -> None:
    check_omissions(method, tier, 0, "")


@pytest.mark.parametrize(("method", "clause"), [("injected", "20.2.4"), ("radiated", "20.3.4")])
@pytest.mark.parametrize("rationale", ["", "The device samples too slowly to tell these apart; report 12, section 3."])
def test_tier_1_may_omit_nothing(method: Method, clause: str, rationale: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"1 sequence is left out, but Tier 1 may omit none \({clause}\)"):
        check_omissions(method, 1, 1, rationale)


@pytest.mark.parametrize(("method", "tier"), [("injected", 2), ("injected", 3), ("radiated", 2)])
def test_above_tier_1_an_omission_needs_a_rationale_in_words(method: Method, tier: int) -> None:
    check_omissions(method, tier, 260, "Cycles above 5 repeat what 5 cycles show; report 12, section 3.")
    for blank in ("", "  \n\t", "-", "...", "?"):
        with pytest.raises(ConfigurationError, match=r"260 sequences are left out without a rationale"):
            check_omissions(method, tier, 260, blank)
