"""Keysight 33500B and 33600A series waveform generators.

After the "33500B Series Operating and Service Guide" (Keysight 33500-90901), as far as public copies and public drivers
show it. Not modelled: sweeps, lists and modulation (their settings are not accepted), dual-channel coupling, files,
triggers within a sequence, the signal of Trig Out, output overload, the shape of edges.
Numbers of positive error codes other than +880 are those of the 33220A family.
"""

from __future__ import annotations

import math

from aimdlab_simulators.keysight.generator_arb import ArbCommands
from aimdlab_simulators.keysight.generator_burst import BurstCommands
from aimdlab_simulators.keysight.generator_channel import ChannelSettings
from aimdlab_simulators.keysight.generator_functions import FunctionCommands
from aimdlab_simulators.keysight.generator_levels import LevelCommands
from aimdlab_simulators.scpi import Call, command
from aimdlab_simulators.world.instrument import Setting

_TEXT_LENGTH = 40


class Simulated33500B(FunctionCommands, LevelCommands, ArbCommands, BurstCommands):
    """One or two channels whose outputs are Signals of the world.

    Attributes:
        outputs: open-circuit voltage of every channel.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._put_back()

    def reset(self) -> None:
        """``*RST``: outputs off, 1 kHz sine of 100 mVpp; waveforms that are loaded stay."""
        super().reset()
        self._put_back()
        self.sync.enabled, self.sync.source = True, 1
        for channel in self.channels.values():
            channel.settings = ChannelSettings()
            channel.restart(self.timebase.now_s())

    def lose_memory(self) -> None:
        """Waveforms and sequences."""
        for channel in self.channels.values():
            channel.memory.clear()

    def options(self) -> str:
        """Extended memory."""
        return "MEM"

    def observe(self) -> dict[str, object]:
        """What each output does."""
        self.ext_trig.live(self.timebase.now_s())
        with self.lock:
            now_s = self.timebase.now_s()
            channels = {}
            for number, channel in self.channels.items():
                settings, until_s = channel.settings, channel.playing_until_s(now_s)
                channels[str(number)] = {
                    "output": settings.output,
                    "function": settings.function,
                    "arb": settings.arb if settings.function == "ARB" else None,
                    "sequence": channel.sequence(),
                    "amplitude_vpp": settings.amplitude_vpp,
                    "offset_v": settings.offset,
                    "load_ohm": None if math.isclose(settings.load_ohm, 9.9e37) else settings.load_ohm,
                    "burst": settings.burst,
                    "playing": until_s is not None,
                    "playing_until_s": until_s if until_s is not None and math.isfinite(until_s) else None,
                }
            return super().observe() | {"channels": channels}

    def _put_back(self) -> None:
        self.angle_unit = "DEG"
        self._trigger_out = {"state": False, "source": "CH1", "slope": "POS"}
        self._display = True
        self._text = ""
        self._beeper = True

    @command("OUTPut#:SYNC[:STATe]", "OUTPut#:SYNC[:STATe]?")
    def sync_state(self, call: Call) -> int | None:
        """Whether the Sync connector is on."""
        if call.query:
            return int(self.sync.enabled)
        self.sync.enabled = call.argument().boolean()
        self.sync.refresh(self.timebase.now_s())
        return None

    @command("OUTPut#:SYNC:SOURce", "OUTPut#:SYNC:SOURce?")
    def sync_source(self, call: Call) -> str | None:
        """The channel that the Sync connector follows."""
        if call.query:
            return f"CH{self.sync.source}"
        self.sync.source = int(call.argument().word(*(f"CH{number}" for number in self.channels))[2:])
        self.sync.refresh(self.timebase.now_s())
        return None

    @command("OUTPut#:SYNC:MODE", "OUTPut#:SYNC:MODE?")
    def sync_mode(self, call: Call) -> str | None:
        """What the Sync connector shows of the channel."""
        return self.word(call, "sync_mode", "NORMal", "CARRier", "MARKer")

    @command("OUTPut#:SYNC:POLarity", "OUTPut#:SYNC:POLarity?")
    def sync_polarity(self, call: Call) -> str | None:
        """Polarity of the channel's Sync signal."""
        return self.word(call, "sync_polarity", "NORMal", "INVerted")

    @command("OUTPut:TRIGger[:STATe]", "OUTPut:TRIGger[:STATe]?")
    def trigger_out(self, call: Call) -> int | None:
        """Whether the Trig Out signal is on."""
        if call.query:
            return int(bool(self._trigger_out["state"]))
        self._trigger_out["state"] = call.argument().boolean()
        return None

    @command("OUTPut:TRIGger:SLOPe", "OUTPut:TRIGger:SLOPe?")
    def trigger_out_slope(self, call: Call) -> str | None:
        """Edge of the Trig Out signal."""
        return self._of(self._trigger_out, "slope", call, "POSitive", "NEGative")

    @command("OUTPut:TRIGger:SOURce", "OUTPut:TRIGger:SOURce?")
    def trigger_out_source(self, call: Call) -> str | None:
        """The channel that the Trig Out signal follows."""
        return self._of(self._trigger_out, "source", call, "CH1", "CH2")

    @command("DISPlay", "DISPlay?")
    def display(self, call: Call) -> int | None:
        """Switch the display."""
        if call.query:
            return int(self._display)
        self._display = call.argument().boolean()
        return None

    @command("DISPlay:TEXT", "DISPlay:TEXT?")
    def display_text(self, call: Call) -> str | None:
        """Show a text, up to 40 characters."""
        if call.query:
            return f'"{self._text}"'
        self._text = call.argument().text()[:_TEXT_LENGTH]
        return None

    @command("DISPlay:TEXT:CLEar")
    def clear_text(self, _call: Call) -> None:
        """Remove the text."""
        self._text = ""

    @command("SYSTem:BEEPer[:IMMediate]")
    def beep(self, _call: Call) -> None:
        """Beep once."""

    @command("SYSTem:BEEPer:STATe", "SYSTem:BEEPer:STATe?")
    def beeper(self, call: Call) -> int | None:
        """Whether an error makes it beep."""
        if call.query:
            return int(self._beeper)
        self._beeper = call.argument().boolean()
        return None

    @staticmethod
    def _of(settings: dict[str, object], key: str, call: Call, *words: str) -> str | None:
        if call.query:
            return str(settings[key])
        settings[key] = call.argument().word(*words)
        return None
