"""What a run does about faults of instruments, as the campaign's fault policy says.

A fault makes the bench safe at once and the attempt INVALID. Before the next attempt, whichever step it is at, what was
at fault is brought back (:mod:`aimdlab.bench.recovery`). Whether the same step is tried again, or the run goes on, or
stops cleanly (FaultStopError: bench safe, session to be gone on with), is decided here, and recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from aimdlab.bench.bench import Bench
from aimdlab.bench.recovery import Recovery, kind_of
from aimdlab.config.faults import FaultKind, Faults
from aimdlab.errors import (
    AimdlabError,
    FaultStopError,
    GuardianError,
    IdentityError,
    InstrumentError,
    SafeStateError,
    StoppedByPersonError,
)
from aimdlab.procedures.protocol import Step

_GO_ON_LATER = "Everything that was measured is kept; when that is put right, resume the session."


class FaultPolicy:
    """The policy of one campaign at work in one run.

    Args:
        policy: of the campaign file.
        bench: connected.
        attention: raises what a person wants; called while an instrument is waited for.
        tell: says at once to whoever is at the bench what is wrong.
    """

    def __init__(
        self,
        policy: Faults,
        bench: Bench,
        attention: Callable[[], None],
        tell: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._policy = policy
        self._bench = bench
        self._tell = tell
        self._recovery = Recovery(bench, policy.reconnect_for, attention)
        self._pending: dict[str, FaultKind] = {}
        self._tried: Counter[FaultKind] = Counter()
        self._resets = 0
        self._spoiled_in_a_row = 0

    # --- for an attempt --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """InstrumentRestartedError if an instrument lost its settings since it was initialised."""
        self._recovery.check_restarts()

    def strike(self, fault: InstrumentError, step: Step, number: int) -> AimdlabError | None:
        """A fault struck: make the bench safe, as soon as the instruments let that be done.

        Returns why it is not, or what ended the waiting for it: what was measured is to be committed before that is
        raised.
        """
        self._recovery.distrust(fault)
        unsafe: SafeStateError | None = None
        try:
            self._bench.make_safe()
        except SafeStateError as error:
            unsafe = error
        kind = kind_of(fault)
        self._pending[fault.instrument] = kind
        self._bench.events.record(
            "instrument.fault",
            str(fault),
            source=fault.instrument,
            durable=True,
            fault=kind.value,
            step=step.id,
            attempt=number,
        )
        self._tell(f"step {step.id}: {fault}")
        if unsafe is None:
            return None
        self._tell(f"{unsafe} It is tried on for {self._policy.reconnect_for:g} s.")
        try:
            unsafe = self._recovery.until_safe()
        except (StoppedByPersonError, GuardianError) as stop:
            return stop
        if unsafe is None:
            self._tell("The bench is safe now.")
        return unsafe

    # --- for a run -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The bench was initialised just now."""
        self._recovery.begin()

    def begin_step(self) -> None:
        """The attempts of another step follow."""
        self._tried.clear()

    def before_attempt(self) -> None:
        """Bring back what was at fault, and whoever lost its connection or its settings; FaultStopError if not."""
        for name in self._recovery.cut_off():
            self._pending.setdefault(name, FaultKind.LINK)
        for name in self._recovery.restarted():
            self._pending.setdefault(name, FaultKind.RESTARTED)
        for name, kind in list(self._pending.items()):
            if kind is FaultKind.TRIP:
                self._take_reset(name)
            self._tell(f"{name} is brought back to its known state")
            try:
                if name in self._bench.instruments:
                    self._recovery.bring_back(name, anew=kind is FaultKind.LINK)
                if kind is FaultKind.TRIP:
                    self._recovery.reset_amplifier(name)
            except InstrumentError as error:
                if isinstance(error, IdentityError):
                    raise self._stop(str(error), FaultKind.IDENTITY) from error
                waited = f"within {self._policy.reconnect_for:g} s (faults, reconnect_for)"
                raise self._stop(f"{name} could not be brought back {waited}: {error}", kind) from error
            del self._pending[name]

    def start_afresh(self) -> None:
        """Before the next attempt every instrument is brought to its known state: nothing proved that they work."""
        for name in self._bench.instruments:
            self._pending.setdefault(name, FaultKind.REFUSAL)

    def tries_again(self, fault: InstrumentError, step: Step, number: int) -> bool:
        """Whether ``step`` is tried again after an attempt that ended with ``fault``; FaultStopError: the run stops."""
        kind = kind_of(fault)
        self._tried[kind] += 1
        rule, count = self._policy.rule(kind), self._tried[kind]
        if count <= rule.retries:
            self._decided(kind, step, number, "retry", f"step {step.id} is tried again ({count} of {rule.retries})")
            return True
        if rule.then == "stop":
            raise self._stop(f"step {step.id} ended with a fault ({kind}): {fault}", kind)
        self._decided(kind, step, number, "go_on", f"step {step.id} stays INVALID; the run goes on")
        return False

    def step_ended(self, step: Step, fault: InstrumentError | None) -> None:
        """A sequence was left: INVALID by ``fault``, or None if it came to anything else.

        FaultStopError if there were too many of the first kind in a row.
        """
        if fault is None:
            self._spoiled_in_a_row = 0
            return
        self._spoiled_in_a_row += 1
        if self._spoiled_in_a_row >= self._policy.give_up_after:
            raise self._stop(
                f"{self._spoiled_in_a_row} steps in a row ended INVALID by a fault, the last one {step.id}: {fault}",
                kind_of(fault),
            )

    def cannot_do_without(self, step: Step, fault: InstrumentError) -> FaultStopError:
        """What to raise if a step that all others rest on (settings, baseline, check) was spoiled by a fault."""
        return self._stop(f"step {step.id} ({step.title}) could not be done: {fault}", kind_of(fault))

    def _take_reset(self, name: str) -> None:
        allowed = self._policy.amplifier_resets
        if self._resets >= allowed:
            often = "no reset" if allowed == 0 else f"{allowed} resets" if allowed > 1 else "one reset"
            raise self._stop(
                f"{name} tripped, and the campaign allows {often} in a run (faults, amplifier_resets). Look for the "
                "cause: overload, heat, a cable; then reset it",
                FaultKind.TRIP,
            )
        self._resets += 1
        self._record("reset", FaultKind.TRIP, f"{name} is reset, {self._resets} of {allowed} in this run")

    def _decided(self, kind: FaultKind, step: Step, number: int, decision: str, message: str) -> None:
        self._record(decision, kind, message, step=step.id, attempt=number)

    def _stop(self, why: str, kind: FaultKind) -> FaultStopError:
        self._record("stop", kind, why)
        return FaultStopError(f"{why.rstrip('.')}. {_GO_ON_LATER}")

    def _record(self, decision: str, kind: FaultKind, message: str, **data: str | int) -> None:
        self._bench.events.record(
            "fault.policy", message, source="sequencer", durable=True, decision=decision, fault=kind.value, **data
        )
