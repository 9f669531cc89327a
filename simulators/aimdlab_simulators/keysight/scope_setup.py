""":CHANnel, :EXTernal, :TIMebase and :ACQuire of the simulated InfiniiVision oscilloscopes."""

from __future__ import annotations

from aimdlab_simulators.keysight.scope_base import ScopeBase, number_text
from aimdlab_simulators.scpi import Call, ScpiError, command

_DIVISIONS_V = 8
_DIVISIONS_S = 10
_RANGE_V = (8e-3, 40.0)  # at 1:1
_RANGE_S = (20e-9, 500.0)
_LABEL_LENGTH = 10


class SetupCommands(ScopeBase):
    """AC coupling, input impedance, skew and bandwidth limit are remembered and change nothing."""

    @command("CHANnel#:DISPlay", "CHANnel#:DISPlay?")
    def channel_display(self, call: Call) -> int | None:
        """Whether the channel is acquired and shown."""
        return self.boolean(call, self.input_settings(call), "display")

    @command("CHANnel#:RANGe", "CHANnel#:RANGe?")
    def channel_range(self, call: Call) -> float | None:
        """Height of the screen."""
        settings = self.input_settings(call)
        limits = _RANGE_V[0] * settings.probe, _RANGE_V[1] * settings.probe
        return self.number(call, settings, "range_v", limits, unit=("V", "MV"))

    @command("CHANnel#:SCALe", "CHANnel#:SCALe?")
    def channel_scale(self, call: Call) -> float | None:
        """Height of a division."""
        settings = self.input_settings(call)
        if call.query:
            return settings.range_v / _DIVISIONS_V
        low, high = (limit * settings.probe / _DIVISIONS_V for limit in _RANGE_V)
        self._set(settings, "range_v", call.argument().number("V", low, high) * _DIVISIONS_V)
        return None

    @command("CHANnel#:OFFSet", "CHANnel#:OFFSet?")
    def channel_offset(self, call: Call) -> float | None:
        """Voltage at the middle of the screen; the nearest that is possible is taken."""
        settings = self.input_settings(call)
        if call.query:
            return settings.offset_v
        most = _RANGE_V[1] * settings.probe
        self._set(settings, "offset_v", min(max(call.argument().number("V"), -most), most))
        return None

    @command("CHANnel#:COUPling", "CHANnel#:COUPling?")
    def channel_coupling(self, call: Call) -> str | None:
        """AC or DC."""
        return self.word(call, self.input_settings(call), "coupling", "AC", "DC")

    @command("CHANnel#:IMPedance", "CHANnel#:IMPedance?")
    def channel_impedance(self, call: Call) -> str | None:
        """ONEMeg or FIFTy."""
        return self.word(call, self.input_settings(call), "impedance", "ONEMeg", "FIFTy")

    @command("CHANnel#:PROBe", "CHANnel#:PROBe?")
    def channel_probe(self, call: Call) -> float | None:
        """Attenuation of the probe; range, offset and trigger level keep their place on the screen."""
        settings = self.input_settings(call)
        if call.query:
            return settings.probe
        self.settle()
        probe = call.argument().number("X", 0.1, 10e3)
        factor = probe / settings.probe
        settings.probe = probe
        settings.range_v *= factor
        settings.offset_v *= factor
        levels, name = self.settings.trigger.levels_v, f"CHAN{call.suffixes[0]}"
        if name in levels:
            levels[name] *= factor
        self.changed()
        return None

    @command("CHANnel#:PROBe:SKEW", "CHANnel#:PROBe:SKEW?")
    def channel_skew(self, call: Call) -> float | None:
        """Delay of the channel."""
        return self.number(call, self.input_settings(call), "skew_s", (-100e-9, 100e-9), unit="S")

    @command("CHANnel#:BWLimit", "CHANnel#:BWLimit?")
    def channel_bandwidth_limit(self, call: Call) -> int | None:
        """Whether the low pass is on."""
        return self.boolean(call, self.input_settings(call), "bandwidth_limit")

    @command("CHANnel#:INVert", "CHANnel#:INVert?")
    def channel_invert(self, call: Call) -> int | None:
        """Whether the voltage is turned round."""
        return self.boolean(call, self.input_settings(call), "invert")

    @command("CHANnel#:VERNier", "CHANnel#:VERNier?")
    def channel_vernier(self, call: Call) -> int | None:
        """Whether the knob turns in fine steps; any range can be set remotely."""
        return self.boolean(call, self.input_settings(call), "vernier")

    @command("CHANnel#:LABel", "CHANnel#:LABel?")
    def channel_label(self, call: Call) -> str | None:
        """A label of up to ten characters, capitals."""
        settings = self.input_settings(call)
        if call.query:
            return f'"{settings.label}"'
        settings.label = call.argument().text()[:_LABEL_LENGTH].upper()
        return None

    @command("CHANnel#:UNITs", "CHANnel#:UNITs?")
    def channel_unit(self, call: Call) -> str | None:
        """VOLT or AMPere."""
        return self.word(call, self.input_settings(call), "unit", "VOLT", "AMPere")

    @command("CHANnel#?")
    def channel_setup(self, call: Call) -> str:
        """Everything of a channel in one line."""
        settings = self.input_settings(call)
        return (
            f":CHAN{call.suffixes[0]}:RANG {number_text(settings.range_v)};OFFS {number_text(settings.offset_v)};"
            f"COUP {settings.coupling};IMP {settings.impedance};DISP {settings.display:d};"
            f'BWL {settings.bandwidth_limit:d};INV {settings.invert:d};LAB "{settings.label}";UNIT {settings.unit};'
            f"PROB {number_text(settings.probe)};PROB:SKEW {number_text(settings.skew_s)};STYP SING"
        )

    @command("EXTernal:RANGe", "EXTernal:RANGe?")
    def external_range(self, call: Call) -> float | None:
        """Full scale of the external trigger input; the next larger one that there is."""
        settings, ranges_v = self.settings.external, self.variant.external_ranges_v
        if call.query:
            return settings.range_v
        asked_v = call.argument().number(("V", "MV"), 0.0, ranges_v[-1] * settings.probe)
        self._set(settings, "range_v", next(v for v in ranges_v if v * settings.probe >= asked_v) * settings.probe)
        return None

    @command("EXTernal:PROBe", "EXTernal:PROBe?")
    def external_probe(self, call: Call) -> float | None:
        """Attenuation of the probe there; range and level follow it."""
        settings = self.settings.external
        if call.query:
            return settings.probe
        probe = call.argument().number("X", 0.1, 1e3)
        self.settle()
        factor = probe / settings.probe
        settings.probe = probe
        settings.range_v *= factor
        levels = self.settings.trigger.levels_v
        levels["EXT"] = levels.get("EXT", 0.0) * factor
        self.changed()
        return None

    @command("EXTernal:UNITs", "EXTernal:UNITs?")
    def external_unit(self, call: Call) -> str | None:
        """VOLT or AMPere."""
        return self.word(call, self.settings.external, "unit", "VOLT", "AMPere")

    @command("EXTernal:BWLimit", "EXTernal:BWLimit?")
    def external_bandwidth_limit(self, call: Call) -> int | None:
        """OFF is all that it can be."""
        if call.query:
            return 0
        if call.argument().boolean():
            raise ScpiError(-224, "Illegal parameter value")
        return None

    @command("EXTernal?")
    def external_setup(self, _call: Call) -> str:
        """Everything of the external trigger input in one line."""
        settings = self.settings.external
        return (
            f":EXT:BWL 0;RANG {number_text(settings.range_v)};UNIT {settings.unit};PROB {number_text(settings.probe)}"
        )

    @command("TIMebase:MODE", "TIMebase:MODE?")
    def timebase_mode(self, call: Call) -> str | None:
        """MAIN; WINDow, XY and ROLL are remembered, samples are taken as in MAIN."""
        return self.word(call, self.settings.timebase, "mode", "MAIN", "WINDow", "XY", "ROLL")

    @command("TIMebase[:MAIN]:RANGe", "TIMebase[:MAIN]:RANGe?")
    def timebase_range(self, call: Call) -> float | None:
        """Width of the screen."""
        return self.number(call, self.settings.timebase, "range_s", _RANGE_S, unit="S")

    @command("TIMebase[:MAIN]:SCALe", "TIMebase[:MAIN]:SCALe?")
    def timebase_scale(self, call: Call) -> float | None:
        """Width of a division."""
        if call.query:
            return self.settings.timebase.range_s / _DIVISIONS_S
        scale = call.argument().number("S", _RANGE_S[0] / _DIVISIONS_S, _RANGE_S[1] / _DIVISIONS_S)
        self._set(self.settings.timebase, "range_s", scale * _DIVISIONS_S)
        return None

    @command("TIMebase[:MAIN]:POSition", "TIMebase[:MAIN]:POSition?")
    def timebase_position(self, call: Call) -> float | None:
        """From the trigger to the reference point of the screen."""
        return self.number(call, self.settings.timebase, "position_s", (-1000.0, 1000.0), unit="S")

    @command("TIMebase:REFerence", "TIMebase:REFerence?")
    def timebase_reference(self, call: Call) -> str | None:
        """Reference point: one division from the LEFT, the CENTer, one division from the RIGHt."""
        return self.word(call, self.settings.timebase, "reference", "LEFT", "CENTer", "RIGHt")

    @command("TIMebase?")
    def timebase_setup(self, _call: Call) -> str:
        """Everything of the time base in one line."""
        settings = self.settings.timebase
        return (
            f":TIM:MODE {settings.mode};REF {settings.reference};MAIN:RANG {number_text(settings.range_s)};"
            f"POS {number_text(settings.position_s)}"
        )

    @command("ACQuire:TYPE", "ACQuire:TYPE?")
    def acquire_type(self, call: Call) -> str | None:
        """NORMal or HRESolution; AVERage and PEAK are remembered, samples are those of NORMal."""
        return self.word(call, self.settings.acquire, "type", "NORMal", "AVERage", "HRESolution", "PEAK")

    @command("ACQuire:MODE", "ACQuire:MODE?")
    def acquire_mode(self, call: Call) -> str | None:
        """RTIMe; SEGMented is remembered, one segment is taken."""
        return self.word(call, self.settings.acquire, "mode", "RTIMe", "SEGMented", "ETIMe")

    @command("ACQuire:COUNt", "ACQuire:COUNt?")
    def acquire_count(self, call: Call) -> int | None:
        """Acquisitions in an average."""
        if call.query:
            return self.settings.acquire.count
        self.settings.acquire.count = call.argument().integer(2, 65_536)
        return None

    @command("ACQuire:COMPlete", "ACQuire:COMPlete?")
    def acquire_complete(self, call: Call) -> int | None:
        """Percentage of an acquisition that makes it complete; 100 is the only value."""
        if call.query:
            return self.settings.acquire.complete
        call.argument().integer(100, 100)
        return None

    @command("ACQuire:SRATe[:ANALog]?")
    def acquire_rate(self, _call: Call) -> float:
        """Samples per second as the settings are."""
        return 1.0 / self.settings.sampling(self.variant, running=self.acquisition.state == "RUN")[0]

    @command("ACQuire:POINts[:ANALog]?")
    def acquire_points(self, _call: Call) -> int:
        """Samples of an acquisition as the settings are."""
        return self.settings.sampling(self.variant, running=self.acquisition.state == "RUN")[1]
