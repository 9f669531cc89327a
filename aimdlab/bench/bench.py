"""A connected bench: instruments with their links, who plays which role, what is watched where."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from aimdlab.bench.ceilings import StepCeilings
from aimdlab.bench.clock import Clock
from aimdlab.bench.connecting import Connected, connect_one
from aimdlab.bench.driver import BeginsAttempts
from aimdlab.bench.events import EventSink, NoEvents
from aimdlab.bench.guarded_source import SourceGuard, guarded
from aimdlab.bench.operator import Operator
from aimdlab.bench.register import resolve_equipment
from aimdlab.bench.roles import DriveAmplifier, Oscilloscope, Role, SignalGenerator, Waveform
from aimdlab.bench.safe_state import SafeAction, carry_out, driver_action, limit_for, not_safe
from aimdlab.capture import Capture
from aimdlab.config.bench import BenchFile, MonitorEntry
from aimdlab.config.campaign import Loaded
from aimdlab.errors import InstrumentError, LinkError

__all__ = ["Bench", "Connected", "connect"]

Player = TypeVar("Player")

# Sources whose guard comes with their first user.
_UNGUARDED = (Role.RF_GENERATOR,)
# How long all links together may take to close.
_CLOSE_LIMIT_S = 5.0


class Bench:
    """Instruments ready to be used; made by :func:`connect`, closed by :meth:`close` (which switches nothing)."""

    def __init__(
        self,
        file: BenchFile,
        instruments: Mapping[str, Connected],
        clock: Clock,
        operator: Operator,
    ) -> None:
        self.file = file
        self.instruments = dict(instruments)
        self.clock = clock
        self.operator = operator
        self.events: EventSink = NoEvents()
        self._take: Callable[[Capture], None] = _nobody
        self._sign: Callable[[], None] = lambda: None
        self._guard = self._source_guard()

    def show_captures_to(self, take: Callable[[Capture], None]) -> None:
        """Show every capture to ``take`` as soon as it is fetched, so that work on it can begin beside the bench."""
        self._take = take

    def report_to(self, events: EventSink) -> None:
        """Report to ``events`` from now on, beginning with who answered."""
        self.events = events
        for name, connected in self.instruments.items():
            events.record("instrument.connected", _describe(connected), source=name)

    def show_life_to(self, sign: Callable[[], None]) -> None:
        """Call ``sign`` now and then while the bench is made safe, which may take longer than a run may be silent."""
        self._sign = sign

    def begin_step(self, step: str, ceilings: StepCeilings) -> None:
        """From now on nothing is sent above ``ceilings``; what was loaded before ``step`` does not count.

        A source that the step before left on is made safe first. Nor does what was set before count for drivers that
        remember it.
        """
        for connected in self.instruments.values():
            if isinstance(connected.driver, BeginsAttempts):
                connected.driver.begin_attempt()
        if self._guard is None:
            return
        if self._guard.may_be_on:
            self.make_safe()
        self._guard.begin(step, ceilings)

    def play(self, role: Role, protocol: type[Player]) -> tuple[Player, int]:
        """The instrument that plays ``role``, as ``protocol``, and its channel; a source behind its guard."""
        entry = self.file.roles[role.value]
        player: object = self.instruments[entry.instrument].driver
        if role is Role.SIGNAL_GENERATOR and self._guard is not None and isinstance(player, SignalGenerator):
            player = guarded(player, self._guard)
        elif role in _UNGUARDED:
            raise TypeError(f"{role} has no guard yet, and no source is handed out without one")
        if not isinstance(player, protocol):
            raise TypeError(f"driver of {entry.instrument!r} does not implement {protocol.__name__}, or not its guard")
        return player, entry.channel

    @contextmanager
    def meanwhile(self, instrument: str, work: Callable[[], None]) -> Iterator[None]:
        """Have ``work`` done with one instrument, in the thread of its link, while the context goes on with others.

        It is over when the context ends, also with an instrument's fault, which is then the one that is raised. If the
        work failed in its link as well, that connection is given up: nobody else is told of it.
        """
        link = self.instruments[instrument].link
        if link is None:
            work()
            yield
            return
        future = link.submit(work)
        try:
            yield
        except InstrumentError:
            try:
                self.clock.wait(future)
            except LinkError as other:
                link.give_up(str(other))
            except InstrumentError:
                pass
            raise
        self.clock.wait(future)

    def monitor(self, name: str) -> tuple[Oscilloscope, MonitorEntry]:
        """The oscilloscope that watches the point ``name``, and the entry of the bench file."""
        entry = self.file.monitors[name]
        return cast(Oscilloscope, self.instruments[entry.instrument].driver), entry

    def capture(self, name: str, kind: str, waveform: Waveform) -> Capture:
        """What an oscilloscope input recorded, scaled to the point ``name`` that it watches."""
        factor = self.file.monitors[name].factor
        capture = Capture(
            channel=name,
            kind=kind,
            codes=waveform.codes,
            scale=waveform.scale_v * factor,
            offset=waveform.offset_v * factor,
            unit="V",
            dt_s=waveform.dt_s,
            t0_s=waveform.t0_s,
            code_min=waveform.code_min,
            code_max=waveform.code_max,
            hole_code=waveform.hole_code,
            u_gain=waveform.u_gain,
            u_offset=waveform.u_offset_v * factor,
            u_time=waveform.u_time,
        )
        self._take(capture)
        return capture

    def initialise(self) -> None:
        """Bring every instrument to its driver's known state, every output off."""
        for connected in self.instruments.values():
            connected.driver.initialise()

    def make_safe(self) -> None:
        """Every source off, in the order of :mod:`aimdlab.bench.safe_state`; may be called at any time, repeatedly.

        Raises SafeStateError, after recording it, if one or more could not be switched off. Whatever else it raises,
        everything is off.
        """
        done: list[str] = []
        try:
            if self._guard is not None:
                self._guard.forget()
            actions = [_safe_action(connected) for connected in self.instruments.values()]
            done, problems = carry_out(actions, sign=self._sign)
        except Exception as error:  # noqa: BLE001 - no memory, for one: nobody may think that everything is off
            problems = dict.fromkeys(self.instruments, f"{type(error).__name__}: {error}")
        if not problems:
            if self._guard is not None:
                self._guard.may_be_on = False
            self.events.record("safety.made_safe", f"made safe: {', '.join(done)}", source="bench", durable=True)
            return
        failure = not_safe(problems)
        try:
            self.events.record(
                "safety.failed", str(failure), source="bench", durable=True, made_safe=done, problems=problems
            )
        except Exception as error:
            # What is still on comes first, whatever became of the record.
            failure.add_note(str(error))
            raise failure from error
        raise failure

    def equipment_list(self) -> list[dict[str, Any]]:
        """Who answered, for the record."""
        return [
            {
                "name": name,
                "driver": connected.equipment.entry.driver,
                "resource": connected.link.resource if connected.link else "",
                "manufacturer": connected.identity.manufacturer,
                "model": connected.identity.model,
                "serial": connected.identity.serial,
                "firmware": connected.identity.firmware,
                "options": connected.equipment.options.model_dump(mode="json"),
                "calibration": calibration.model_dump(mode="json") if calibration is not None else None,
            }
            for name, connected in self.instruments.items()
            for calibration in (connected.equipment.entry.calibration,)
        ]

    def close(self) -> None:
        """Close every link."""
        _close(self.instruments)

    def _source_guard(self) -> SourceGuard | None:
        generator = self.file.roles.get(Role.SIGNAL_GENERATOR.value)
        if generator is None:
            return None
        amplifier = self.file.roles.get(Role.DRIVE_AMPLIFIER.value)

        def gain() -> float:
            if amplifier is None:
                return 1.0
            return cast(DriveAmplifier, self.instruments[amplifier.instrument].driver).rating().gain

        return SourceGuard(generator.instrument, generator.channel, gain)


def _nobody(_capture: Capture) -> None:
    """Nobody wants to see captures early."""


def connect(
    bench: Loaded[BenchFile],
    clock: Clock,
    operator: Operator,
    resources: Mapping[str, str],
) -> Bench:
    """Connect to every instrument and check who answers; nothing is switched or set.

    Args:
        bench: the bench file.
        clock: the bench clock.
        operator: who can be asked.
        resources: VISA resources of a simulated bench, by instrument name; empty for a real one.

    Raises:
        ConfigurationError: the bench file is wrong.
        LinkError: an instrument is not there.
        IdentityError: another instrument answers.
    """
    instruments: dict[str, Connected] = {}
    try:
        for name, equipment in resolve_equipment(bench).items():
            instruments[name] = connect_one(bench, equipment, clock, resources)
    except BaseException:
        _close(instruments)
        raise
    return Bench(bench.file, instruments, clock, operator)


def _safe_action(connected: Connected) -> SafeAction:
    return driver_action(
        connected.equipment.name,
        connected.driver,
        connected.link,
        connected.identity,
        limit_for(connected.equipment.entry.timeout),
    )


def _describe(connected: Connected) -> str:
    who = connected.identity
    return f"{who.manufacturer} {who.model}, serial {who.serial or 'unknown'}, firmware {who.firmware or 'unknown'}"


def _close(instruments: Mapping[str, Connected]) -> None:
    """Close every link; one that hangs is left to the end of the process: a person may have stopped the run at once."""
    links = [connected.link for connected in instruments.values() if connected.link is not None]
    closers = [threading.Thread(target=link.close, name=f"close {link.name}", daemon=True) for link in links]
    deadline_s = time.monotonic() + _CLOSE_LIMIT_S
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(max(0.0, deadline_s - time.monotonic()))
