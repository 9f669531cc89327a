"""What a fault does to an attempt: it can make it INVALID, it can never erase a FAIL, and it always ends with a safe bench."""

import gc
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from aimdlab.bench.ceilings import StepCeilings
from aimdlab.bench.clock import RealClock
from aimdlab.capture import Capture, Reading
from aimdlab.config.faults import Faults
from aimdlab.errors import InstrumentError, LinkError, StoppedByPersonError
from aimdlab.procedures.protocol import Exposure, Step, Verification
from aimdlab.scoring.results import EXPOSURE_PROVEN, Criterion, Feature, Score, Verdict
from aimdlab.sequencer.attempt import Ended, run_attempt
from aimdlab.sequencer.faults import FaultPolicy
from aimdlab.sequencer.progress import Silent

STEP = Step("1/0001", 1, 0, "sequence", "a step", {}, 15.0, 0, (), {})


class Recorder:
    """Stands for a bench and for a procedure: writes down what it is asked, in order."""

    def __init__(self, fail_in: str = "", error: Exception | None = None, verdict: Verdict = Verdict.PASS) -> None:
        self.calls: list[str] = []
        self.fail_in, self.error, self.verdict = fail_in, error, verdict
        self.clock = RealClock()
        self.events = self
        self.instruments: dict[str, Any] = {}
        self.captures: tuple[Capture, ...] = ()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fail_in and self.error is not None:
            raise self.error

    def begin_step(self, step: str, ceilings: StepCeilings) -> None:
        assert (step, ceilings) == ("step 1/0001 (a step)", STEP.ceilings)
        self.calls.append("begin_step")

    def make_safe(self) -> None:
        self.calls.append("make_safe")

    def record(self, kind: str, message: str, **data: Any) -> None:
        self.calls.append(kind)

    def prepare(self, step: Step) -> None:
        self._called("prepare")

    def verify(self) -> Verification:
        self._called("verify")
        return Verification((), True, "")

    def expose(self) -> Exposure:
        self._called("expose")
        return Exposure(self.captures, (), 15.0)

    def finish(self) -> None:
        self._called("finish")

    def features(
        self, captures: Sequence[Capture], parameters: Mapping[str, Any], scoring: Mapping[str, Any],
        criteria: Sequence[Criterion], readings: Sequence[Reading] = (),
    ) -> Score:  # fmt: skip
        self._called("features")
        return Score(self.verdict, "as scored", (), ())


def ended(recorder: Recorder) -> Ended:
    bench: Any = recorder
    # An instrument that is gone is called once more.
    faults = FaultPolicy(Faults.model_validate({"reconnect_for": "0 s"}), bench, lambda: None)
    return run_attempt(bench, bench, STEP, 1, [], Silent(), faults)


def attempt(recorder: Recorder) -> Any:
    return ended(recorder).attempt


def test_the_order_of_an_attempt() -> None:
    recorder = Recorder()
    done = attempt(recorder)
    assert recorder.calls == ["begin_step", "prepare", "verify", "expose", "finish", "features"]
    assert (done.score.verdict, done.exposure_s, done.notes) == (Verdict.PASS, 15.0, ())


@pytest.mark.parametrize("where", ["prepare", "verify", "expose", "finish"])
def test_a_fault_makes_the_bench_safe_before_anything_else_and_a_pass_invalid(where: str) -> None:
    recorder = Recorder(where, LinkError("no answer", instrument="generator", command="OUTP1 OFF"))
    done = attempt(recorder)
    assert recorder.calls[recorder.calls.index(where) + 1 :] == ["make_safe", "instrument.fault", "features"]
    assert done.score.verdict is Verdict.INVALID
    assert "instrument fault: generator, command 'OUTP1 OFF': no answer" in done.score.reason
    assert done.notes == ("generator, command 'OUTP1 OFF': no answer",)


def test_a_fault_while_switching_off_does_not_erase_a_fail() -> None:
    recorder = Recorder("finish", InstrumentError("stuck", instrument="generator"), Verdict.FAIL)
    done = attempt(recorder)
    assert done.score.verdict is Verdict.FAIL
    assert done.notes == ("generator: stuck",)
    assert "make_safe" in recorder.calls


def test_a_fault_during_the_exposure_still_tells_how_long_the_device_was_exposed() -> None:
    recorder = Recorder("expose", LinkError("gone", instrument="oscilloscope"))
    assert attempt(recorder).exposure_s >= 0.0


def test_a_defect_of_the_scoring_costs_neither_the_captures_nor_the_night() -> None:
    recorder = Recorder("features", ZeroDivisionError("float division by zero"))
    done = attempt(recorder)
    assert done.score.verdict is Verdict.INVALID
    assert "ZeroDivisionError: float division by zero" in done.score.reason
    assert done.score.stands, "the device was exposed: a retry must not cover it"
    assert done.exposure_s == 15.0
    assert "scoring.failed" in recorder.calls


@pytest.mark.parametrize(
    ("where", "error"),
    [("finish", LinkError("gone", instrument="generator")), ("features", ZeroDivisionError("a defect"))],
)
def test_what_became_of_an_attempt_does_not_hold_its_captures_in_memory(where: str, error: Exception) -> None:
    codes = np.zeros(100, np.uint16)
    recorder = Recorder(where, error)
    recorder.captures = (Capture("device_monitor", "exposure", codes, 1.0, 0.0, "V", 1e-6, 0.0, 1, 65535),)
    still_there = weakref.ref(codes)
    del codes
    gc.disable()  # nobody may have to wait until it comes by
    try:
        done = ended(recorder)
        fault = done.fault
        assert still_there() is done.attempt.captures[0].codes
        recorder.captures = ()
        del done
        assert still_there() is None
        assert (fault is None) == (where == "features")
    finally:
        gc.enable()


def test_a_persons_stop_goes_through() -> None:
    recorder = Recorder("expose", StoppedByPersonError("enough"))
    with pytest.raises(StoppedByPersonError):
        attempt(recorder)


@pytest.mark.parametrize(
    ("verdict", "proven", "stands"),
    [
        (Verdict.PASS, 1.0, True),
        (Verdict.FAIL, 0.0, True),
        (Verdict.INCONCLUSIVE, 0.0, True),
        (Verdict.INVALID, 0.0, False),
        (Verdict.INVALID, None, False),
        (Verdict.INVALID, 1.0, True),
    ],
)
def test_what_stands_and_what_is_tried_again(verdict: Verdict, proven: float | None, stands: bool) -> None:
    features = () if proven is None else (Feature(EXPOSURE_PROVEN, proven, "1", 0.0),)
    assert Score(verdict, "", features, ()).stands is stands
