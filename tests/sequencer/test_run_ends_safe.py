"""However a run ends, the bench is made safe before anything is written."""

from types import SimpleNamespace
from typing import Any

import pytest

from aimdlab.bench.clock import RealClock
from aimdlab.config.faults import Faults
from aimdlab.errors import RecordError, SafeStateError
from aimdlab.sequencer.attention import Attention
from aimdlab.sequencer.progress import Silent
from aimdlab.sequencer.run import Run


class Bench:
    """A bench without instruments whose log is full, and that fails as it is told to."""

    def __init__(self, initialise: Exception | None = None, unsafe: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.clock, self.events = RealClock(), self
        self.instruments: dict[str, Any] = {}
        self._initialise, self._unsafe = initialise, unsafe
        self.full = False

    def initialise(self) -> None:
        self.calls.append("initialise")
        if self._initialise:
            raise self._initialise

    def make_safe(self) -> None:
        self.calls.append("make_safe")
        if self._unsafe:
            raise self._unsafe

    def record(self, kind: str, message: str, **data: Any) -> None:
        self.calls.append(kind)
        if self.full and kind == "run.interrupted":
            raise RecordError("disk full")


class Plan:
    campaign = SimpleNamespace(campaign=SimpleNamespace(file=SimpleNamespace(faults=Faults())))
    steps = ()
    tests = ()


def run(bench: Bench) -> Any:
    return Run(Plan(), bench, None, Attention(), Silent(), lambda *_: None).execute()  # type: ignore[arg-type]


def test_a_run_that_finished_ends_safe() -> None:
    bench = Bench()
    run(bench)
    assert bench.calls == ["run.started", "initialise", "make_safe", "run.ended"]


@pytest.mark.parametrize("error", [RecordError("disk full"), ValueError("a bug"), KeyboardInterrupt()])
def test_outputs_go_off_before_the_cause_is_written_even_if_it_cannot_be(error: Exception) -> None:
    bench = Bench(initialise=error)
    with pytest.raises(type(error)):
        run(bench)
    assert bench.calls == ["run.started", "initialise", "make_safe", "run.interrupted"]
    bench = Bench(initialise=error)
    bench.full = True
    with pytest.raises(RecordError):
        run(bench)
    assert "make_safe" in bench.calls


def test_not_safe_is_the_last_word_and_names_what_came_first() -> None:
    bench = Bench(initialise=ValueError("the oscilloscope is on fire"), unsafe=SafeStateError("NOT SAFE, switch off"))
    with pytest.raises(SafeStateError, match="NOT SAFE") as caught:
        run(bench)
    assert "This came first: the oscilloscope is on fire" in str(caught.value)
