"""``aimdlab levels``: the standard's levels as a calculator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from aimdlab.cli.output import console, print_json
from aimdlab.errors import ConfigurationError
from aimdlab.standard import EDITION, gradient_levels, gradient_radiated_levels
from aimdlab.standard.gradient_levels import InjectedLevels
from aimdlab.standard.gradient_volumes import SystemVolume

_LEAD, _FIELD, _AREA, _VOLTAGE = "--lead-cm", "--tier2-bg-mt", "--loop-area-m2", "--ivamp-max-v"


def gradient_injected(
    tier: int,
    volume: SystemVolume,
    *,
    lead_cm: float | None,
    tier2_bg_mt: float | None,
    loop_area_m2: float | None,
    ivamp_max_v: float | None,
    as_json: bool,
) -> int:
    """Print IVAMP for every pulse width and field; ConfigurationError names an option too many or missing."""
    given = {_LEAD: lead_cm, _FIELD: tier2_bg_mt, _AREA: loop_area_m2, _VOLTAGE: ivamp_max_v}
    levels = _injected(tier, volume, given)
    if as_json:
        print_json(
            {
                "edition": EDITION,
                "clause": levels.clause,
                "tier": levels.tier,
                "volume": levels.volume,
                "lead_length_factor": levels.lead_length_factor,
                "tbpw_ms": levels.tbpw_ms,
                "b_g_mt": levels.b_g_mt,
                "levels_v": levels.levels_v,
            }
        )
        return 0
    console.print(f"{EDITION}, {levels.clause}: gradient malfunction, injected, Tier {tier}, {_where(volume)}")
    if levels.lead_length_factor is not None:
        console.print(f"lead length factor {levels.lead_length_factor:.4g} V per T/s")
    console.print("IVAMP in V, zero to pulse, at input C of the injection network; peak to peak is twice that")
    _print_table("tbpw", levels.tbpw_ms, levels.b_g_mt, levels.levels_v)
    return 0


def gradient_radiated(tier: int, volume: SystemVolume | None, *, tier2_bg_mt: float | None, as_json: bool) -> int:
    """Print the fields; ConfigurationError names an option too many or missing."""
    given = {_FIELD: tier2_bg_mt}
    if tier == 1:
        _take("Tier 1 (20.3.2)", given)
        if volume is None:
            raise ConfigurationError("Tier 1 (20.3.2) needs --volume.")
        levels = gradient_radiated_levels.tier_1(volume)
    else:
        (field_mt,) = _take("Tier 2 (20.3.3)", given, _FIELD)
        levels = gradient_radiated_levels.tier_2(field_mt / 1e3, volume)
    if as_json:
        print_json(
            {
                "edition": EDITION,
                "clause": levels.clause,
                "tier": levels.tier,
                "volume": levels.volume,
                "t_slew_ms": levels.t_slew_ms,
                "b_g_mt": levels.b_g_mt,
                "dbdt_t_per_s": levels.dbdt_t_per_s,
            }
        )
        return 0
    console.print(f"{EDITION}, {levels.clause}: gradient malfunction, radiated, Tier {tier}, {_where(volume)}")
    console.print("dB/dt in T/s on every slew, under B_G, peak to peak")
    _print_table("T_SLEW", levels.t_slew_ms, levels.b_g_mt, levels.dbdt_t_per_s)
    return 0


def _injected(tier: int, volume: SystemVolume, given: Mapping[str, float | None]) -> InjectedLevels:
    if tier == 1:
        (lead_cm,) = _take("Tier 1 (20.2.1)", given, _LEAD)
        return gradient_levels.tier_1(volume, lead_cm / 100)
    if tier == 3:
        (ivamp_max_v,) = _take("Tier 3 (20.2.3)", given, _VOLTAGE)
        return gradient_levels.tier_3(volume, ivamp_max_v)
    _refuse_others("Tier 2 (20.2.2)", given, (_LEAD, _FIELD, _AREA))
    if given[_AREA] is None and given[_FIELD] is None:
        raise ConfigurationError(f"Tier 2 (20.2.2) needs {_FIELD} with {_LEAD} (case 1), or {_AREA} (case 2).")
    if given[_AREA] is not None:
        (loop_area_m2,) = _take("Tier 2, case 2 (20.2.2),", given, _AREA)
        return gradient_levels.tier_2_by_area(volume, loop_area_m2)
    lead_cm, tier2_bg_mt = _take("Tier 2, case 1 (20.2.2),", given, _LEAD, _FIELD)
    return gradient_levels.tier_2_by_field(volume, lead_cm / 100, tier2_bg_mt / 1e3)


def _take(what: str, given: Mapping[str, float | None], *needed: str) -> list[float]:
    """The values of the options that ``what`` needs, when none is missing and no other is given."""
    _refuse_others(what, given, needed)
    missing = [name for name in needed if given[name] is None]
    if missing:
        raise ConfigurationError(f"{what} needs {' and '.join(missing)}.")
    return [value for name in needed if (value := given[name]) is not None]


def _refuse_others(what: str, given: Mapping[str, float | None], taken: Sequence[str]) -> None:
    others = [name for name, value in given.items() if value is not None and name not in taken]
    if others:
        takes = f"; it takes {', '.join(taken)}" if taken else ""
        raise ConfigurationError(f"{what} has no use for {', '.join(others)}{takes}.")


def _where(volume: SystemVolume | None) -> str:
    if volume is None:
        return "anywhere"
    return "partly outside the implant volume" if volume == "outside" else f"{volume} volume"


def _print_table(
    row_name: str, rows_ms: Sequence[float], columns_mt: Sequence[float], cells: Sequence[Sequence[float]]
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"{row_name}\nms", justify="right", no_wrap=True)
    for b_g_mt in columns_mt:
        table.add_column(f"{b_g_mt:g}\nmT", justify="right", no_wrap=True)
    for row_ms, row in zip(rows_ms, cells, strict=True):
        table.add_row(f"{row_ms:g}", *(f"{value:.5g}" for value in row))
    console.print(table)
