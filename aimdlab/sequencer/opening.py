"""Opening a bench: the simulated one is started or attached, the instruments are taken and connected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aimdlab._platform import Holder
from aimdlab.bench.bench import Bench, connect
from aimdlab.bench.clock import Clock, RealClock, VirtualClock
from aimdlab.bench.guardian.keeper import Keeper
from aimdlab.bench.lock import BenchLock
from aimdlab.bench.operator import Operator, SimulatedOperator
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.bench import BenchFile
from aimdlab.config.campaign import Campaign, Loaded, resolve
from aimdlab.errors import ConfigurationError
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.guarding import kept, must_wait, orders_for

ClockKind = Literal["real", "virtual"]


@dataclass(frozen=True)
class BenchChoice:
    """How the bench is reached.

    Attributes:
        clock: "real" or "virtual"; None is virtual on a simulated bench and real otherwise.
        attach: control address of a simulated bench that runs already; "" starts one.
        scenario: whose faults strike the simulated bench that is started; None for none.
    """

    clock: ClockKind | None = None
    attach: str = ""
    scenario: Path | None = None


@dataclass(frozen=True)
class Opened:
    """A bench that is ready.

    Attributes:
        bench: connected.
        simulated: its simulation, if it is simulated.
        keeper: of the guardian that watches over it; None if nothing will be switched on.
        holder: who has taken it.
        replacement: the command that goes on if this process hangs or dies; empty: none.
    """

    bench: Bench
    simulated: SimulatedBench | None
    keeper: Keeper | None
    holder: Holder
    replacement: tuple[str, ...]


@contextmanager
def open_bench(
    campaign: Campaign,
    choice: BenchChoice,
    attention: Attention,
    operator: Operator,
    holder: Holder,
    replacement: tuple[str, ...] | None,
) -> Iterator[Opened]:
    """Connect to the bench of a campaign, starting or attaching the simulated one; everything is closed at the end.

    Args:
        campaign: what is to be run.
        choice: clock and simulated bench.
        attention: what persons want.
        operator: who can be asked.
        holder: who takes the bench, for others who want it.
        replacement: the command with which the guardian goes on if this process hangs or dies; empty: none; None:
            nothing will be switched on, and no guardian is needed.

    Raises:
        InUseError: another run has one of the instruments.
        GuardianError: the guardian cannot reach an instrument.
        ConfigurationError, BenchError: see :func:`aimdlab.bench.bench.connect`.
    """
    file = campaign.bench.file
    with ExitStack() as stack:
        keeper = Keeper() if replacement is not None else None
        if keeper is not None:
            keeper.start()
            stack.callback(keeper.dismiss)
        simulated = _simulated(campaign.bench, choice)
        if simulated is not None:
            stack.callback(simulated.close)
        found = simulated.resources if simulated is not None else {}
        entries = file.instruments
        resources = {name: where for name in entries if (where := entries[name].resource or found.get(name))}
        if keeper is not None:
            # What was simulated for this run alone ends with it.
            stack.enter_context(kept(keeper, attention, outlives=simulated is None or bool(choice.attach)))
        stack.enter_context(BenchLock(resources, holder))
        clock = _clock(choice, simulated, attention)
        hands = SimulatedOperator(simulated, operator) if simulated is not None else operator
        if keeper is not None:
            keeper.brief(orders_for(file, resources, replacement or ()))
            if must_wait(file):
                keeper.require_ready(attention.check)
        bench = connect(campaign.bench, clock, hands, found)
        stack.callback(bench.close)
        if keeper is not None:
            keeper.require_ready(attention.check)
        yield Opened(bench, simulated, keeper, holder, replacement or ())


def _simulated(bench: Loaded[BenchFile], choice: BenchChoice) -> SimulatedBench | None:
    if bench.file.simulated is None:
        if choice.attach or choice.clock == "virtual":
            raise ConfigurationError(
                f"{bench.source.path}: this is a real bench; it runs on the real clock and nothing is attached."
            )
        if choice.scenario is not None:
            raise ConfigurationError(
                f"{bench.source.path}: this is a real bench, which no scenario can strike. Train on a simulated one."
            )
        return None
    if choice.attach and choice.scenario is not None:
        raise ConfigurationError(
            "the simulated bench that is attached has its own scenario or none. Give --scenario to `aimdlab simulate`."
        )
    if choice.attach:
        return SimulatedBench(choice.attach)
    world = resolve(bench.source, ("simulated", "world"), bench.file.simulated.world)
    return SimulatedBench.start(world, hold_time=choice.clock != "real", scenario=choice.scenario)


def _clock(choice: BenchChoice, simulated: SimulatedBench | None, attention: Attention) -> Clock:
    if simulated is None or choice.clock == "real":
        return RealClock(attention.check, watch=attention.watch)
    return VirtualClock(simulated.advance, simulated.claim_time(), attention.check, attention.watch)
