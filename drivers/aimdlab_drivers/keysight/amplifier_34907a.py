"""A drive amplifier whose enable line, fault contact and reset hang on digital ports of a Keysight 34907A.

Gradient and injection power amplifiers (AE Techron and the like) have no public command set. What they have is lines:
one that enables the output stage, contacts that open at a fault, one that clears it. Here these hang on a 34907A
multifunction module in a 34970A or 34972A data acquisition / switch unit.

Commands after the 34970A User's Guide (34970-90002, pp. 146 and 255: ``SYST:CTYP?``, ``SENS:DIG:DATA?``,
``FORM:READ``), the 34970A/34972A User's Guide (34972-90001, p. 107: ``MEM:STAT:REC:AUTO``) and public drivers
(``SOUR:DIG:DATA``, ``SOUR:DIG:STAT?``); lines after the Service Guide (p. 167): at turn-on, after a reset and while
they are read, lines are passive high. Unverified on an instrument: how numbers are written, the reply for an empty
slot, and whether the recall of the power-down state would bring output patterns back; it is switched off, so that it
cannot.
"""

from __future__ import annotations

import time
from typing import ClassVar

from pydantic import model_validator

from aimdlab.bench.driver import Identity, Link
from aimdlab.bench.roles import AmplifierRating, Role
from aimdlab.errors import AmplifierTripError, IdentityError, LinkError
from aimdlab_drivers.amplifier_data import VoltageAmplifierData
from aimdlab_drivers.keysight._lines_34907a import DrivenLine, Line, PortDriver, PulsedLine, SensedLine
from aimdlab_drivers.scpi import one_job

_ALL_HIGH = 0xFF


class Keysight34907AAmplifier(PortDriver):
    """Voltage amplifier, switched by lines that are all active low, so that a unit without power leaves it disabled.

    It changes its own bits of a port and keeps the others as it finds them; nobody else may write to these ports while
    it does. ``initialise`` makes the unit forget its outputs when it loses power (``MEM:STAT:REC:AUTO OFF``, which
    stays).
    """

    ROLES: ClassVar[frozenset[Role]] = frozenset({Role.DRIVE_AMPLIFIER})
    MODELS: ClassVar[tuple[str, ...]] = ("34970A", "34972A")

    class Options(VoltageAmplifierData):
        """From data sheet and calibration certificate of the amplifier, and how it is wired.

        Attributes:
            enable: output stage on while active.
            fault: active while the amplifier has tripped.
            over_temperature: active while it is too hot, if it has such a contact.
            reset: clears a trip, if it can be cleared from outside.
        """

        enable: DrivenLine
        fault: SensedLine
        over_temperature: SensedLine | None = None
        reset: PulsedLine | None = None

        @model_validator(mode="after")
        def _wired_sensibly(self) -> Keysight34907AAmplifier.Options:
            lines: tuple[Line, ...] = (*self.driven, *self.sensed)
            if len({(line.channel, line.bit) for line in lines}) < len(lines):
                raise ValueError("two lines are on the same channel and bit")
            both = {line.channel for line in self.driven} & {line.channel for line in self.sensed}
            if both:
                raise ValueError(
                    f"channel {min(both)} is driven and read. A port of a 34907A that is read lets go of its lines, so "
                    "contacts must be on another channel than enable and reset"
                )
            return self

        @property
        def driven(self) -> tuple[DrivenLine, ...]:
            """The lines that the PC drives."""
            return (self.enable,) if self.reset is None else (self.enable, self.reset)

        @property
        def sensed(self) -> tuple[SensedLine, ...]:
            """The contacts that the PC reads."""
            return (self.fault,) if self.over_temperature is None else (self.fault, self.over_temperature)

    def __init__(self, name: str, link: Link | None, options: Options) -> None:
        super().__init__(name, link)
        self._options = options

    def identify(self) -> Identity:
        """Which switch unit answers ``*IDN?``; IdentityError if a slot that is used does not hold a 34907A."""
        identity = super().identify()
        for slot in sorted({line.slot for line in (*self._options.driven, *self._options.sensed)}):
            query = f"SYST:CTYP? {slot}"
            reply = self._link.query(query)
            fields = [field.strip() for field in reply.strip('"').split(",")]
            if len(fields) != 4:
                raise LinkError(
                    f"the answer {reply!r} does not say what a slot holds", instrument=self._name, command=query
                )
            if fields[1] != "34907A":
                held = "nothing" if fields[1] in ("", "0") else f"a {fields[1]}"
                raise IdentityError(
                    f"slot {slot} holds {held} instead of a 34907A. Put the module there, or correct the channels.",
                    instrument=self._name,
                    command=query,
                )
        return identity

    def initialise(self) -> None:
        """Stage disabled, reset idle, plain readings, contacts on input ports, nothing recalled at power-on."""
        self.identify()
        self.make_safe()
        self._apply("MEM:STAT:REC:AUTO OFF", *(f"FORM:READ:{what} OFF" for what in ("ALAR", "CHAN", "TIME", "UNIT")))
        for channel in _channels(self._options.sensed):
            self._levels(channel)
            if self._is_output(channel):
                raise self._cannot(
                    f"port {channel} drives its lines, against the contacts of the amplifier. Find out who uses it, "
                    f"then reset the module (switch the unit off and on, or send SYST:CPON {channel // 100 * 100})."
                )

    def rating(self) -> AmplifierRating:
        """What the bench file says it can do."""
        return self._options.rating()

    @one_job
    def set_enabled(self, on: bool) -> None:
        """Drive the enable line and ask it back; a tripped amplifier stays off all the same (``fault``)."""
        self._set(self._options.enable, on)

    @one_job
    def fault(self) -> str:
        """What the contacts say: over-temperature first, since it explains a trip."""
        levels = {channel: self._levels(channel) for channel in _channels(self._options.sensed)}
        words = (("over-temperature", self._options.over_temperature), ("fault", self._options.fault))
        means = {"over-temperature": "too hot", "fault": "tripped"}
        return ", ".join(
            f"{word} contact {'open' if line.active == 'high' else 'closed'}: {means[word]}"
            for word, line in words
            if line is not None and line.is_active(levels[line.channel])
        )

    def reset_fault(self) -> None:
        """Pulse the reset line, the stage disabled; AmplifierTripError if the fault stays.

        The pulse is at least as long as the options say, in real time. InstrumentError if there is no such line.
        """
        self.set_enabled(False)
        line = self._options.reset
        if line is None:
            raise self._cannot("it has no reset line (options: reset). Reset it at its front panel.")
        self._set(line, True)
        time.sleep(line.pulse)
        self._set(line, False)
        fault = self.fault()
        if fault:
            raise AmplifierTripError(
                f"it still reports {fault} after its reset. Let it cool down, look for the cause, reset it.",
                instrument=self._name,
            )

    def make_safe(self) -> None:
        """Enable and reset lines idle, in any state of the unit, proven by asking; errors in its queue are discarded.

        A port that does not tell its levels is put to all high.
        """
        for channel in _channels(self._options.driven):
            try:
                levels = self._driven(channel)
            except LinkError:
                # Switching off must not depend on an answer. If the link itself has failed, the next message says so.
                levels = _ALL_HIGH
            for line in self._options.driven:
                if line.channel == channel:
                    levels = line.put(levels, active=False)
            self._drive(channel, levels, errors_count=False)
        self._note_restart()
        self._link.write("*CLS")

    def _set(self, line: Line, active: bool) -> None:
        self._drive(line.channel, line.put(self._driven(line.channel), active))


def _channels(lines: tuple[Line, ...]) -> list[int]:
    return list(dict.fromkeys(line.channel for line in lines))
