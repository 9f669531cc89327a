"""How a simulated InfiniiVision oscilloscope acquires: arm, fill the pre-trigger part, trigger, fill the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from aimdlab_simulators.keysight.scope_record import Record, Trace
from aimdlab_simulators.keysight.scope_settings import ScopeSettings, Variant
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world.edges import first_edge
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.scope_input import Acquisitions, ScopeInput
from aimdlab_simulators.world.signal import Signal, Silence
from aimdlab_simulators.world.trigger_wire import TriggerOutput

AUTO_S = 0.1
_SEARCH_DT_S = 50e-9
# An edge of a logic level may be decided at the very time up to which somebody has looked already: it counts.
_LOOK_BACK_S = 1e-9
_SLOPES = {"POS": 1, "NEG": -1, "EITH": 0, "ALT": 0}


@dataclass
class _Plan:
    """An acquisition in progress; times are world time.

    Attributes:
        ready_s: when the pre-trigger part is full, so that a trigger counts.
        before_s: from the left edge of the screen to the trigger.
        after_s: from the trigger to the right edge, 0 if that lies before the trigger.
        dt_s: sample interval.
        n: samples.
        counter: of the noise.
        searched_s: until where the trigger source has been looked at.
        forced_s: when a trigger was forced.
        trigger_s: when it came.
        was_ready: whether the event "armed" was raised.
    """

    ready_s: float
    before_s: float
    after_s: float
    dt_s: float
    n: int
    counter: tuple[int, int]
    searched_s: float
    forced_s: float | None = None
    trigger_s: float | None = None
    was_ready: bool = False


class Acquisition:
    """Evaluated when somebody looks, from the time base and the world's past; guarded by the world's lock.

    Attributes:
        state: "STOP", "SING" or "RUN".
        record: the last complete acquisition.
        armed: event, the pre-trigger part was full (:AER).
        triggered: event, a trigger came (:TER).
        started: event, went from stop to running.
        trigger_out: the Trig Out connector.
    """

    def __init__(
        self,
        variant: Variant,
        connectors: Mapping[int, ScopeInput],
        external: ScopeInput,
        *,
        timebase: Timebase,
        past: Past,
        acquisitions: Acquisitions,
        arming_s: float = 0.0,
    ) -> None:
        self._variant = variant
        self._connectors = connectors
        self._external = external
        self._timebase = timebase
        self._past = past
        self._acquisitions = acquisitions
        self._arming_s = arming_s
        self._settings = ScopeSettings.default(variant)
        self._plan: _Plan | None = None
        self.state = "STOP"
        self.record: Record | None = None
        self.armed = False
        self.triggered = False
        self.started = False
        self.trigger_out = TriggerOutput(self.settle)
        past.before_forgetting(self._keep)

    def use(self, settings: ScopeSettings) -> None:
        """Look at ``settings`` from now on."""
        self._settings = settings

    def start(self, state: str) -> None:
        """Arm now, for one acquisition ("SING") or again and again ("RUN")."""
        with self._past.lock:
            now_s = self._timebase.now_s()
            self.settle(now_s)
            self.started = self.started or self.state == "STOP"
            self.state = state
            self._arm(now_s + self._arming_s)

    def stop(self) -> None:
        """Stop now; the last complete acquisition stays."""
        with self._past.lock:
            self.settle(self._timebase.now_s())
            self.state, self._plan = "STOP", None

    def restart(self) -> None:
        """A setting changed: what is in progress begins again."""
        with self._past.lock:
            if self.state != "STOP":
                self._arm(self._timebase.now_s() + self._arming_s)

    def force(self) -> None:
        """Trigger now, or as soon as the pre-trigger part is full."""
        with self._past.lock:
            now_s = self._timebase.now_s()
            self.settle(now_s)
            if self._plan is not None and self._plan.trigger_s is None:
                self._plan.forced_s = max(now_s, self._plan.ready_s)

    @property
    def waiting(self) -> bool:
        """Whether it is armed, ready, and no trigger has come."""
        plan = self._plan
        return plan is not None and plan.trigger_s is None and self._timebase.now_s() >= plan.ready_s

    def expected_end_s(self) -> float | None:
        """World time at which the acquisition in progress ends, inf if nobody knows, None if there is none."""
        plan = self._plan
        if plan is None:
            return None
        if plan.trigger_s is not None:
            return plan.trigger_s + plan.after_s
        if plan.forced_s is not None:
            return plan.forced_s + plan.after_s
        return plan.ready_s + AUTO_S + plan.after_s if self._settings.trigger.sweep == "AUTO" else math.inf

    def settle(self, now_s: float) -> None:
        """Bring the state up to ``now_s``."""
        with self._past.lock:
            completed = 0
            while self._plan is not None:
                self._look_for_trigger(self._plan, now_s)
                trigger_s = self._plan.trigger_s
                if trigger_s is None or trigger_s + self._plan.after_s > now_s:
                    return
                end_s = trigger_s + self._plan.after_s
                self.record = self._record(self._plan, trigger_s)
                completed += 1
                if self.state == "SING":
                    self.state, self._plan = "STOP", None
                else:
                    # Running, only the latest acquisitions can ever be seen; the others are not worth evaluating.
                    latest_s = now_s - 2 * (max(0.0, self._plan.before_s) + self._plan.after_s + AUTO_S)
                    seen_s = max(end_s, latest_s) if completed < 2 else now_s
                    # A trigger that starts something counts whoever sees the acquisition.
                    self._arm(end_s if self.trigger_out.is_heard else seen_s)

    def _arm(self, at_s: float) -> None:
        settings = self._settings
        dt_s, n = settings.sampling(self._variant, running=self.state == "RUN")
        before_s = settings.timebase.before_s
        ready_s = at_s + max(0.0, before_s)
        self._plan = _Plan(
            ready_s=ready_s,
            before_s=before_s,
            after_s=max(0.0, settings.timebase.range_s - before_s),
            dt_s=dt_s,
            n=n,
            counter=self._acquisitions.next(),
            searched_s=ready_s,
        )

    def _look_for_trigger(self, plan: _Plan, now_s: float) -> None:
        if plan.trigger_s is not None or now_s < plan.ready_s:
            return
        self.armed = self.armed or not plan.was_ready
        plan.was_ready = True
        last_s = now_s
        if self._settings.trigger.sweep == "AUTO":
            last_s = min(last_s, plan.ready_s + AUTO_S)
        if plan.forced_s is not None:
            last_s = min(last_s, plan.forced_s)
        found_s = None
        for start_s, end_s in self.trigger_out.stretches(plan.searched_s, last_s):
            found_s = self._edge(start_s, end_s, plan.dt_s)
            if found_s is not None:
                break
        if found_s is None and last_s < now_s:
            found_s = last_s
        elif found_s is None and plan.forced_s is not None and plan.forced_s <= now_s:
            found_s = plan.forced_s
        plan.searched_s = max(plan.searched_s, last_s)
        if found_s is not None:
            plan.trigger_s = found_s
            self.triggered = True
            if self._settings.trigger.output == "TRIG":
                self.trigger_out.fire(found_s)

    def _edge(self, start_s: float, end_s: float, dt_s: float) -> float | None:
        trigger = self._settings.trigger
        signal: Signal = Silence()
        level_v, slope = trigger.level_v, _SLOPES[trigger.slope]
        if trigger.source.startswith("CHAN"):
            number = int(trigger.source[4:])
            connector, inputs = self._connectors[number], self._settings.inputs[number]
            errors, sign = connector.errors, -1.0 if inputs.invert else 1.0
            signal = connector.signal
            # From what is shown to the tip of the probe: the trigger looks at the ideal voltage there, without noise.
            level_v = (sign * level_v / inputs.probe - errors.offset_error_v) * errors.attenuation
            level_v /= 1.0 + errors.gain_error
            slope = int(sign) * slope
        elif trigger.source == "EXT":
            signal = self._external.signal
            level_v /= self._settings.external.probe
            start_s -= _LOOK_BACK_S
        return first_edge(signal, level_v, slope, start_s=start_s, end_s=end_s, dt_s=min(dt_s, _SEARCH_DT_S))

    def _record(self, plan: _Plan, trigger_s: float) -> Record:
        return Record(
            start_s=trigger_s - plan.before_s,
            origin_s=-plan.before_s,
            dt_s=plan.dt_s,
            n=plan.n,
            kind=self._settings.acquire.type,
            bits=self._variant.bits,
            traces={
                number: Trace(self._connectors[number], inputs)
                for number, inputs in self._settings.inputs.items()
                if inputs.display
            },
            counter=plan.counter,
            lock=self._past.lock,
        )

    def _keep(self, horizon_s: float, now_s: float) -> None:
        """The world is about to forget: look for the trigger as long as it can be seen, store what was acquired."""
        self.settle(now_s)
        if self.record is not None and self.record.start_s < horizon_s:
            self.record.store()
