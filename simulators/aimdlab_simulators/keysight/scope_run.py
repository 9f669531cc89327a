""":TRIGger and the root commands that run and watch an acquisition of the simulated InfiniiVision oscilloscopes."""

from __future__ import annotations

from aimdlab_simulators.keysight.scope_base import ScopeBase
from aimdlab_simulators.scpi import Call, ScpiError, command
from aimdlab_simulators.world.instrument import Setting

_RUN_BIT = 1 << 3
_WAIT_BIT = 1 << 5
_TRIGGER_STATUS = 1 << 0
_OPERATION_STATUS = 1 << 7
_OTHER_SOURCES = ("EXTernal", "LINE", "WGEN")
_LEVEL_V = 1e3


class RunCommands(ScopeBase):
    """Edge trigger only; holdoff and the filters change nothing."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._operation_enable = 0
        self._digitizing = False

    def reset(self) -> None:
        """The enable register."""
        super().reset()
        self._operation_enable = 0

    def status_bits(self) -> int:
        """TRG while a trigger event was not read, OPER while an enabled operation event was not."""
        self.settle()
        bits = super().status_bits() & ~_TRIGGER_STATUS
        bits |= _TRIGGER_STATUS if self.acquisition.triggered else 0
        return bits | (_OPERATION_STATUS if self._operation_events() & self._operation_enable else 0)

    def pending_until_s(self) -> float | None:
        """The end of a :DIGitize; the other ways to acquire are watched by their status."""
        if not self._digitizing:
            return None
        self.settle()
        return self.acquisition.expected_end_s()

    @command("RUN")
    def run(self, _call: Call) -> None:
        """Acquire again and again."""
        self.acquisition.start("RUN")

    @command("STOP")
    def stop(self, _call: Call) -> None:
        """Stop."""
        self.acquisition.stop()

    @command("SINGle")
    def single(self, _call: Call) -> None:
        """Acquire once."""
        self.acquisition.start("SING")

    @command("DIGitize")
    def digitize(self, call: Call) -> None:
        """Acquire the named channels once (those on display if none is named) and block until it is done."""
        sources = [self.channel_number(a, "FUNCtion", "MATH", "FFT", "ABUS", "EXT", "SBUS#") for a in call.args]
        channels = [int(source[4:]) for source in sources if source.startswith("CHAN")]
        for number, settings in self.settings.inputs.items():
            settings.display = number in channels if channels else settings.display
        self.acquisition.start("SING")
        self._digitizing = True
        try:
            self.wait_for_completion(call)
        finally:
            self._digitizing = False

    @command("RSTate?")
    def run_state(self, _call: Call) -> str:
        """RUN, STOP or SING."""
        self.settle()
        return self.acquisition.state

    @command("AER?")
    def armed_event(self, _call: Call) -> int:
        """Whether the trigger was armed, pre-trigger part full, since this was last asked."""
        self.settle()
        armed, self.acquisition.armed = self.acquisition.armed, False
        return int(armed)

    @command("TER?")
    def trigger_event(self, _call: Call) -> int:
        """Whether a trigger came since this was last asked."""
        self.settle()
        triggered, self.acquisition.triggered = self.acquisition.triggered, False
        return int(triggered)

    @command("OPERegister:CONDition?")
    def operation_condition(self, _call: Call) -> int:
        """Bit 3: not stopped; bit 5: armed and waiting for a trigger."""
        self.settle()
        return _RUN_BIT * (self.is_stuck or self.acquisition.state != "STOP") | _WAIT_BIT * self.acquisition.waiting

    @command("OPERegister[:EVENt]?")
    def operation_event(self, _call: Call) -> int:
        """Bit 3: went from stop to running; bit 5: was armed; reading clears bit 3."""
        self.settle()
        events = self._operation_events()
        self.acquisition.started = False
        return events

    @command("OPEE", "OPEE?")
    def operation_enable(self, call: Call) -> int | None:
        """Which operation events show in the status byte."""
        if call.query:
            return self._operation_enable
        self._operation_enable = call.argument().integer(0, 32767)
        return None

    @command("AUToscale")
    def autoscale(self, call: Call) -> None:
        """Fit the height of every channel on display to the last 100 ms, then run."""
        now_s = self.timebase.now_s()
        self.settle()
        _ = call.args
        for number, settings in self.settings.inputs.items():
            connector = self.inputs[number]
            low, high = connector.signal.bounds(max(0.0, now_s - 0.1), now_s)
            factor = settings.probe / connector.errors.attenuation
            low, high = sorted((low * factor, high * factor))
            if settings.display:
                settings.range_v = min(max(1.25 * (high - low), 0.08 * settings.probe), 40.0 * settings.probe)
                settings.offset_v = (low + high) / 2
        self.settings.trigger.sweep = "AUTO"
        self.acquisition.start("RUN")

    @command("VIEW")
    def view(self, call: Call) -> None:
        """Show a channel."""
        self._show(call, shown=True)

    @command("BLANk")
    def blank(self, call: Call) -> None:
        """Hide a channel, or all."""
        self._show(call, shown=False)

    @command("STATus?")
    def shown(self, call: Call) -> int:
        """Whether a channel is shown."""
        return int(self.settings.inputs[int(self.channel_number(call.argument())[4:])].display)

    @command("TRIGger:SWEep", "TRIGger:SWEep?")
    def trigger_sweep(self, call: Call) -> str | None:
        """AUTO: without a trigger one is made up after a while; NORMal: never."""
        return self.word(call, self.settings.trigger, "sweep", "AUTO", "NORMal")

    @command("TRIGger:MODE", "TRIGger:MODE?")
    def trigger_mode(self, call: Call) -> str | None:
        """EDGE; other kinds are not modelled and refused."""
        return self.word(call, self.settings.trigger, "mode", "EDGE")

    @command("TRIGger:FORCe")
    def trigger_force(self, _call: Call) -> None:
        """Trigger, once the pre-trigger part is full."""
        self.acquisition.force()

    @command("TRIGger[:EDGE]:SOURce", "TRIGger[:EDGE]:SOURce?")
    def trigger_source(self, call: Call) -> str | None:
        """The channel looked at, EXTernal, LINE or WGEN."""
        if call.query:
            return self.settings.trigger.source
        self._set(self.settings.trigger, "source", self.channel_number(call.argument(), *_OTHER_SOURCES))
        return None

    @command("TRIGger[:EDGE]:LEVel", "TRIGger[:EDGE]:LEVel?")
    def trigger_level(self, call: Call) -> float | None:
        """The level, of the chosen source or of one that is named."""
        trigger = self.settings.trigger
        source_index = 0 if call.query else 1
        named = call.optional(source_index)
        source = trigger.source if named is None else self.channel_number(named, *_OTHER_SOURCES)
        if call.query:
            return trigger.levels_v.get(source, 0.0)
        reach_v = self.settings.external.range_v if source == "EXT" else _LEVEL_V
        level_v = call.argument().number("V", -reach_v, reach_v)
        self.settle()
        trigger.levels_v[source] = level_v
        self.changed()
        return None

    @command("TRIGger[:EDGE]:SLOPe", "TRIGger[:EDGE]:SLOPe?")
    def trigger_slope(self, call: Call) -> str | None:
        """POSitive, NEGative, EITHer or ALTernate (taken as either)."""
        return self.word(call, self.settings.trigger, "slope", "POSitive", "NEGative", "EITHer", "ALTernate")

    @command("TRIGger[:EDGE]:COUPling", "TRIGger[:EDGE]:COUPling?")
    def trigger_coupling(self, call: Call) -> str | None:
        """DC; AC and LFReject are remembered."""
        return self.word(call, self.settings.trigger, "coupling", "AC", "DC", "LFReject")

    @command("TRIGger[:EDGE]:REJect", "TRIGger[:EDGE]:REJect?")
    def trigger_reject(self, call: Call) -> str | None:
        """The trigger's filter."""
        return self.word(call, self.settings.trigger, "reject", "OFF", "LFReject", "HFReject")

    @command("TRIGger:HOLDoff", "TRIGger:HOLDoff?")
    def trigger_holdoff(self, call: Call) -> float | None:
        """Holdoff."""
        return self.number(call, self.settings.trigger, "holdoff_s", (40e-9, 10.0), unit="S")

    @command("CALibrate:OUTPut", "CALibrate:OUTPut?")
    def trigger_out(self, call: Call) -> str | None:
        """What is at Trig Out: an edge per TRIGger; of a MASK test or the WAVEgen nothing comes here."""
        trigger = self.settings.trigger
        if call.query:
            return trigger.output
        self.settle()
        trigger.output = call.argument().word("TRIGgers", "MASK", "WAVEgen")
        return None

    @command("TRIGger:NREJect", "TRIGger:NREJect?")
    def trigger_noise_reject(self, call: Call) -> int | None:
        """The noise reject filter."""
        return self.boolean(call, self.settings.trigger, "noise_reject")

    @command("TRIGger:HFReject", "TRIGger:HFReject?")
    def trigger_hf_reject(self, call: Call) -> int | None:
        """The high frequency reject filter."""
        return self.boolean(call, self.settings.trigger, "hf_reject")

    def _operation_events(self) -> int:
        return _RUN_BIT * self.acquisition.started | _WAIT_BIT * self.acquisition.armed

    def _show(self, call: Call, *, shown: bool) -> None:
        argument = call.optional()
        if argument is None and shown:
            raise ScpiError(-109, "Missing parameter")
        numbers = self.settings.inputs if argument is None else [int(self.channel_number(argument)[4:])]
        self.settle()
        for number in numbers:
            self.settings.inputs[number].display = shown
        self.changed()
