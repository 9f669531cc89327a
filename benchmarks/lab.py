"""Small campaigns for benchmarks: a lab folder of its own, and the product's whole run in this process."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from aimdlab.bench.bench import Bench
from aimdlab.bench.operator import TerminalOperator
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.campaign import Attendance, Outcome, run_campaign
from aimdlab.sequencer.opening import BenchChoice, ClockKind
from aimdlab.sequencer.plan import Plan
from aimdlab.sequencer.progress import Progress
from aimdlab.sequencer.tries import Tries

_ROOT = Path(__file__).parents[1]
_TEST = "sequences/gradient/injected_ten_steps.yaml"
_TEST_LINE = re.compile(r"^  - test: .*$", re.MULTILINE)
Started = Callable[[Bench, SimulatedBench], None]


@dataclass(frozen=True)
class Kind:
    """A campaign for a benchmark, on a simulated bench.

    Attributes:
        campaign: the shipped campaign whose bench and device are used.
        exposure_rate: samples per second of the exposure.
        b_g, tbpw, cycles, t_off, t_dwell: ranges of the test file, as they stand there.
    """

    campaign: str
    exposure_rate: str
    b_g: str = '["5 mT"]'
    tbpw: str = '["0.2 ms", "1 ms"]'
    cycles: str = "[1, 5]"
    t_off: str = '["2 ms", "200 ms"]'
    t_dwell: str = '["0.5 ms", "5 ms"]'


FULL = Kind("gradient_injected_tier_1.yaml", "20 kHz")
"""Annex D, a device that paces; sixteen sequences of Table 2."""

LIGHT = Kind("gradient_injected_ten_steps.yaml", "20 kHz")
"""The same through a plain divider, which costs little to simulate."""


@contextmanager
def lab(kind: Kind) -> Iterator[Path]:
    """The campaign file in a folder of its own on the disk at hand; keys and locks are there too."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as name:
        folder = Path(name)
        for part in ("configs", "sequences"):
            shutil.copytree(_ROOT / part, folder / part)
        _replace(
            folder / _TEST,
            ('b_g: ["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', f"b_g: {kind.b_g}"),
            ('tbpw: ["0.2 ms"]', f"tbpw: {kind.tbpw}"),
            ("cycles: [2]", f"cycles: {kind.cycles}"),
            ('t_off: ["20 ms"]', f"t_off: {kind.t_off}"),
            ('t_dwell: ["0.5 ms", "5 ms"]', f"t_dwell: {kind.t_dwell}"),
            ('exposure_rate: "20 kHz"', f'exposure_rate: "{kind.exposure_rate}"'),
        )
        campaign = folder / "configs/campaigns" / kind.campaign
        text, count = _TEST_LINE.subn(f"  - test: ../../{_TEST}", campaign.read_text(encoding="utf-8"))
        if count != 1:
            raise RuntimeError(f"{campaign} has {count} tests")
        campaign.write_text(text, encoding="utf-8")
        with mock.patch.dict(os.environ, {f"AIMDLAB_{what}": str(folder) for what in ("KEYS", "LOCKS", "BENCHES")}):
            yield campaign


def run(
    campaign: Path,
    session: Path,
    progress: Progress,
    *,
    clock: ClockKind = "virtual",
    started: Started = lambda bench, simulated: None,
) -> Outcome:
    """``aimdlab run`` as it is, but for the terminal; ``progress`` and ``started`` see it from inside."""
    attention = Attention()

    def announce(plan: Plan, bench: Bench, simulated: SimulatedBench | None, tries: Tries | None) -> None:
        if simulated is None:
            raise RuntimeError(f"{plan.campaign.bench.source.path} is not simulated")
        started(bench, simulated)

    attendance = Attendance(
        attention,
        TerminalOperator(None, sys.stderr, attention),
        "benchmark",
        lambda plan: progress,
        announce,
        lambda key: None,
        unattended=True,
    )
    return run_campaign(campaign, session, BenchChoice(clock), attendance)


def _replace(path: Path, *changes: Sequence[str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        if text.count(old) != 1:
            raise RuntimeError(f"{old!r} stands {text.count(old)} times in {path}")
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
