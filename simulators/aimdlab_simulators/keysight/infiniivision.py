"""Keysight InfiniiVision oscilloscopes: 3000 X-Series, 1000 X-Series and HD3-Series (as far as it is the same).

After the "InfiniiVision 3000 X-Series Oscilloscopes Programmer's Guide" and Keysight's own example scripts (number of
points by mode, HRESolution without averaging in RAW, sources that switch channels on). Not modelled: measurements,
math, FFT, digital channels, serial decode, masks, WaveGen, segments, averaging and peak detection, AC coupling,
triggers other than the edge, the bandwidth of the external trigger input, the screen's content, files.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict

from aimdlab_simulators.keysight.scope_run import RunCommands
from aimdlab_simulators.keysight.scope_settings import (
    AcquireSettings,
    ExternalSettings,
    InputSettings,
    ScopeSettings,
    TimebaseSettings,
    TransferSettings,
    TriggerSettings,
)
from aimdlab_simulators.keysight.scope_setup import SetupCommands
from aimdlab_simulators.keysight.scope_transfer import TransferCommands
from aimdlab_simulators.scpi import Call, ScpiError, command
from aimdlab_simulators.world.instrument import Setting

_SCREEN = (80, 48)


class SimulatedInfiniiVision(SetupCommands, RunCommands, TransferCommands):
    """Two or four inputs, and one for the external trigger (``ext`` in a world file), that look at nodes of the world.

    Attributes:
        inputs: the connectors, by channel number.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.acquisition.start("RUN")

    def reset(self) -> None:
        """``*RST``: default settings, running."""
        super().reset()
        self._take(ScopeSettings.default(self.variant))
        self.acquisition.record = None
        self.acquisition.start("RUN")

    def observe(self) -> dict[str, object]:
        """Run state and main settings."""
        with self.lock:
            self.settle()
            settings = self.settings
            return super().observe() | {
                "state": self.acquisition.state,
                "timebase_range_s": settings.timebase.range_s,
                "trigger": {"source": settings.trigger.source, "level_v": settings.trigger.level_v},
                "channels": {
                    str(number): {"display": inputs.display, "range_v": inputs.range_v}
                    for number, inputs in settings.inputs.items()
                },
            }

    @command("SYSTem:PRESet")
    def preset(self, _call: Call) -> None:
        """Default setup, the same as ``*RST`` here."""
        self.reset()

    @command("SYSTem:SETup?")
    def get_setup(self, _call: Call) -> bytes:
        """All settings as a block, to be sent back as it is; the content is this simulator's own."""
        body = json.dumps(asdict(self.settings), separators=(",", ":")).encode()
        return b"#8%08d" % len(body) + body

    @command("SYSTem:SETup")
    def set_setup(self, call: Call) -> None:
        """Settings that ``SYSTem:SETup?`` gave."""
        try:
            found = json.loads(call.argument().block())
            settings = ScopeSettings(
                inputs={int(number): InputSettings(**inputs) for number, inputs in found["inputs"].items()},
                timebase=TimebaseSettings(**found["timebase"]),
                trigger=TriggerSettings(**found["trigger"]),
                external=ExternalSettings(**found["external"]),
                acquire=AcquireSettings(**found["acquire"]),
                transfer=TransferSettings(**found["transfer"]),
                labels=bool(found["labels"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ScpiError(-161, "Invalid block data") from None
        if set(settings.inputs) != set(self.settings.inputs):
            raise ScpiError(-221, "Settings conflict")
        self._take(settings)
        self.changed()

    @command("DISPlay:LABel", "DISPlay:LABel?")
    def labels(self, call: Call) -> int | None:
        """Whether labels are shown."""
        if call.query:
            return int(self.settings.labels)
        self.settings.labels = call.argument().boolean()
        return None

    @command("DISPlay:CLEar", "CDISplay")
    def clear_display(self, _call: Call) -> None:
        """Clear the screen."""

    @command("DISPlay:DATA?")
    def screen(self, call: Call) -> bytes:
        """The screen as a block: BMP, BMP8bit or PNG, COLor or GRAYscale; it is black."""
        wanted, palette = call.optional(0), call.optional(1)
        kind = "BMP" if wanted is None else wanted.word("BMP", "BMP8bit", "PNG")
        if palette is not None:
            palette.word("COLor", "GRAYscale")
        body = _png() if kind == "PNG" else _bmp(8 if kind == "BMP8" else 24)
        return b"#8%08d" % len(body) + body

    def _take(self, settings: ScopeSettings) -> None:
        self.settings = settings
        self.acquisition.use(settings)


def _png() -> bytes:
    width, height = _SCREEN
    rows = (b"\0" + bytes(width)) * height
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _bmp(bits: int) -> bytes:
    width, height = _SCREEN
    colours = b"".join(bytes((level, level, level, 0)) for level in range(256)) if bits == 8 else b""
    pixels = bytes(width * height * bits // 8)
    start = 14 + 40 + len(colours)
    header = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    information = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(pixels), 0, 0, len(colours) // 4, 0)
    return header + information + colours + pixels
