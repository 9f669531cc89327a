"""Keysight 34970A and 34972A data acquisition / switch units, with the digital ports of the 34907A module.

After the User's Guide 34970-90002 (pp. 146 and 255) and the Service Guide 34970A/34972A (p. 167: at turn-on, after a
reset and whenever its lines are read, a port is passive high), as far as public copies and public drivers show them.
Unverified: what ``SOUR:DIG:DATA?`` answers for an input port (here the last pattern, all high at first), whether the
recall of the power-down state brings the patterns of output ports back (here it does, the worst case), the texts of
errors +302 and +305, the reply for an empty slot. Not modelled: the multimeter, scanning, alarms, totalizer, DACs,
other modules; of the reading format, only the channel number shows.
"""

from __future__ import annotations

import re
from typing import ClassVar

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.digital_port import LINES, DigitalPort
from aimdlab_simulators.scpi import Argument, Call, ScpiError, ScpiInstrument, command
from aimdlab_simulators.world.instrument import Setting

_MAKERS = {"34970A": "HEWLETT-PACKARD", "34972A": "Agilent Technologies"}
_SLOTS = (100, 200, 300)
_MODULE = "34907A"
_MODULE_REVISION = "1.0"
_CHANNELS = re.compile(r"\(@\s*(\d{3}(?:\s*[,:]\s*\d{3})*)\s*\)")


class Simulated34970A(ScpiInstrument):
    """A mainframe whose slots are empty or hold a 34907A.

    Attributes:
        modules: by slot.
        digital_outputs, digital_inputs: its lines, by channel and bit ("201.0").
    """

    ERROR_QUEUE_LENGTH: ClassVar[int] = 10

    def __init__(self, setting: Setting) -> None:
        if setting.variant not in _MAKERS:
            raise ConfigurationError(f"there is no variant {setting.variant!r}; known: {', '.join(_MAKERS)}.")
        for slot, module in setting.modules.items():
            if slot not in _SLOTS or module != _MODULE:
                raise ConfigurationError(
                    f"there is no module {module!r} for a slot {slot}; slots are 100, 200 and 300, and the only module "
                    f"that is simulated is {_MODULE}."
                )
        super().__init__(
            name=setting.name,
            maker=setting.maker or _MAKERS[setting.variant],
            model=setting.variant,
            serial=setting.serial,
            firmware=setting.firmware,
            timebase=setting.timebase,
        )
        self.modules = dict(setting.modules)
        self._ports = {slot + number: DigitalPort() for slot in sorted(self.modules) for number in (1, 2)}
        lines = [(f"{channel}.{bit}", port, bit) for channel, port in self._ports.items() for bit in range(LINES)]
        self.digital_outputs = {name: port.outputs[bit] for name, port, bit in lines}
        self.digital_inputs = {name: port.inputs[bit] for name, port, bit in lines}
        self._reading = dict.fromkeys(("ALAR", "CHAN", "TIME", "UNIT"), False)
        self._recalls = True

    def reset(self) -> None:
        """``*RST``: every port an input."""
        super().reset()
        for port in self._ports.values():
            port.release()
        self._reading = dict.fromkeys(self._reading, False)

    def power_cycle(self) -> None:
        """Off and on again; what was driven comes back if the power-down state is recalled."""
        with self.lock:
            driven = {channel: port.pattern for channel, port in self._ports.items() if port.is_output}
            super().power_cycle()
            if self._recalls:
                for channel, pattern in driven.items():
                    self._ports[channel].drive(pattern)

    def observe(self) -> dict[str, object]:
        """Every port: whether it is an output, and what it drives."""
        with self.lock:
            ports = {
                str(channel): {"output": port.is_output, "pattern": port.pattern}
                for channel, port in self._ports.items()
            }
            return super().observe() | {"ports": ports}

    @command("SYSTem:CTYPe?")
    def card_type(self, call: Call) -> str:
        """What is plugged into a slot."""
        module = self.modules.get(self._slot(call.argument()))
        return f"{self.maker},{_MODULE},0,{_MODULE_REVISION}" if module is not None else f"{self.maker},0,0,0"

    @command("SYSTem:CPON")
    def power_module_on(self, call: Call) -> None:
        """Reset one module, or ALL, to its power-on state."""
        argument = call.argument()
        slots = _SLOTS if argument.try_word("ALL") is not None else (self._slot(argument),)
        for channel, port in self._ports.items():
            if channel // 100 * 100 in slots:
                port.release()

    @command("SOURce:DIGital:DATA[:BYTE]", "SOURce:DIGital:DATA[:BYTE]?")
    def output_byte(self, call: Call) -> str | None:
        """Drive a pattern on 8 lines."""
        if call.query:
            return ",".join(str(port.pattern) for port in self._named(call.argument()).values())
        pattern = call.argument().integer(0, 0xFF)
        for port in self._named(call.argument(1)).values():
            port.drive(pattern)
        return None

    @command("SOURce:DIGital:DATA:WORD", "SOURce:DIGital:DATA:WORD?")
    def output_word(self, call: Call) -> int | None:
        """Drive a pattern on the 16 lines of a module, addressed by its first port."""
        low, high = self._pair(call.argument() if call.query else call.argument(1))
        if call.query:
            return high.pattern << LINES | low.pattern
        pattern = call.argument().integer(0, 0xFFFF)
        low.drive(pattern & 0xFF)
        high.drive(pattern >> LINES)
        return None

    @command("SOURce:DIGital:STATe?")
    def port_state(self, call: Call) -> str:
        """1 for an output port, 0 for an input."""
        return ",".join(str(int(port.is_output)) for port in self._named(call.argument()).values())

    @command("[SENSe:]DIGital:DATA[:BYTE]?")
    def read_byte(self, call: Call) -> str:
        """The levels of 8 lines, which makes the port an input."""
        return ",".join(self._read(channel, port.read()) for channel, port in self._named(call.argument()).items())

    @command("[SENSe:]DIGital:DATA:WORD?")
    def read_word(self, call: Call) -> str:
        """The levels of the 16 lines of a module."""
        argument = call.argument()
        low, high = self._pair(argument)
        return self._read(next(iter(self._named(argument))), high.read() << LINES | low.read())

    @command("FORMat:READing:ALARm", "FORMat:READing:ALARm?")
    def show_alarm(self, call: Call) -> int | None:
        """Whether readings come with their alarm state."""
        return self._shown(call, "ALAR")

    @command("FORMat:READing:CHANnel", "FORMat:READing:CHANnel?")
    def show_channel(self, call: Call) -> int | None:
        """Whether readings come with their channel number."""
        return self._shown(call, "CHAN")

    @command("FORMat:READing:TIME", "FORMat:READing:TIME?")
    def show_time(self, call: Call) -> int | None:
        """Whether readings come with a time stamp."""
        return self._shown(call, "TIME")

    @command("FORMat:READing:UNIT", "FORMat:READing:UNIT?")
    def show_unit(self, call: Call) -> int | None:
        """Whether readings come with their unit."""
        return self._shown(call, "UNIT")

    @command("MEMory:STATe:RECall:AUTO", "MEMory:STATe:RECall:AUTO?")
    def recall_state(self, call: Call) -> int | None:
        """Whether the power-down state is recalled at power-on; *RST is done otherwise."""
        if call.query:
            return int(self._recalls)
        self._recalls = call.argument().boolean()
        return None

    def _shown(self, call: Call, what: str) -> int | None:
        if call.query:
            return int(self._reading[what])
        self._reading[what] = call.argument().boolean()
        return None

    def _read(self, channel: int, value: int) -> str:
        return f"{value:+.8E}" + (f",{channel}" if self._reading["CHAN"] else "")

    @staticmethod
    def _slot(argument: Argument) -> int:
        slot = argument.integer()
        if slot not in _SLOTS:
            raise ScpiError(-222, "Data out of range")
        return slot

    def _pair(self, argument: Argument) -> tuple[DigitalPort, DigitalPort]:
        """Both ports of the module whose first port is named."""
        channels = list(self._named(argument))
        if len(channels) != 1 or channels[0] % 100 != 1:
            raise ScpiError(305, "Not able to perform requested operation")
        return self._ports[channels[0]], self._ports[channels[0] + 1]

    def _named(self, argument: Argument) -> dict[int, DigitalPort]:
        """The ports of a channel list: ``(@201)``, ``(@201,302)``, ``(@201:202)``."""
        found = _CHANNELS.fullmatch(argument.raw.decode("latin-1").strip())
        if found is None:
            raise ScpiError(-224, "Illegal parameter value")
        ports: dict[int, DigitalPort] = {}
        for part in found[1].split(","):
            first, last = (int(number) for number in (part.split(":") * 2)[:2])
            for channel in range(first, last + 1):
                if channel // 100 * 100 not in self.modules:
                    raise ScpiError(302, "No module was detected in this slot")
                if channel not in self._ports:
                    raise ScpiError(305, "Not able to perform requested operation")
                ports[channel] = self._ports[channel]
        return ports
