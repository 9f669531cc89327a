"""The guardian's own connections: opened and proven before anything is switched on, used when the run is dead."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from aimdlab.bench.clock import RealClock
from aimdlab.bench.discovery import DRIVERS, find
from aimdlab.bench.driver import Driver, Identity
from aimdlab.bench.guardian.orders import InstrumentOrder
from aimdlab.bench.identity import mismatch
from aimdlab.bench.link import VisaLink
from aimdlab.bench.safe_state import SafeAction, driver_action, limit_for
from aimdlab.errors import AimdlabError, ConfigurationError, IdentityError, LinkError

# An instrument that accepts one connection may still hold that of a program that has just ended.
_PATIENCE_S = 2.0
_PAUSE_S = 0.1
# How long the links may take to close before they are left to the end of the process.
_CLOSE_LIMIT_S = 1.0


@dataclass(frozen=True)
class _Held:
    """One instrument in the guardian's hands; a takeover link is not open."""

    order: InstrumentOrder
    driver: Driver
    link: VisaLink
    identity: Identity


class Hands:
    """Reaches the instruments."""

    def __init__(self) -> None:
        self._clock = RealClock()
        self._held: dict[str, _Held] = {}

    def reach(self, orders: tuple[InstrumentOrder, ...]) -> dict[str, str]:
        """Connect to each instrument and check who answers, all at the same time; nothing is switched or set.

        Returns the problem of each instrument that cannot be reached, by its name; it is not touched later.
        """
        answers: queue.SimpleQueue[tuple[str, _Held | str]] = queue.SimpleQueue()
        for order in orders:
            threading.Thread(target=self._try, args=(order, answers), name=f"reach {order.name}", daemon=True).start()
        # Connecting, asking and one more try: what takes longer hangs in its driver.
        deadline_s = time.monotonic() + max((3 * order.timeout_s for order in orders), default=0.0) + 2 * _PATIENCE_S
        found: dict[str, _Held | str] = {order.name: "its driver does not come back" for order in orders}
        for _ in orders:
            try:
                name, answer = answers.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                break
            found[name] = answer
        self._held = {name: answer for name, answer in found.items() if isinstance(answer, _Held)}
        return {name: answer for name, answer in found.items() if isinstance(answer, str)}

    def actions(self, limit_s: float | None, watched: Callable[[SafeAction], SafeAction]) -> list[SafeAction]:
        """How each instrument that was reached is made safe.

        Args:
            limit_s: real time for all tries; None: the run is alive, so that only shared connections are used and no
                longer than a run would take.
            watched: makes of each action the one that is carried out.
        """
        return [
            watched(
                driver_action(
                    held.order.name,
                    held.driver,
                    held.link,
                    held.identity,
                    limit_for(held.order.timeout_s) if limit_s is None else limit_s,
                )
            )
            for held in self._held.values()
            if limit_s is not None or held.order.mode == "shared"
        ]

    def close(self) -> None:
        """Close every connection; one that hangs is left to the end of the process."""
        closers = [threading.Thread(target=held.link.close, daemon=True) for held in self._held.values()]
        deadline_s = time.monotonic() + _CLOSE_LIMIT_S
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(max(0.0, deadline_s - time.monotonic()))

    def _try(self, order: InstrumentOrder, answers: queue.SimpleQueue[tuple[str, _Held | str]]) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                held = self._reach(order)
            except LinkError as error:
                if time.monotonic() < deadline_s:
                    time.sleep(_PAUSE_S)
                    continue
                answers.put((order.name, str(error)))
            except AimdlabError as error:
                answers.put((order.name, str(error)))
            except Exception as error:  # noqa: BLE001 - of a lab's own driver; reported, and the run does not start
                answers.put((order.name, f"{order.name}: {type(error).__name__}: {error}"))
            else:
                answers.put((order.name, held))
            return

    def _reach(self, order: InstrumentOrder) -> _Held:
        driver_class: type[Driver] = find(DRIVERS, order.driver)
        try:
            options = driver_class.Options.model_validate(order.options)
        except ValidationError as error:
            raise ConfigurationError(f"{order.name}: its driver refuses the options: {error}") from error
        link = VisaLink.open(order.name, order.resource, self._clock, timeout_s=order.timeout_s)
        try:
            driver = driver_class(order.name, link, options)
            identity = driver.identify()
            _require(order, driver_class, identity)
        except BaseException:
            link.close()
            raise
        if order.mode == "takeover":
            link.close()
            link = VisaLink(order.name, order.resource, self._clock, timeout_s=order.timeout_s)
            driver = driver_class(order.name, link, options)
        return _Held(order, driver, link, identity)


def _require(order: InstrumentOrder, driver: type[Driver], identity: Identity) -> None:
    wrong = mismatch(order.identity, driver.MODELS, identity)
    if wrong is not None:
        raise IdentityError(f"{wrong.field}: {wrong.what}", instrument=order.name, command="*IDN?")
