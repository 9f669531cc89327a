"""A simulated instrument of IEEE 488.2 and SCPI: the front end with the common commands."""

from __future__ import annotations

from typing import ClassVar

from aimdlab_simulators.scpi.command import Call, command
from aimdlab_simulators.scpi.front_end import FrontEnd


class ScpiInstrument(FrontEnd):
    """IEEE 488.2 and SCPI front end; subclasses declare commands with ``@command`` and may override the hooks.

    One lock per instrument (``lock``): messages of several connections take turns, and every handler and hook runs
    under it. It is let go while ``*OPC?`` or ``*WAI`` waits, so that another connection can still switch off.

    Not modelled: service requests, and query errors -410 to -440 (a socket streams its responses).

    Attributes:
        name: the instrument's name in the world file.
        maker, model, serial, firmware: the four fields of ``*IDN?``.
        timebase: world time.
        delays: how slow it is; whoever makes it may set them.
        status: event registers and error queue.
        stuck_until_s: world time up to which it says that an operation goes on, whatever it does; a fault.
    """

    SCPI_VERSION: ClassVar[str] = "1999.0"

    # -- IEEE 488.2 clause 10

    @command("*CLS")
    def _clear_status(self, _call: Call) -> None:
        self.status.clear()
        self._completion_wanted = False

    @command("*ESE")
    def _set_event_enable(self, call: Call) -> None:
        self.status.event_enable = call.argument().integer(0, 255)

    @command("*ESE?")
    def _get_event_enable(self, _call: Call) -> int:
        return self.status.event_enable

    @command("*ESR?")
    def _get_events(self, _call: Call) -> int:
        self._settle_completion()
        return self.status.take_events()

    @command("*IDN?")
    def _identify(self, _call: Call) -> str:
        return f"{self.maker},{self.model},{self.serial},{self.firmware}"

    @command("*OPC")
    def _want_completion(self, _call: Call) -> None:
        self._completion_wanted = True
        self._settle_completion()

    @command("*OPC?")
    def _await_completion(self, call: Call) -> int:
        self.wait_for_completion(call)
        return 1

    @command("*OPT?")
    def _get_options(self, _call: Call) -> str:
        return self.options()

    @command("*RST")
    def _reset(self, _call: Call) -> None:
        self.reset()

    @command("*SRE")
    def _set_service_enable(self, call: Call) -> None:
        self.status.service_enable = call.argument().integer(0, 255) & ~64

    @command("*SRE?")
    def _get_service_enable(self, _call: Call) -> int:
        return self.status.service_enable

    @command("*STB?")
    def _get_status_byte(self, _call: Call) -> int:
        return self.status_byte()

    @command("*TRG")
    def _trigger(self, _call: Call) -> None:
        self.trigger()

    @command("*TST?")
    def _test(self, _call: Call) -> int:
        return self.self_test()

    @command("*WAI")
    def _wait(self, call: Call) -> None:
        self.wait_for_completion(call)

    @command("SYSTem:ERRor[:NEXT]?")
    def _next_error(self, _call: Call) -> str:
        return self.format_error(*self.status.next_error())

    @command("SYSTem:VERSion?")
    def _scpi_version(self, _call: Call) -> str:
        return self.SCPI_VERSION
