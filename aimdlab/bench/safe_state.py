"""Safe state: every source off, in a fixed order, each call repeated until it succeeds or its time is over.

Order: RF generators, signal generators, then drive amplifiers, then the rest. Sources go first because an amplifier
that is disabled under drive can answer with a transient. Whoever hangs delays the next by ``HEAD_START_S`` at most: the
order holds whenever all answer, and nobody keeps another on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aimdlab.bench.driver import Driver, Identity
from aimdlab.bench.link import VisaLink
from aimdlab.bench.roles import Role
from aimdlab.errors import AimdlabError, IdentityError, LinkError, SafeStateError

HEAD_START_S = 0.25
"""The longest that an instrument waits for the one before it in the order."""

# Between two tries: a LAN bridge or an instrument that restarts its server refuses for a moment.
_PAUSE_S = 0.25
# On top of the time-out of one reply: what a reconnect and the few commands of a safe state may take.
_MARGIN_S = 3.0
# However long a reply may take in a measurement: a person must know soon that something is still on.
_LIMIT_S = 10.0

# How often whoever waits shows that he lives.
_SIGN_S = 0.2

ORDER: tuple[Role, ...] = (Role.RF_GENERATOR, Role.SIGNAL_GENERATOR, Role.DRIVE_AMPLIFIER)


@dataclass(frozen=True)
class SafeAction:
    """How one instrument is made safe.

    Attributes:
        instrument: its name in the bench file.
        roles: what it can play; decides its place in the order.
        act: switches every output off; raises if it could not, and may then be called again.
        limit_s: real time for all tries together.
    """

    instrument: str
    roles: frozenset[Role]
    act: Callable[[], None]
    limit_s: float


@dataclass(frozen=True)
class SafeResult:
    """What became of one instrument.

    Attributes:
        instrument: its name in the bench file.
        problem: why it may still be on; "" if it is off.
        took_s: real time from its first try on.
    """

    instrument: str
    problem: str
    took_s: float


def limit_for(timeout_s: float) -> float:
    """How long a run tries to make an instrument safe that may take ``timeout_s`` for one reply."""
    return min(timeout_s + _MARGIN_S, _LIMIT_S)


def driver_action(name: str, driver: Driver, link: VisaLink | None, identity: Identity, limit_s: float) -> SafeAction:
    """The action of an instrument with its driver; a broken link is opened anew.

    Not that of an instrument that plays no source and needs no link for this: a silent oscilloscope has nothing on.
    Whoever answers a new connection must be the instrument that answered before: ``identity``. Another one that was
    switched off says nothing of what this one does.
    """

    proven = True
    needs_link = any(role in driver.ROLES for role in ORDER)

    def act() -> None:
        nonlocal proven, needs_link
        # A link that fails in here is broken from then on, so that the next try begins with a new connection.
        if link is not None and link.is_broken and needs_link:
            proven = False
            link.reconnect()
        try:
            driver.make_safe()
        except LinkError as error:
            needs_link = True
            if link is not None:
                link.give_up(str(error))  # a reply that made no sense may have a second half on its way
            raise
        if not proven and (answered := driver.identify()) != identity:
            raise IdentityError(
                f"another instrument answers there: {answered.manufacturer} {answered.model}, serial "
                f"{answered.serial or 'unknown'}. Nobody knows whether the right one is off",
                instrument=name,
                command="*IDN?",
            )
        proven = True

    return SafeAction(instrument=name, roles=driver.ROLES, act=act, limit_s=limit_s)


def safe_order(actions: Iterable[SafeAction]) -> list[SafeAction]:
    """The actions in the order in which they are carried out."""

    def rank(action: SafeAction) -> int:
        return next((place for place, role in enumerate(ORDER) if role in action.roles), len(ORDER))

    return sorted(actions, key=rank)


def carry_out(
    actions: Iterable[SafeAction],
    tell: Callable[[SafeResult], None] = lambda _result: None,
    sign: Callable[[], None] = lambda: None,
) -> tuple[list[str], dict[str, str]]:
    """Carry the actions out, begun in order; an instrument that fails or hangs does not keep the others on.

    All limits run at the same time. Returns the names in the order in which they were done, and the problem of every
    other instrument by its name; ``tell`` is called with each result, in this thread, as soon as it is known, and
    ``sign`` now and then while one that does not answer is waited for: whoever waits lives.
    """
    results: queue.SimpleQueue[SafeResult] = queue.SimpleQueue()
    tries: dict[str, _Try] = {}
    done: list[str] = []
    problems: dict[str, str] = {}
    try:
        for action in safe_order(actions):
            tries[action.instrument] = attempt = _Try(action, results)
            attempt.first_try_over.wait(HEAD_START_S)
        while tries:
            result = _next(results, tries, sign)
            del tries[result.instrument]
            if result.problem:
                problems[result.instrument] = result.problem
            else:
                done.append(result.instrument)
            tell(result)
    finally:
        for attempt in tries.values():
            attempt.over.set()
    return done, problems


def not_safe(problems: Mapping[str, str]) -> SafeStateError:
    """What to tell the technician: what to switch off, then why."""
    why = "; ".join(f"{instrument}: {problem}" for instrument, problem in problems.items())
    return SafeStateError(f"NOT SAFE, switch off by hand now: {', '.join(problems)}. ({why})")


class _Try:
    """One action, tried again and again in a thread of its own: a hung call cannot be ended, only left behind."""

    def __init__(self, action: SafeAction, results: queue.SimpleQueue[SafeResult]) -> None:
        self.action = action
        self.over = threading.Event()  # set: nothing is tried again, since it was reported
        self.first_try_over = threading.Event()
        self._problem = f"no answer within {action.limit_s:g} s"
        self._began_s = time.monotonic()
        self._over_s = self._began_s + action.limit_s
        work = threading.Thread(target=self._run, args=(results,), name=f"make-safe-{action.instrument}", daemon=True)
        try:
            work.start()
        except (RuntimeError, MemoryError):  # no thread is to be had: once, and in this one
            if not self._try(results):
                self._over_s = self._began_s

    @property
    def left_s(self) -> float:
        return self._over_s - time.monotonic()

    def given_up(self) -> SafeResult:
        self.over.set()
        return self._result(self._problem)

    def _run(self, results: queue.SimpleQueue[SafeResult]) -> None:
        while not self.over.is_set() and not self._try(results):
            self.over.wait(_PAUSE_S)

    def _try(self, results: queue.SimpleQueue[SafeResult]) -> bool:
        try:
            self.action.act()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported and the others go off
            known = isinstance(error, AimdlabError)
            self._problem = str(error) if known else f"{type(error).__name__}: {error}"
            self.first_try_over.set()
            return False
        results.put(self._result(""))
        self.first_try_over.set()
        return True

    def _result(self, problem: str) -> SafeResult:
        return SafeResult(self.action.instrument, problem, time.monotonic() - self._began_s)


def _next(results: queue.SimpleQueue[SafeResult], tries: Mapping[str, _Try], sign: Callable[[], None]) -> SafeResult:
    """The next success, or that whose time is over first; one that succeeds after it was given up says nothing more."""
    while True:
        first = min(tries.values(), key=lambda attempt: attempt.left_s)
        try:
            result = results.get(timeout=max(0.0, min(first.left_s, _SIGN_S)))
        except queue.Empty:
            sign()
            if first.left_s <= 0:
                return first.given_up()
            continue
        if result.instrument in tries:
            return result
