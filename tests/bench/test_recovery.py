"""Instruments come back after a fault: over real TCP, called again with growing pauses, and only the right ones."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from aimdlab.bench.bench import Bench, Connected
from aimdlab.bench.clock import Clock, RealClock, VirtualClock
from aimdlab.bench.link import VisaLink
from aimdlab.bench.recovery import Recovery, kind_of
from aimdlab.bench.roles import Role
from aimdlab.bench.safe_state import driver_action
from aimdlab.config.base import ConfigModel
from aimdlab.config.faults import FaultKind
from aimdlab.errors import (
    AmplifierTripError,
    IdentityError,
    InstrumentError,
    InstrumentRefusal,
    InstrumentRestartedError,
    LinkError,
    ProbeLostError,
    SafeStateError,
    StoppedByPersonError,
)
from aimdlab_drivers.scpi import ScpiDriver
from link_peers import Conversation
from patience import LIMIT_S

WHO = "Maker,Source,1,1.0"


class Source(ScpiDriver):
    """A signal generator of which nothing but the switch is known."""

    ROLES = frozenset({Role.SIGNAL_GENERATOR})
    MODELS = ("Source",)

    class Options(ConfigModel):
        pass

    def initialise(self) -> None:
        self._link.write("*RST;*CLS")
        self._apply("OUTP OFF")

    def make_safe(self) -> None:
        self._link.write("OUTP OFF")
        self._numbers("OUTP?")


class Instrument:
    """The instrument's end: answers as it is told, on as many connections as come; may be off for a while."""

    def __init__(self) -> None:
        self.answers = {"*IDN?": WHO, "*ESR?": "0", "SYST:ERR?": '0,"No error"', "OUTP?": "0"}
        self.heard: list[str] = []
        self.silent_to: set[str] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        conversation = Conversation(connection)
        try:
            while line := conversation.line().decode():
                self.heard.append(line)
                if line in self.answers and line not in self.silent_to:
                    conversation.say(self.answers[line].encode() + b"\n")
        except OSError:
            pass  # switched off
        finally:
            conversation.close()

    def switch_off(self) -> None:
        """From now on nobody listens there."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()
        self._thread.join(LIMIT_S)

    def switch_on(self) -> None:
        """Again, having forgotten everything."""
        self.answers["*ESR?"] = "128"
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()


class Events:
    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.data: list[dict[str, Any]] = []

    def record(self, kind: str, message: str, **data: Any) -> None:
        self.kinds.append(kind)
        self.data.append(data)


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    instrument = Instrument()
    yield instrument
    instrument.switch_off()


Make = Callable[..., tuple[Recovery, Any]]


@pytest.fixture
def made(instrument: Instrument) -> Iterator[Make]:
    """A recovery of a bench whose one instrument is ``instrument``."""
    links: list[VisaLink] = []

    def make(limit_s: float = LIMIT_S, attention: Callable[[], None] = lambda: None, clock: Clock | None = None) -> Any:
        clock = clock or RealClock()
        link = VisaLink.open("source", f"TCPIP::127.0.0.1::{instrument.port}::SOCKET", clock, timeout_s=LIMIT_S)
        links.append(link)
        driver = Source("source", link)
        connected = Connected(
            SimpleNamespace(name="source"), driver, link, driver.identify()  # type: ignore[arg-type]
        )  # fmt: skip
        action = driver_action("source", driver, link, connected.identity, LIMIT_S)  # type: ignore[arg-type]
        bench: Any = SimpleNamespace(
            instruments={"source": connected}, clock=clock, events=Events(), make_safe=action.act
        )
        bench.meanwhile = partial(Bench.meanwhile, bench)
        return Recovery(bench, limit_s, attention), bench

    yield make
    for link in links:
        link.close()


def source(bench: Any) -> tuple[Any, VisaLink]:
    connected = bench.instruments["source"]
    return connected.driver, connected.link


def test_it_is_called_again_until_it_answers_and_brought_to_its_known_state(instrument: Instrument, made: Make) -> None:
    looks: list[float] = []

    def attention() -> None:
        looks.append(time.monotonic())
        if len(looks) == 8:  # the first pause is half a second of ten looks
            instrument.switch_on()

    recovery, bench = made(attention=attention, clock=RealClock(attention, tick_s=0.05))
    driver, link = source(bench)
    instrument.switch_off()
    with pytest.raises(LinkError):
        driver.make_safe()
    instrument.heard.clear()
    recovery.bring_back("source", anew=False)
    assert bench.events.kinds == ["instrument.recovered"]
    assert bench.events.data[0]["tries"] > 1
    assert instrument.heard[:3] == ["*IDN?", "*RST;*CLS", "OUTP OFF"]
    assert not link.is_broken
    assert recovery.cut_off() == []


def test_what_does_not_come_back_is_given_up_with_its_last_reason(instrument: Instrument, made: Make) -> None:
    recovery, bench = made(limit_s=0.0)
    instrument.switch_off()
    with pytest.raises(LinkError, match="nobody answers at"):
        recovery.bring_back("source", anew=True)
    assert bench.events.kinds == ["instrument.not_recovered"]
    assert bench.events.data[0]["tries"] == 1
    assert recovery.cut_off() == ["source"]


def test_another_instrument_is_not_waited_for(instrument: Instrument, made: Make) -> None:
    recovery, bench = made()
    instrument.answers["*IDN?"] = "Maker,Source,2,1.0"
    instrument.heard.clear()
    with pytest.raises(IdentityError, match=r"another instrument answers .*Maker Source, serial 2, .*Connect the one"):
        recovery.bring_back("source", anew=True)
    assert bench.events.data[0]["tries"] == 1
    assert instrument.heard == ["*IDN?"], "nothing is sent to a stranger"


def test_a_reply_that_only_the_driver_finds_wrong_costs_the_connection(instrument: Instrument, made: Make) -> None:
    """Its second half may still come: it must not be taken for the reply to the next question."""
    recovery, bench = made()
    driver, link = source(bench)
    instrument.answers["OUTP?"] = "0;7"
    with pytest.raises(LinkError, match="is not a number") as caught:
        driver.make_safe()
    assert not link.is_broken
    recovery.distrust(caught.value)
    assert link.is_broken
    instrument.answers["OUTP?"] = "0"
    recovery.bring_back("source", anew=False)
    assert link.connections == 2
    driver.make_safe()


def test_making_safe_does_not_trust_such_a_connection_either(instrument: Instrument, made: Make) -> None:
    _, bench = made()
    _, link = source(bench)
    instrument.answers["OUTP?"] = "garbage"
    with pytest.raises(LinkError):
        bench.make_safe()
    assert link.is_broken
    instrument.answers["OUTP?"] = "0"
    bench.make_safe()
    assert link.connections == 2


def test_a_connection_that_was_opened_meanwhile_is_noticed(instrument: Instrument, made: Make) -> None:
    """To make the bench safe may have opened it; the driver still believes in the settings of before."""
    recovery, bench = made()
    assert recovery.cut_off() == []
    source(bench)[1].reconnect()
    assert recovery.cut_off() == ["source"]
    recovery.bring_back("source", anew=False)
    assert recovery.cut_off() == []
    assert source(bench)[1].connections == 2


def test_what_was_switched_off_and_on_is_a_fault_only_once_it_was_initialised(
    instrument: Instrument, made: Make
) -> None:
    recovery, _ = made()
    instrument.answers["*ESR?"] = "128"
    recovery.begin()
    instrument.answers["*ESR?"] = "0"
    recovery.check_restarts()
    instrument.answers["*ESR?"] = "160"
    with pytest.raises(InstrumentRestartedError, match=r"source, command '\*ESR\?': it was switched off and on"):
        recovery.check_restarts()


@pytest.mark.parametrize("first", ["restarted", "silent"])
def test_of_several_that_were_switched_off_and_on_none_is_forgotten(
    instrument: Instrument, made: Make, first: str
) -> None:
    """All are asked at once, and an instrument says it once; the attempt ends by one fault only."""
    recovery, bench = made()
    switched, lost = SimpleNamespace(was_restarted=lambda: True), LinkError("no reply", instrument="other")
    if first == "silent":
        switched.was_restarted = Mock(side_effect=lost)
    other = SimpleNamespace(driver=switched, link=None, equipment=SimpleNamespace(name="other"))
    bench.instruments = {"other": other, **bench.instruments}
    instrument.answers["*ESR?"] = "128"
    with pytest.raises(InstrumentRestartedError if first == "restarted" else LinkError):
        recovery.check_restarts()
    instrument.answers["*ESR?"] = "0"
    assert "source" in recovery.restarted()
    switched.was_restarted = lambda: False
    with pytest.raises(InstrumentRestartedError):
        recovery.check_restarts()
    recovery.bring_back("source", anew=False)
    assert "source" not in recovery.restarted()


def test_a_person_is_heard_while_an_instrument_is_called(instrument: Instrument, made: Make) -> None:
    wishes: list[str] = []

    def attention() -> None:
        wishes.append("")
        if len(wishes) > 3:
            raise StoppedByPersonError("enough")

    recovery, _ = made(attention=attention, clock=RealClock(attention, tick_s=0.01))
    instrument.switch_off()
    with pytest.raises(StoppedByPersonError):
        recovery.bring_back("source", anew=True)


def test_the_time_of_a_simulated_world_follows_the_pauses(instrument: Instrument, made: Make) -> None:
    """What starts up or cools down there needs world time, and nobody else must be hurried meanwhile."""
    advances: list[float] = []
    clock = VirtualClock(lambda t_s: advances.append(t_s) or t_s, start_s=0.0)
    recovery, bench = made(clock=clock)
    instrument.silent_to = {"SYST:ERR?"}
    driver, link = source(bench)
    tried: list[float] = []

    def initialise() -> None:
        tried.append(clock.now_s())
        if len(tried) == 1:
            raise InstrumentRefusal("it still starts up", instrument="source")

    driver.initialise = initialise
    recovery.bring_back("source", anew=False)
    assert tried == [0.0, 0.5]
    assert advances == [0.5]
    assert clock._tokens == 1
    assert link.connections == 2, "the second try does not trust what the first one left"


def test_the_bench_is_made_safe_as_soon_as_the_instrument_lets_it(made: Make) -> None:
    recovery, bench = made(clock=RealClock(tick_s=0.01))
    calls: list[int] = []

    def make_safe() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise SafeStateError("NOT SAFE, switch off by hand now: source.")

    bench.make_safe = make_safe
    assert recovery.until_safe() is None
    assert len(calls) == 3


def test_a_bench_that_stays_unsafe_is_told_as_such(made: Make) -> None:
    recovery, bench = made(limit_s=0.0)

    def make_safe() -> None:
        raise SafeStateError("NOT SAFE, switch off by hand now: source.")

    bench.make_safe = make_safe
    assert "NOT SAFE" in str(recovery.until_safe())


def test_an_amplifier_is_reset_once_it_has_cooled_down(made: Make) -> None:
    recovery, bench = made(clock=RealClock(tick_s=0.01))
    with pytest.raises(InstrumentError, match="cannot be reset from here"):
        recovery.reset_amplifier("source")
    resets: list[int] = []

    class Amplifier:
        ROLES = frozenset({Role.DRIVE_AMPLIFIER})

        def rating(self) -> None: ...

        def set_enabled(self, on: bool) -> None: ...

        def make_safe(self) -> None: ...

        def fault(self) -> str:
            return ""

        def reset_fault(self) -> None:
            resets.append(1)
            if len(resets) < 2:
                raise AmplifierTripError("over-temperature contact open: too hot", instrument="amplifier")

    bench.instruments["amplifier"] = Connected(None, Amplifier(), None, None)  # type: ignore[arg-type]
    recovery.reset_amplifier("amplifier")
    assert len(resets) == 2
    assert bench.events.kinds == ["instrument.recovered"]


def test_a_connection_that_breaks_while_the_amplifier_is_reset_is_opened_anew(
    instrument: Instrument, made: Make
) -> None:
    recovery, bench = made(clock=RealClock(tick_s=0.01))
    driver, link = source(bench)
    resets: list[bool] = []

    def reset_fault() -> None:
        resets.append(link.is_broken)
        if len(resets) < 2:
            raise LinkError("the answer '7' makes no sense", instrument="source")

    for name in ("rating", "set_enabled", "fault"):
        setattr(driver, name, lambda *_: "")
    driver.reset_fault = reset_fault
    connections = link.connections
    recovery.reset_amplifier("source")
    assert resets == [False, False], "never over a connection that was given up"
    assert link.connections == connections + 1
    assert instrument.heard.count("*IDN?") == 2, "and only to the instrument that was there"


def test_every_error_has_its_kind() -> None:
    where = {"instrument": "source"}
    assert [
        kind_of(error)
        for error in (
            LinkError("", **where),
            InstrumentRestartedError("", **where),
            IdentityError("", **where),
            InstrumentRefusal("", **where),
            AmplifierTripError("", **where),
            ProbeLostError("", **where),
            InstrumentError("", **where),
        )
    ] == [*FaultKind, FaultKind.REFUSAL]


def test_a_silent_oscilloscope_is_not_called_unsafe(instrument: Instrument, made: Make) -> None:
    """It has nothing on; nobody need switch it off by hand, and nobody waits for it."""
    _, bench = made()
    _, link = source(bench)
    instrument.switch_off()
    oscilloscope: Any = SimpleNamespace(ROLES=frozenset({Role.OSCILLOSCOPE}), make_safe=lambda: None)
    link.give_up("silent")
    driver_action("oscilloscope", oscilloscope, link, bench.instruments["source"].identity, LIMIT_S).act()
    assert link.connections == 1
