"""VOLTage, OUTPut and APPLy of the simulated 33500B."""

from __future__ import annotations

import math

from aimdlab_simulators.keysight.generator_base import GeneratorBase
from aimdlab_simulators.keysight.generator_channel import INFINITE_OHM, SOURCE_OHM, ChannelSettings
from aimdlab_simulators.scpi import Argument, Call, ScpiError, command

_UNITS = ("VPP", "VRMS", "DBM", "V")
_CREST = {"SIN": 2.0 * math.sqrt(2.0), "TRI": 2.0 * math.sqrt(3.0), "RAMP": 2.0 * math.sqrt(3.0), "NOIS": 6.6}
_MINIMUM_VPP = 2e-3  # open circuit
_STEP_V = 1e-3


class LevelCommands(GeneratorBase):
    """Amplitudes are across the load that OUTPut:LOAD names; Vrms of an arbitrary waveform is taken as half its Vpp."""

    @command("[SOURce#:]VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    def set_amplitude(self, call: Call) -> None:
        """Set the amplitude; what the offset does not leave room for is clipped."""
        settings = self.settings(call)
        self._set_amplitude(settings, call.argument())
        self.refresh(call)

    @command("[SOURce#:]VOLTage[:LEVel][:IMMediate][:AMPLitude]?")
    def get_amplitude(self, call: Call) -> float:
        """The amplitude, or its limit, in the channel's unit."""
        settings = self.settings(call)
        asked = call.optional()
        limits = (_MINIMUM_VPP / settings.load_factor, _room(settings))
        vpp = settings.amplitude_vpp if asked is None else asked.number((), *limits, 0.1)
        return _from_vpp(vpp, settings.unit, settings)

    @command("[SOURce#:]VOLTage:UNIT", "[SOURce#:]VOLTage:UNIT?")
    def amplitude_unit(self, call: Call) -> str | None:
        """VPP, VRMS or DBM; the last needs a load."""
        settings = self.settings(call)
        if call.query:
            return settings.unit
        unit = call.argument().word("VPP", "VRMS", "DBM")
        if unit == "DBM" and settings.load_ohm >= INFINITE_OHM:
            raise ScpiError(-221, "Settings conflict; dBm needs an output termination")
        settings.unit = unit
        return None

    @command("[SOURce#:]VOLTage[:LEVel][:IMMediate]:OFFSet")
    def set_offset(self, call: Call) -> None:
        """Set the DC offset."""
        settings = self.settings(call)
        room = settings.peak_limit - (0.0 if settings.function == "DC" else settings.amplitude_vpp / 2.0)
        settings.offset = self.clip(call.argument().number("V", None, None, 0.0), -room, room)
        self.refresh(call)

    @command("[SOURce#:]VOLTage[:LEVel][:IMMediate]:OFFSet?")
    def get_offset(self, call: Call) -> float:
        """The DC offset."""
        return self.settings(call).offset

    @command("[SOURce#:]VOLTage[:LEVel][:IMMediate]:HIGH", "[SOURce#:]VOLTage[:LEVel][:IMMediate]:HIGH?")
    def high(self, call: Call) -> float | None:
        """The high level; the low one stays."""
        settings = self.settings(call)
        low = settings.offset - settings.amplitude_vpp / 2.0
        if call.query:
            return settings.offset + settings.amplitude_vpp / 2.0
        high = self.clip(call.argument().number("V"), -settings.peak_limit, settings.peak_limit)
        if high - low < _STEP_V:
            low = high - _STEP_V
            self.report_error(-221, "Settings conflict; low level changed due to high level")
        _set_levels(settings, low, high)
        self.refresh(call)
        return None

    @command("[SOURce#:]VOLTage[:LEVel][:IMMediate]:LOW", "[SOURce#:]VOLTage[:LEVel][:IMMediate]:LOW?")
    def low(self, call: Call) -> float | None:
        """The low level; the high one stays."""
        settings = self.settings(call)
        high = settings.offset + settings.amplitude_vpp / 2.0
        if call.query:
            return settings.offset - settings.amplitude_vpp / 2.0
        low = self.clip(call.argument().number("V"), -settings.peak_limit, settings.peak_limit)
        if high - low < _STEP_V:
            high = low + _STEP_V
            self.report_error(-221, "Settings conflict; high level changed due to low level")
        _set_levels(settings, low, high)
        self.refresh(call)
        return None

    @command("OUTPut#[:STATe]", "OUTPut#[:STATe]?")
    def output_state(self, call: Call) -> int | None:
        """Switch the output; off is 0 V."""
        settings = self.settings(call)
        if call.query:
            return int(settings.output)
        settings.output = call.argument().boolean()
        self.refresh(call)
        return None

    @command("OUTPut#:LOAD", "OUTPut#:LOAD?")
    def output_load(self, call: Call) -> float | None:
        """The load that voltages are shown for; changing it changes what is shown, not what is put out."""
        settings = self.settings(call)
        if call.query:
            asked = call.optional()
            return settings.load_ohm if asked is None else asked.number("OHM", 1.0, 10e3, SOURCE_OHM)
        argument = call.argument()
        before = settings.load_factor
        infinite = argument.try_word("INFinity") is not None
        settings.load_ohm = INFINITE_OHM if infinite else argument.number("OHM", 1.0, 10e3, SOURCE_OHM)
        settings.amplitude_vpp *= before / settings.load_factor
        settings.offset *= before / settings.load_factor
        if infinite and settings.unit == "DBM":
            settings.unit = "VPP"
        self.refresh(call)
        return None

    @command("OUTPut#:POLarity", "OUTPut#:POLarity?")
    def output_polarity(self, call: Call) -> str | None:
        """NORMal, or INVerted about the offset."""
        return self.word(call, "polarity", "NORMal", "INVerted")

    @command("OUTPut#:MODE", "OUTPut#:MODE?")
    def output_mode(self, call: Call) -> str | None:
        """NORMal or GATed; the gate is not modelled."""
        return self.word(call, "output_mode", "NORMal", "GATed")

    @command("[SOURce#:]APPLy:SINusoid")
    def apply_sine(self, call: Call) -> None:
        """Frequency, amplitude and offset of SINusoid, then output on."""
        self._apply(call, "SIN")

    @command("[SOURce#:]APPLy:SQUare")
    def apply_square(self, call: Call) -> None:
        """Frequency, amplitude and offset of SQUare, then output on."""
        self._apply(call, "SQU")

    @command("[SOURce#:]APPLy:TRIangle")
    def apply_triangle(self, call: Call) -> None:
        """Frequency, amplitude and offset of TRIangle, then output on."""
        self._apply(call, "TRI")

    @command("[SOURce#:]APPLy:RAMP")
    def apply_ramp(self, call: Call) -> None:
        """Frequency, amplitude and offset of RAMP, then output on."""
        self._apply(call, "RAMP")

    @command("[SOURce#:]APPLy:PULSe")
    def apply_pulse(self, call: Call) -> None:
        """Frequency, amplitude and offset of PULSe, then output on."""
        self._apply(call, "PULS")

    @command("[SOURce#:]APPLy:PRBS")
    def apply_prbs(self, call: Call) -> None:
        """Frequency, amplitude and offset of PRBS, then output on."""
        self._apply(call, "PRBS")

    @command("[SOURce#:]APPLy:NOISe")
    def apply_noise(self, call: Call) -> None:
        """Frequency, amplitude and offset of NOISe, then output on."""
        self._apply(call, "NOIS")

    @command("[SOURce#:]APPLy:ARBitrary")
    def apply_arbitrary(self, call: Call) -> None:
        """Frequency (points per second), amplitude and offset of ARBitrary, then output on."""
        self._apply(call, "ARB")

    @command("[SOURce#:]APPLy:DC")
    def apply_dc(self, call: Call) -> None:
        """Frequency, amplitude and offset of DC, then output on."""
        self._apply(call, "DC")

    @command("[SOURce#:]APPLy?")
    def applied(self, call: Call) -> str:
        """Function, frequency or points per second, amplitude and offset, in quotes."""
        settings = self.settings(call)
        rate = settings.arb_rate if settings.function == "ARB" else settings.frequency
        amplitude = _from_vpp(settings.amplitude_vpp, settings.unit, settings)
        return f'"{settings.function} {rate:+.14E},{amplitude:+.14E},{settings.offset:+.14E}"'

    def _apply(self, call: Call, function: str) -> None:
        settings = self.settings(call)
        settings.function = function
        settings.burst = False
        settings.trigger_source = "IMM"
        frequency, amplitude, offset = (call.optional(index) for index in range(3))
        if function == "ARB" and frequency is not None:
            settings.arb_rate = frequency.number(("SA/S", "HZ"), 1e-6, self.variant.arb_rate_hz, 40e3)
        elif frequency is not None and frequency.try_word("DEFault") is None and function != "DC":
            settings.frequency = self.clip(frequency.number("HZ"), 1e-6, self.maximum_hz(settings))
        if amplitude is not None and amplitude.try_word("DEFault") is None and function != "DC":
            self._set_amplitude(settings, amplitude)
        if offset is not None:
            room = settings.peak_limit - (0.0 if function == "DC" else settings.amplitude_vpp / 2.0)
            settings.offset = self.clip(offset.number("V", None, None, 0.0), -room, room)
        settings.output = True
        self.channel(call).restart(self.timebase.now_s())

    def _set_amplitude(self, settings: ChannelSettings, argument: Argument) -> None:
        smallest = _MINIMUM_VPP / settings.load_factor
        if argument.try_word("MINimum", "MAXimum", "DEFault") is not None:
            settings.amplitude_vpp = argument.number((), smallest, _room(settings), 0.1)
            return
        value, unit = argument.number_and_unit(_UNITS)
        vpp = _to_vpp(value, settings.unit if unit in (None, "V") else str(unit), settings)
        settings.amplitude_vpp = self.clip(vpp, smallest, _room(settings))


def _room(settings: ChannelSettings) -> float:
    return 2.0 * (settings.peak_limit - abs(settings.offset))


def _set_levels(settings: ChannelSettings, low: float, high: float) -> None:
    settings.amplitude_vpp = high - low
    settings.offset = (high + low) / 2.0


def _to_vpp(value: float, unit: str, settings: ChannelSettings) -> float:
    if unit == "VPP":
        return value
    vrms = value if unit == "VRMS" else math.sqrt(1e-3 * 10.0 ** (value / 10.0) * settings.load_ohm)
    return vrms * _CREST.get(settings.function, 2.0)


def _from_vpp(vpp: float, unit: str, settings: ChannelSettings) -> float:
    vrms = vpp / _CREST.get(settings.function, 2.0)
    if unit == "DBM":
        return 10.0 * math.log10(vrms**2 / settings.load_ohm / 1e-3)
    return vpp if unit == "VPP" else vrms
