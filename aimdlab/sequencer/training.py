"""A run under a scenario, whose faults strike a simulated bench: training, never a test, and the record says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from aimdlab.bench.events import EventSink
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.errors import AimdlabError, ConfigurationError
from aimdlab.sequencer.plan import Plan
from aimdlab.session.header import SessionHeader
from aimdlab.session.remarks import STRUCK

SCENARIO = "scenario"
"""Key of a test's record: the scenario's text."""


def training_facts(simulated: SimulatedBench | None) -> dict[str, str]:
    """What the record of every test says of a scenario; nothing where there is none."""
    return {SCENARIO: simulated.scenario} if simulated is not None and simulated.scenario else {}


def refuse_training_in_a_test(header: SessionHeader, simulated: SimulatedBench | None) -> None:
    """Raise ConfigurationError if a session that began as a test would be gone on with under a scenario."""
    if training_facts(simulated) and not all(SCENARIO in test for test in header.tests):
        raise ConfigurationError(
            "the session began without a scenario, and a test must not be gone on with under one. Resume it without "
            "one, or begin a new session for training."
        )


def marker(simulated: SimulatedBench | None, plan: Plan) -> Callable[[int, int], None]:
    """What is told index of the step and number of the attempt before each: the key of a world's noise and faults."""
    if simulated is None:
        return lambda _step, _attempt: None
    names = {step.index: step.id for step in plan.steps}
    return lambda step, attempt: simulated.mark(step, attempt, names[step])


@contextlib.contextmanager
def faults_recorded(simulated: SimulatedBench | None, events: EventSink) -> Iterator[None]:
    """Write every fault that struck since the bench was connected, also by hand, into the event log at the end.

    Of a bench that is gone, nothing is written; why the run ended comes first.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(AimdlabError):
            _record(simulated, events)
        raise
    _record(simulated, events)


def _record(simulated: SimulatedBench | None, events: EventSink) -> None:
    for told in simulated.faults() if simulated is not None else ():
        where = f"step {told['name'] or told['step']}, attempt {told['attempt']}"
        events.record(STRUCK, f"{told['fault']} struck {told['where']}: {where}", source="simulation", **told)
