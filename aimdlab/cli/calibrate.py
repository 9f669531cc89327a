"""``aimdlab calibrate``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from aimdlab.cli.output import console, prefix_for, print_json
from aimdlab.config.units import to_si
from aimdlab.errors import ConfigurationError
from aimdlab.signals.cx_selection import CxCandidate, CxSelection, SpuriousSignal, e12, select_cx
from aimdlab.signals.tissue_interface import Interface
from aimdlab.standard import EDITION, annex_d

_LEAST_F, _MOST_F = 100e-12, 10e-6
ASSUMPTIONS = (
    "Figures D.1 to D.3 are assumed, as docs/gradient-network.md draws them; no device is there, the filter is at F.",
    "Computed from nominal values. It replaces no measurement on the bench: select Cx by the reading there.",
    "The limit is taken for the peak at B: the spurious signal's and what the filter leaves of the test signal.",
)
BYPASS_NOTE = (
    "The selection may not apply to gradient signals (20.2), which are low in frequency themselves: "
    "bypass Cx then, and record why."
)


def gradient_network(
    test_level: str, test_frequency: str, spurious: str, spurious_frequency: str, *, as_json: bool
) -> int:
    """Compute the reading at B for every Cx of the E12 series, and which of them D.2 would select; 0 either way."""
    signal = SpuriousSignal(
        test_v=_quantity("--test-level", test_level, "V", "1 V"),
        test_hz=_quantity("--test-frequency", test_frequency, "Hz", "500 kHz"),
        spurious_v=_quantity("--spurious", spurious, "V", "1 mV"),
        spurious_hz=_quantity("--spurious-frequency", spurious_frequency, "Hz", "50 Hz"),
    )
    selection = select_cx(
        Interface(annex_d.values(annex_d.TABLE_D_1)),
        annex_d.values(annex_d.TABLE_D_2),
        signal,
        limit_v=annex_d.READING_LIMIT_V,
        unscaled_from_hz=annex_d.FILTER_UNSCALED_FROM_HZ,
        candidates_f=e12(_LEAST_F, _MOST_F),
    )
    if as_json:
        print_json(_report(signal, selection))
    else:
        _show(signal, selection)
    return 0


def _quantity(option: str, text: str, unit: str, example: str) -> float:
    try:
        return to_si(text, unit, example)
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from error


def _report(signal: SpuriousSignal, selection: CxSelection) -> dict[str, Any]:
    chosen = selection.selected
    return {
        "edition": EDITION,
        "clause": "D.2",
        "measured": False,
        "assumptions": list(ASSUMPTIONS),
        "note": BYPASS_NOTE,
        **asdict(signal),
        "limit_v": annex_d.READING_LIMIT_V,
        "filter_scale": selection.filter_scale,
        "feasible": chosen is not None,
        "bypass": chosen is not None and chosen.cx_f is None,
        "cx_f": None if chosen is None else chosen.cx_f,
        "candidates": [asdict(row) for row in selection.candidates],
    }


def _show(signal: SpuriousSignal, selection: CxSelection) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("Cx", "reading at B", "of the spurious", "of the test signal", "test signal kept", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for row in selection.candidates:
        table.add_row(
            _named(row),
            *(_in_unit(volt, "V") for volt in (row.reading_v, row.spurious_v, row.test_v)),
            f"{row.passed:.1%}",
            "selected" if row is selection.selected else "below the limit" if row.meets_limit else "",
        )
    console.print(table)
    test, spurious = _in_unit(signal.test_v, "V"), _in_unit(signal.spurious_v, "V")
    console.print(
        f"{EDITION}, D.2: {test} at {signal.test_hz:g} Hz with {spurious} at {signal.spurious_hz:g} Hz at C; limit "
        f"{_in_unit(annex_d.READING_LIMIT_V, 'V')} at B; capacitances of Table D.2 times {selection.filter_scale:g}",
        soft_wrap=True,
    )
    if selection.selected is None:
        console.print("No value is below the limit.", soft_wrap=True)
    else:
        console.print(f"Selected: {_named(selection.selected)}", soft_wrap=True)
    for line in (*ASSUMPTIONS, BYPASS_NOTE):
        console.print(line, soft_wrap=True)


def _named(row: CxCandidate) -> str:
    return "bypassed" if row.cx_f is None else _in_unit(row.cx_f, "F")


def _in_unit(value: float, unit: str) -> str:
    if 0 < value < 1e-9:
        return f"{value * 1e12:.3g} p{unit}"
    factor, name = prefix_for(value, unit)
    return f"{value / factor:.3g} {name}"
