"""BURSt, TRIGger and INITiate of the simulated 33500B."""

from __future__ import annotations

import math

from aimdlab_simulators.keysight.generator_base import GeneratorBase
from aimdlab_simulators.keysight.generator_channel import INFINITE_CYCLES, ChannelSettings
from aimdlab_simulators.scpi import Call, ScpiError, command

_GAP_S = 1e-6
_MOST_CYCLES = 1e8


class BurstCommands(GeneratorBase):
    """Bursts by bus trigger, by the internal timers, or by edges at the Ext Trig input, of which all are rising."""

    @command("[SOURce#:]BURSt:STATe", "[SOURce#:]BURSt:STATe?")
    def burst_state(self, call: Call) -> int | None:
        """Switch burst mode; the output then rests until a trigger comes."""
        settings = self.settings(call)
        if call.query:
            return int(settings.burst)
        settings.burst = call.argument().boolean()
        self._fit_period(call, settings)
        self.channel(call).restart(self.timebase.now_s())
        return None

    @command("[SOURce#:]BURSt:MODE", "[SOURce#:]BURSt:MODE?")
    def burst_mode(self, call: Call) -> str | None:
        """TRIGgered (a number of cycles) or GATed."""
        return self.word(call, "burst_mode", "TRIGgered", "GATed")

    @command("[SOURce#:]BURSt:NCYCles")
    def set_cycles(self, call: Call) -> None:
        """Cycles per burst, 1 to 1e8 or INFinity."""
        settings = self.settings(call)
        argument = call.argument()
        infinite = argument.try_word("INFinity") is not None
        settings.burst_cycles = INFINITE_CYCLES if infinite else float(argument.integer(1, int(_MOST_CYCLES), 1))
        self._fit_period(call, settings)
        self.refresh(call)

    @command("[SOURce#:]BURSt:NCYCles?")
    def get_cycles(self, call: Call) -> float:
        """Cycles per burst, 9.9E+37 for an endless one."""
        asked = call.optional()
        return self.settings(call).burst_cycles if asked is None else asked.number((), 1.0, _MOST_CYCLES, 1.0)

    @command("[SOURce#:]BURSt:PHASe", "[SOURce#:]BURSt:PHASe?")
    def burst_phase(self, call: Call) -> float | None:
        """The phase at which bursts begin, in the unit of UNIT:ANGLe."""
        return self.angle(call, "burst_phase_deg")

    @command("[SOURce#:]BURSt:INTernal:PERiod")
    def set_burst_period(self, call: Call) -> None:
        """From the start of one burst to the start of the next, for the immediate trigger."""
        settings = self.settings(call)
        settings.burst_period = call.argument().number("S", 1e-6, 8000.0, 10e-3)
        self._fit_period(call, settings)
        self.refresh(call)

    @command("[SOURce#:]BURSt:INTernal:PERiod?")
    def get_burst_period(self, call: Call) -> float:
        """The burst period."""
        asked = call.optional()
        return self.settings(call).burst_period if asked is None else asked.number("S", 1e-6, 8000.0, 10e-3)

    @command("[SOURce#:]BURSt:GATE:POLarity", "[SOURce#:]BURSt:GATE:POLarity?")
    def gate_polarity(self, call: Call) -> str | None:
        """Whether the gate is true-high (NORMal) or true-low (INVerted)."""
        return self.word(call, "gate_polarity", "NORMal", "INVerted")

    @command("TRIGger#:SOURce", "TRIGger#:SOURce?")
    def trigger_source(self, call: Call) -> str | None:
        """IMMediate, EXTernal, TIMer or BUS."""
        settings = self.settings(call)
        if call.query:
            return settings.trigger_source
        settings.trigger_source = call.argument().word("IMMediate", "EXTernal", "TIMer", "BUS")
        self._fit_period(call, settings)
        if settings.burst:
            self.channel(call).restart(self.timebase.now_s())
        return None

    @command("TRIGger#:SLOPe", "TRIGger#:SLOPe?")
    def trigger_slope(self, call: Call) -> str | None:
        """Edge of the external trigger."""
        return self.word(call, "trigger_slope", "POSitive", "NEGative")

    @command("TRIGger#:LEVel", "TRIGger#:LEVel?")
    def trigger_level(self, call: Call) -> float | None:
        """Level of the external trigger."""
        return self.number(call, "trigger_level", 0.9, 3.8, default=1.6, unit="V")

    @command("TRIGger#:COUNt", "TRIGger#:COUNt?")
    def trigger_count(self, call: Call) -> int | None:
        """How many bursts one trigger starts; they follow each other without a gap here."""
        settings = self.settings(call)
        if call.query:
            return settings.trigger_count
        settings.trigger_count = call.argument().integer(1, 1_000_000, 1)
        return None

    @command("TRIGger#:DELay", "TRIGger#:DELay?")
    def trigger_delay(self, call: Call) -> float | None:
        """From trigger to burst."""
        return self.number(call, "trigger_delay", 0.0, 1000.0, default=0.0, unit="S")

    @command("TRIGger#:TIMer", "TRIGger#:TIMer?")
    def trigger_timer(self, call: Call) -> float | None:
        """Period of the internal trigger timer."""
        return self.number(call, "trigger_timer", 1e-6, 8000.0, default=1.0, unit="S")

    @command("TRIGger#[:IMMediate]")
    def trigger_now(self, call: Call) -> None:
        """Trigger one channel whatever its source is."""
        if not self.channel(call).trigger(self.timebase.now_s()):
            raise ScpiError(-211, "Trigger ignored")

    @command("INITiate#:CONTinuous", "INITiate#:CONTinuous?")
    def continuous(self, call: Call) -> int | None:
        """Whether the trigger system arms itself again; it does so here in any case."""
        settings = self.settings(call)
        if call.query:
            return int(settings.continuous)
        settings.continuous = call.argument().boolean()
        return None

    @command("INITiate#[:IMMediate]", "INITiate[:IMMediate]:ALL")
    def initiate(self, call: Call) -> None:
        """Arm the trigger system; it is armed already here."""

    @command("ABORt")
    def abort(self, _call: Call) -> None:
        """End what bursts are playing."""
        for channel in self.channels.values():
            if channel.settings.burst:
                channel.restart(self.timebase.now_s())

    def trigger(self) -> None:
        """``*TRG``: every channel whose trigger source is BUS."""
        waiting = [channel for channel in self.channels.values() if channel.settings.trigger_source == "BUS"]
        if not [channel for channel in waiting if channel.trigger(self.timebase.now_s())]:
            raise ScpiError(-211, "Trigger ignored")

    def pending_until_s(self) -> float | None:
        """World time at which the last finite triggered burst ends."""
        now_s = self.timebase.now_s()
        ends = [channel.playing_until_s(now_s) for channel in self.channels.values()]
        return max((end for end in ends if end is not None), default=None)

    def _fit_period(self, call: Call, settings: ChannelSettings) -> None:
        """Lengthen a burst period that the burst does not fit into, as the instrument does."""
        if not settings.burst or settings.trigger_source != "IMM" or settings.burst_cycles >= INFINITE_CYCLES:
            return
        shortest_s = settings.burst_cycles * self.channel(call).cycle_s() + _GAP_S
        if settings.burst_period < shortest_s < math.inf:  # a sequence may be endless
            self.report_error(-221, "Settings conflict; burst period has been adjusted")
            settings.burst_period = shortest_s
