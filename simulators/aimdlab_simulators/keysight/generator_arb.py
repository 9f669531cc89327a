"""DATA, FORMat and FUNCtion:ARBitrary of the simulated 33500B."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aimdlab_simulators.keysight.arb_memory import DEFAULT_NAME
from aimdlab_simulators.keysight.arb_sequence import SequenceText
from aimdlab_simulators.keysight.generator_base import GeneratorBase
from aimdlab_simulators.keysight.shapes import FULL_SCALE
from aimdlab_simulators.scpi import Call, ScpiError, command
from aimdlab_simulators.world.instrument import Setting

_UNFILTERED_LIMIT_HZ = 62.5e6


class ArbCommands(GeneratorBase):
    """Loading and choosing arbitrary waveforms and sequences; files (MMEMory) are not modelled.

    Every waveform of a sequence plays at the rate and level of the channel: only files carry their own.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._byte_order = "NORM"

    def reset(self) -> None:
        """The byte order; waveforms that are loaded stay."""
        super().reset()
        self._byte_order = "NORM"

    @command("FORMat:BORDer", "FORMat:BORDer?")
    def byte_order(self, call: Call) -> str | None:
        """NORMal: most significant byte first; SWAPped: least."""
        if call.query:
            return self._byte_order
        self._byte_order = call.argument().word("NORMal", "SWAPped")
        return None

    @command("[SOURce#:]DATA:ARBitrary:DAC")
    def load_codes(self, call: Call) -> None:
        """Load whole numbers -32767..32767, as a list or as a block of 16-bit integers."""
        name = call.argument(0).text()
        first = call.argument(1)
        if first.is_block():
            values = self._block(first.block(), "i2").astype(np.int32)
        else:
            values = np.rint(np.array(call.numbers(1))).astype(np.int32)
        if values.size and (values.min() < -FULL_SCALE or values.max() > FULL_SCALE):
            raise ScpiError(-222, "Data out of range")
        self.channel(call).memory.load(name, values.astype(np.int16))

    @command("[SOURce#:]DATA:ARBitrary")
    def load_values(self, call: Call) -> None:
        """Load values -1..1, as a list or as a block of 32-bit floats."""
        name = call.argument(0).text()
        first = call.argument(1)
        values = self._block(first.block(), "f4").astype(float) if first.is_block() else np.array(call.numbers(1))
        if values.size and not (np.abs(values) <= 1.0).all():
            raise ScpiError(-222, "Data out of range")
        self.channel(call).memory.load(name, np.rint(values * FULL_SCALE).astype(np.int16))

    @command("[SOURce#:]DATA:SEQuence")
    def load_sequence(self, call: Call) -> None:
        """Load a sequence of waveforms that are loaded: a block, whose length counts the quotes as well."""
        text = SequenceText.parse(call.argument().block())
        self.channel(call).memory.load_sequence(text, self.variant.segment_points)

    @command("[SOURce#:]DATA:VOLatile:CLEar")
    def clear_memory(self, call: Call) -> None:
        """Forget all waveforms and sequences of the channel; the built-in one is chosen again."""
        channel = self.channel(call)
        channel.memory.clear()
        channel.settings.arb = DEFAULT_NAME
        if channel.settings.function == "ARB":
            channel.restart(self.timebase.now_s())

    @command("[SOURce#:]DATA:VOLatile:CATalog?")
    def catalogue(self, call: Call) -> str:
        """Names of what is loaded, each in quotes."""
        return ",".join(f'"{name}"' for name in self.channel(call).memory.names)

    @command("[SOURce#:]DATA:VOLatile:FREE?")
    def free_points(self, call: Call) -> int:
        """Points that can still be loaded."""
        return self.channel(call).memory.free_points

    @command("[SOURce#:]DATA:ATTRibute:POINts?")
    def points_of(self, call: Call) -> int:
        """Number of points of a waveform or sequence, the chosen one if none is named."""
        asked = call.optional()
        return len(self.channel(call).memory.find(self.settings(call).arb if asked is None else asked.text()))

    @command("[SOURce#:]FUNCtion:ARBitrary", "[SOURce#:]FUNCtion:ARBitrary?")
    def chosen(self, call: Call) -> str | None:
        """Choose a waveform or sequence that is loaded."""
        channel = self.channel(call)
        if call.query:
            return f'"{channel.settings.arb}"'
        name = call.argument().text()
        channel.memory.find(name)
        channel.settings.arb = channel.memory.known_as(name)
        if channel.settings.function == "ARB":
            channel.restart(self.timebase.now_s())
        return None

    @command("[SOURce#:]FUNCtion:ARBitrary:SRATe")
    def set_rate(self, call: Call) -> None:
        """Points per second; with the filter off at most 62.5 million."""
        settings = self.settings(call)
        limit = self.variant.arb_rate_hz
        rate = call.argument().number(("SA/S", "HZ"), 1e-6, limit, 40e3)
        if settings.arb_filter == "OFF" and rate > _UNFILTERED_LIMIT_HZ:
            self.report_error(-221, "Settings conflict; sample rate reduced due to filter mode")
            rate = _UNFILTERED_LIMIT_HZ
        settings.arb_rate = rate
        self.refresh(call)

    @command("[SOURce#:]FUNCtion:ARBitrary:SRATe?")
    def get_rate(self, call: Call) -> float:
        """Points per second."""
        asked = call.optional()
        if asked is not None:
            return asked.number((), 1e-6, self.variant.arb_rate_hz, 40e3)
        return self.settings(call).arb_rate

    @command("[SOURce#:]FUNCtion:ARBitrary:FILTer", "[SOURce#:]FUNCtion:ARBitrary:FILTer?")
    def filter_mode(self, call: Call) -> str | None:
        """NORMal, STEP or OFF; see GeneratorChannel for what it does here."""
        settings = self.settings(call)
        if call.query:
            return settings.arb_filter
        settings.arb_filter = call.argument().word("NORMal", "STEP", "OFF")
        if settings.arb_filter == "OFF" and settings.arb_rate > _UNFILTERED_LIMIT_HZ:
            self.report_error(-221, "Settings conflict; sample rate reduced due to filter mode")
            settings.arb_rate = _UNFILTERED_LIMIT_HZ
        self.refresh(call)
        return None

    @command("[SOURce#:]FUNCtion:ARBitrary:ADVance", "[SOURce#:]FUNCtion:ARBitrary:ADVance?")
    def advance_mode(self, call: Call) -> str | None:
        """SRATe or TRIGger; points advance with the rate here whatever is chosen."""
        return self.word(call, "arb_advance", "TRIGger", "SRATe")

    @command("[SOURce#:]FUNCtion:ARBitrary:PTPeak", "[SOURce#:]FUNCtion:ARBitrary:PTPeak?")
    def peak_to_peak(self, call: Call) -> float | None:
        """The peak-to-peak voltage, another name of VOLTage in Vpp."""
        settings = self.settings(call)
        largest = 2.0 * (settings.peak_limit - abs(settings.offset))
        return self.number(call, "amplitude_vpp", 2e-3 / settings.load_factor, largest, default=0.1, unit=("V", "VPP"))

    @command("[SOURce#:]FUNCtion:ARBitrary:PERiod", "[SOURce#:]FUNCtion:ARBitrary:PERiod?")
    def period(self, call: Call) -> float | None:
        """Time for all points once; sets the rate."""
        settings = self.settings(call)
        points = len(self.channel(call).memory.find(settings.arb))
        if call.query:
            return points / settings.arb_rate
        settings.arb_rate = points / call.argument().number("S", points / self.variant.arb_rate_hz, points / 1e-6)
        self.refresh(call)
        return None

    @command("[SOURce#:]FUNCtion:ARBitrary:FREQuency", "[SOURce#:]FUNCtion:ARBitrary:FREQuency?")
    def repetition(self, call: Call) -> float | None:
        """How often all points are played in a second; sets the rate."""
        settings = self.settings(call)
        points = len(self.channel(call).memory.find(settings.arb))
        if call.query:
            return settings.arb_rate / points
        settings.arb_rate = points * call.argument().number("HZ", 1e-6 / points, self.variant.arb_rate_hz / points)
        self.refresh(call)
        return None

    @command("[SOURce#:]FUNCtion:ARBitrary:POINts?")
    def points(self, call: Call) -> int:
        """Number of points of the chosen waveform."""
        return len(self.channel(call).memory.find(self.settings(call).arb))

    def _block(self, data: bytes, kind: str) -> NDArray[np.generic]:
        """The numbers of a block in the byte order that was chosen; -161 if bytes are left over."""
        dtype = np.dtype(("<" if self._byte_order == "SWAP" else ">") + kind)
        if len(data) % dtype.itemsize:
            raise ScpiError(-161, "Invalid block data")
        return np.frombuffer(data, dtype)
