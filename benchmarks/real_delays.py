"""Exposure time over wall time on the real clock, with instruments as slow as real ones; and where the rest goes.

Four sequences of 15 s on the bench of Annex D, 20 ms per command (each of a chain), 50 ms for arming, links of 100
MB/s: the run takes some two minutes, baseline and check included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, Outcome
from benchmarks.lab import Kind, lab, run
from benchmarks.parts import PartClock, in_words

_GENERATOR = 'delays: {command: "20 ms", transfer: "100 MB/s"}'
_OSCILLOSCOPE = 'delays: {command: "20 ms", arming: "50 ms", transfer: "100 MB/s"}'
WORLD = "worlds/annex_d_pacemaker.yaml"
_FEW = Kind("gradient_injected_tier_1.yaml", "20 kHz", t_off='["20 ms"]', t_dwell='["0.5 ms"]')


def measure() -> tuple[Outcome, list[str]]:
    """The figure, a round for each sequence, and lines that say where the time beside the exposure goes."""
    with lab(_FEW) as campaign:
        slow_down(campaign.parents[1] / WORLD)
        clock = PartClock()
        with clock.around_the_run():
            run(campaign, campaign.parent / "session", clock, clock="real", started=clock.meet)
    rounds = tuple((taken.total_s, taken.exposure_s) for taken in clock.taken)
    return Outcome(FIGURE, rounds), list(in_words(clock.taken, real=True))


def slow_down(world: Path) -> None:
    """Give every instrument of a world file its delays."""
    text = world.read_text(encoding="utf-8")
    slow = text.replace("transport: socket}", f"transport: socket, {_GENERATOR}}}")
    slow = slow.replace("transport: hislip\n", f"transport: hislip\n    {_OSCILLOSCOPE}\n")
    if slow.count("delays: ") != text.count("transport: "):
        raise RuntimeError(f"not every instrument of {world} was slowed down")
    world.write_text(slow, encoding="utf-8")


def _never() -> Any:
    raise RuntimeError("the rounds of this figure are the sequences of one run")


FIGURE = Figure("exposure of a step, slow instruments", "exposure time", _never, 0.995)
