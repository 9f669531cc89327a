"""FUNCtion, FREQuency, PHASe and UNIT of the simulated 33500B."""

from __future__ import annotations

from aimdlab_simulators.keysight.generator_base import GeneratorBase
from aimdlab_simulators.keysight.generator_channel import ChannelSettings
from aimdlab_simulators.scpi import Call, command


class FunctionCommands(GeneratorBase):
    """The built-in functions and their parameters; edge times are remembered, the edges stay vertical."""

    @command("[SOURce#:]FUNCtion", "[SOURce#:]FUNCtion?")
    def function(self, call: Call) -> str | None:
        """Choose the function; a frequency that it cannot do is reduced."""
        settings = self.settings(call)
        if call.query:
            return settings.function
        settings.function = call.argument().word(
            "SINusoid", "SQUare", "TRIangle", "RAMP", "PULSe", "PRBS", "NOISe", "ARBitrary", "DC"
        )
        limit = self.maximum_hz(settings)
        if settings.frequency > limit and settings.function not in ("ARB", "DC", "NOIS", "PRBS"):
            self.report_error(-221, "Settings conflict; frequency reduced for new function")
            settings.frequency = limit
        self.channel(call).restart(self.timebase.now_s())
        return None

    @command("[SOURce#:]FREQuency[:CW]", "[SOURce#:]FREQuency[:FIXed]")
    def set_frequency(self, call: Call) -> None:
        """Set the frequency, within the function's limits."""
        settings = self.settings(call)
        argument = call.argument()
        limit = self.maximum_hz(settings)
        if argument.try_word("MINimum", "MAXimum", "DEFault") is not None:
            settings.frequency = argument.number("HZ", 1e-6, limit, 1e3)
        else:
            settings.frequency = self.clip(argument.number("HZ"), 1e-6, limit)
        self._hold_pulse(settings)
        self.refresh(call)

    @command("[SOURce#:]FREQuency[:CW]?", "[SOURce#:]FREQuency[:FIXed]?")
    def get_frequency(self, call: Call) -> float:
        """The frequency."""
        settings = self.settings(call)
        asked = call.optional()
        return settings.frequency if asked is None else asked.number("HZ", 1e-6, self.maximum_hz(settings), 1e3)

    @command("[SOURce#:]FREQuency:MODE", "[SOURce#:]FREQuency:MODE?")
    def frequency_mode(self, call: Call) -> str | None:
        """CW or FIXed; LIST and SWEep are remembered, the frequency stays what it is."""
        return self.word(call, "frequency_mode", "CW", "LIST", "SWEep", "FIXed")

    @command("[SOURce#:]PHASe[:ADJust]", "[SOURce#:]PHASe[:ADJust]?")
    def phase(self, call: Call) -> float | None:
        """Phase offset, in the unit of UNIT:ANGLe."""
        return self.angle(call, "phase_deg")

    @command("[SOURce#:]PHASe:SYNChronize")
    def synchronize(self, _call: Call) -> None:
        """Begin the waveforms of all channels at the same instant."""
        now_s = self.timebase.now_s()
        for channel in self.channels.values():
            channel.restart(now_s)

    @command("UNIT:ANGLe", "UNIT:ANGLe?")
    def unit_of_angles(self, call: Call) -> str | None:
        """DEGree, RADian, SECond or DEFault."""
        if call.query:
            return self.angle_unit
        unit = call.argument().word("DEGree", "RADian", "SECond", "DEFault")
        self.angle_unit = "DEG" if unit == "DEF" else unit
        return None

    @command("[SOURce#:]FUNCtion:SQUare:DCYCle", "[SOURce#:]FUNCtion:SQUare:DCYCle?")
    def square_duty(self, call: Call) -> float | None:
        """Duty cycle of the square wave in percent."""
        return self.number(call, "square_duty", 0.01, 99.99, default=50.0, unit=("PCT", "%"))

    @command("[SOURce#:]FUNCtion:RAMP:SYMMetry", "[SOURce#:]FUNCtion:RAMP:SYMMetry?")
    def ramp_symmetry(self, call: Call) -> float | None:
        """Rising share of the ramp in percent."""
        return self.number(call, "ramp_symmetry", 0.0, 100.0, default=100.0, unit=("PCT", "%"))

    @command("[SOURce#:]FUNCtion:PULSe:PERiod", "[SOURce#:]FUNCtion:PULSe:PERiod?")
    def pulse_period(self, call: Call) -> float | None:
        """The period, another name of 1 / FREQuency."""
        settings = self.settings(call)
        if call.query:
            return 1.0 / settings.frequency
        settings.frequency = 1.0 / call.argument().number("S", 1.0 / self.variant.sine_hz, 1e6, 1e-3)
        self._hold_pulse(settings)
        self.refresh(call)
        return None

    @command("[SOURce#:]FUNCtion:PULSe:WIDTh", "[SOURce#:]FUNCtion:PULSe:WIDTh?")
    def pulse_width(self, call: Call) -> float | None:
        """Width of the pulse; one that does not fit into the period is reduced."""
        settings = self.settings(call)
        if call.query:
            return settings.pulse_width
        width = call.argument().number("S", 16e-9, 1e6, 100e-6)
        settings.pulse_width = self.clip(width, 16e-9, 1.0 / settings.frequency - 16e-9)
        self.refresh(call)
        return None

    @command("[SOURce#:]FUNCtion:PULSe:DCYCle", "[SOURce#:]FUNCtion:PULSe:DCYCle?")
    def pulse_duty(self, call: Call) -> float | None:
        """Width of the pulse in percent of the period."""
        settings = self.settings(call)
        if call.query:
            return 100.0 * settings.pulse_width * settings.frequency
        period = 1.0 / settings.frequency
        width = call.argument().number(("PCT", "%"), 0.0, 100.0, 10.0) / 100.0 * period
        settings.pulse_width = min(max(width, 16e-9), period - 16e-9)
        self.refresh(call)
        return None

    @command("[SOURce#:]FUNCtion:PULSe:HOLD", "[SOURce#:]FUNCtion:PULSe:HOLD?")
    def pulse_hold(self, call: Call) -> str | None:
        """Whether the width or the duty cycle stays when the period changes."""
        return self.word(call, "pulse_hold", "WIDTh", "DCYCle")

    @command("[SOURce#:]FUNCtion:PULSe:TRANsition[:BOTH]")
    def pulse_edges(self, call: Call) -> None:
        """Both edge times."""
        settings = self.settings(call)
        edge = call.argument().number("S", 2.9e-9, 1e-6, 10e-9)
        settings.pulse_leading = settings.pulse_trailing = edge

    @command("[SOURce#:]FUNCtion:PULSe:TRANsition[:LEADing]?")
    def get_leading_edge(self, call: Call) -> float:
        """The leading edge time."""
        return self.settings(call).pulse_leading

    @command("[SOURce#:]FUNCtion:PULSe:TRANsition:LEADing")
    def set_leading_edge(self, call: Call) -> None:
        """The leading edge time."""
        self.settings(call).pulse_leading = call.argument().number("S", 2.9e-9, 1e-6, 10e-9)

    @command("[SOURce#:]FUNCtion:PULSe:TRANsition:TRAiling", "[SOURce#:]FUNCtion:PULSe:TRANsition:TRAiling?")
    def trailing_edge(self, call: Call) -> float | None:
        """The trailing edge time."""
        return self.number(call, "pulse_trailing", 2.9e-9, 1e-6, default=10e-9, unit="S")

    @command("[SOURce#:]FUNCtion:NOISe:BANDwidth", "[SOURce#:]FUNCtion:NOISe:BANDwidth?")
    def noise_bandwidth(self, call: Call) -> float | None:
        """Bandwidth of the noise."""
        return self.number(call, "noise_bandwidth", 1e-3, self.variant.sine_hz, default=100e3, unit="HZ")

    @command("[SOURce#:]FUNCtion:PRBS:BRATe", "[SOURce#:]FUNCtion:PRBS:BRATe?")
    def bit_rate(self, call: Call) -> float | None:
        """Bits per second."""
        return self.number(call, "bit_rate", 1e-3, 50e6, default=1e3)

    @staticmethod
    def _hold_pulse(settings: ChannelSettings) -> None:
        settings.pulse_width = min(settings.pulse_width, max(16e-9, 1.0 / settings.frequency - 16e-9))
