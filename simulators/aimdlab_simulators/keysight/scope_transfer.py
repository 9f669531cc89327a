""":WAVeform of the simulated InfiniiVision oscilloscopes: codes, scale and preamble of what was acquired."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from aimdlab_simulators.keysight.rendering import AHEAD, Rendering, encoded
from aimdlab_simulators.keysight.scope_base import ScopeBase, number_text
from aimdlab_simulators.keysight.scope_record import Record
from aimdlab_simulators.scpi import Call, ScpiError, Stream, command
from aimdlab_simulators.world.instrument import Setting

MEASUREMENT_RECORD = 62_500
_FORMATS = {"BYTE": 0, "WORD": 1, "ASC": 4}
_TYPES = {"NORM": 0, "PEAK": 1, "AVER": 2, "HRES": 3}
_MODES = ("NORMal", "MAXimum", "RAW")
_OTHER_SOURCES = ("FUNCtion", "MATH", "FFT", "EXT", "WMEMory#", "POD#", "BUS#", "SBUS#")


@dataclass(frozen=True)
class _Offer:
    """What can be transferred: every ``bucket`` samples of ``record`` give one point."""

    record: Record
    channel: int
    bucket: int
    averaged: bool

    @property
    def points(self) -> int:
        return self.record.n // self.bucket


class TransferCommands(ScopeBase):
    """Points by mode, as the family has it.

    RAW hands out every n-th sample of the memory, with the converter's bits whatever the acquisition type. NORMal hands
    out the measurement record of up to 62,500 points, of 12 bits where the type is HRESolution: the mean of a bucket,
    over 16 of its samples at most. What was acquired lies on the screen whole: samples beside it do not exist.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._made_for: tuple[object, ...] = ()
        self._renderings: dict[int, Rendering] = {}

    @command("WAVeform:SOURce")
    def set_source(self, call: Call) -> None:
        """Choose the source; a channel is switched on by it."""
        source = self.channel_number(call.argument(), *_OTHER_SOURCES)
        self.settings.transfer.source = source
        if source.startswith("CHAN") and not self.settings.inputs[int(source[4:])].display:
            self._set(self.settings.inputs[int(source[4:])], "display", value=True)

    @command("WAVeform:SOURce?")
    def get_source(self, _call: Call) -> str:
        """The source."""
        return self.settings.transfer.source

    @command("WAVeform:FORMat", "WAVeform:FORMat?")
    def transfer_format(self, call: Call) -> str | None:
        """BYTE, WORD or ASCii."""
        return self._transfer_word(call, "format", "ASCii", "WORD", "BYTE")

    @command("WAVeform:BYTeorder", "WAVeform:BYTeorder?")
    def byte_order(self, call: Call) -> str | None:
        """LSBFirst or MSBFirst, for WORD."""
        return self._transfer_word(call, "byte_order", "LSBFirst", "MSBFirst")

    @command("WAVeform:UNSigned", "WAVeform:UNSigned?")
    def unsigned(self, call: Call) -> int | None:
        """Whether codes are unsigned."""
        if call.query:
            return int(self.settings.transfer.unsigned)
        self.settings.transfer.unsigned = call.argument().boolean()
        return None

    @command("WAVeform:VIEW", "WAVeform:VIEW?")
    def transfer_view(self, call: Call) -> str | None:
        """MAIN."""
        return self._transfer_word(call, "view", "MAIN", "ALL")

    @command("WAVeform:POINts:MODE", "WAVeform:POINts:MODE?")
    def points_mode(self, call: Call) -> str | None:
        """NORMal (measurement record), RAW (memory) or MAXimum (memory once stopped)."""
        return self._transfer_word(call, "points_mode", *_MODES)

    @command("WAVeform:POINts")
    def set_points(self, call: Call) -> None:
        """The most points to hand out: 100 to 8,000,000 or the memory, or MAXimum, NORMal or RAW: the mode as well."""
        argument = call.argument()
        mode = argument.try_word(*_MODES)
        if mode is not None:
            self.settings.transfer.points, self.settings.transfer.points_mode = None, mode
        else:
            self.settings.transfer.points = argument.integer(100, max(8_000_000, self.variant.memory_points))

    @command("WAVeform:POINts?")
    def get_points(self, _call: Call) -> int:
        """The points that would be handed out now; 0 if the source was not acquired."""
        offer = self._offer()
        return 0 if offer is None else offer.points

    @command("WAVeform:PREamble?")
    def preamble(self, _call: Call) -> str:
        """Format, type, points, count, x increment, origin, reference, y increment, origin, reference."""
        offer = self._offer()
        transfer = self.settings.transfer
        head = [_FORMATS[transfer.format], _TYPES[offer.record.type if offer else self.settings.acquire.type]]
        numbers = f"{head[0]:+d},{head[1]:+d},{offer.points if offer else 0:+d},+1"
        x = ",".join([number_text(self._x_increment(offer)), number_text(self._x_origin(offer)), "+0"])
        y = ",".join([number_text(self._y_increment(offer)), number_text(self._y_origin(offer))])
        return f"{numbers},{x},{y},{self._y_reference():+d}"

    @command("WAVeform:XINCrement?")
    def x_increment(self, _call: Call) -> float:
        """Seconds between points."""
        return self._x_increment(self._offer())

    @command("WAVeform:XORigin?")
    def x_origin(self, _call: Call) -> float:
        """Time of the first point, from the trigger."""
        return self._x_origin(self._offer())

    @command("WAVeform:XREFerence?")
    def x_reference(self, _call: Call) -> int:
        """Number of the point at the x origin."""
        return 0

    @command("WAVeform:YINCrement?")
    def y_increment(self, _call: Call) -> float:
        """Volts per code."""
        return self._y_increment(self._offer())

    @command("WAVeform:YORigin?")
    def y_origin(self, _call: Call) -> float:
        """Volts of the reference code: the middle of the screen."""
        return self._y_origin(self._offer())

    @command("WAVeform:YREFerence?")
    def y_reference(self, _call: Call) -> int:
        """The reference code."""
        return self._y_reference()

    @command("WAVeform:TYPE?")
    def acquired_type(self, _call: Call) -> str:
        """The type of what was acquired."""
        offer = self._offer()
        return offer.record.type if offer else self.settings.acquire.type

    @command("WAVeform:COUNt?")
    def acquired_count(self, _call: Call) -> int:
        """Acquisitions that went into it."""
        return 1

    @command("WAVeform:DATA?")
    def data(self, _call: Call) -> bytes | Stream:
        """The codes as a definite-length block; ASCII: volts, separated by commas, behind the same header."""
        offer = self._offer()
        if offer is None:
            raise ScpiError(-230, "Data corrupt or stale")
        if self.settings.transfer.format == "ASC":
            body = self._ascii(offer)
            return b"#8%08d" % len(body) + body
        rendering = self._rendering(offer)
        size = rendering.count * (1 if self.settings.transfer.format == "BYTE" else 2)
        head = b"#8%08d" % size
        return Stream(len(head) + size, lambda: chain([head], rendering.buffers()))

    def _rendering(self, offer: _Offer) -> Rendering:
        """The channel's codes as they go out, begun already if somebody read another channel before."""
        transfer = self.settings.transfer
        encode = partial(
            encoded, octets=transfer.format == "BYTE", unsigned=transfer.unsigned, big=transfer.byte_order == "MSBF"
        )
        made_for = offer.record, offer.bucket, offer.averaged, encode.keywords

        def rendering(channel: int) -> Rendering:
            return Rendering(offer.record.codes(channel, offer.bucket, averaged=offer.averaged), encode)

        if self._made_for != made_for:
            for forgotten in self._renderings.values():
                forgotten.drop()
            # Whoever reads one channel reads the others next.
            channels = sorted(offer.record.traces, key=lambda channel: channel != offer.channel)
            self._made_for, self._renderings = made_for, {channel: rendering(channel) for channel in channels}
            # One block of each first: what a channel is made of is looked into by whoever makes its first.
            for ahead in range(1, AHEAD + 1):
                for begun in self._renderings.values():
                    begun.begin(ahead)
        return self._renderings.pop(offer.channel, None) or rendering(offer.channel)

    @staticmethod
    def _ascii(offer: _Offer) -> bytes:
        codes = offer.record.codes(offer.channel, offer.bucket, averaged=offer.averaged)
        words = np.concatenate([codes.block(begin) for begin in codes.begins])
        settings = offer.record.traces[offer.channel].settings
        volts = (words.astype(float) - 32768.0) * (settings.range_v / 65536.0) + settings.offset_v
        return ",".join([f" {value:.6E}" if value >= 0 else f"{value:.6E}" for value in volts.tolist()]).encode()

    def _offer(self) -> _Offer | None:
        self.settle()
        transfer, record = self.settings.transfer, self.acquisition.record
        if record is None or not transfer.source.startswith("CHAN"):
            return None
        channel = int(transfer.source[4:])
        if channel not in record.traces:
            return None
        raw = transfer.points_mode == "RAW" or (transfer.points_mode == "MAX" and self.acquisition.state == "STOP")
        averaged = not raw and record.type == "HRES"
        most = record.n if raw else min(record.n, MEASUREMENT_RECORD)
        wanted = most if transfer.points is None else min(most, transfer.points)
        return _Offer(record, channel, -(-record.n // wanted), averaged)

    @staticmethod
    def _x_increment(offer: _Offer | None) -> float:
        return offer.record.dt_s * offer.bucket if offer else 0.0

    @staticmethod
    def _x_origin(offer: _Offer | None) -> float:
        """Of the first sample; of the middle of the bucket where points are means."""
        if offer is None:
            return 0.0
        looked_at = min(offer.bucket, 16)
        middle = (looked_at - 1) / 2 * (offer.bucket // looked_at) if offer.averaged else 0.0
        return offer.record.origin_s + middle * offer.record.dt_s

    def _y_increment(self, offer: _Offer | None) -> float:
        levels = 256 if self.settings.transfer.format == "BYTE" else 65536
        return offer.record.traces[offer.channel].settings.range_v / levels if offer else 0.0

    @staticmethod
    def _y_origin(offer: _Offer | None) -> float:
        return offer.record.traces[offer.channel].settings.offset_v if offer else 0.0

    def _y_reference(self) -> int:
        transfer = self.settings.transfer
        if not transfer.unsigned:
            return 0
        return 128 if transfer.format == "BYTE" else 32768

    def _transfer_word(self, call: Call, key: str, *words: str) -> str | None:
        if call.query:
            return str(getattr(self.settings.transfer, key))
        setattr(self.settings.transfer, key, call.argument().word(*words))
        return None
