"""What a 33500B and its driver say to each other while a waveform is loaded."""

from __future__ import annotations

import hashlib

import numpy as np

from aimdlab.signals.waveform import SampledWaveform

NO_ERROR = ("SYST:ERR?", '+0,"No error"')
IDENTITY = ("*IDN?", "Keysight Technologies,33522B,MY57801234,4.00-1.19-2.00-52-00")
ONE_CHANNEL = ("*IDN?", "Keysight Technologies,33511B,MY57801234,4.00-1.19-2.00-52-00")

SAMPLES = np.array([0.0, 1.0, 1.0, -1.0, -1.0, 0.5, -0.25, 0.0, 0.0, 10 / 32767])
CODES = np.array([0, 32767, 32767, -32767, -32767, 16384, -8192, 0, 0, 10], dtype="<i2").tobytes()
WAVEFORM = SampledWaveform(SAMPLES, sample_rate_hz=1e6, repeats=300)


def arb_name(codes: bytes) -> str:
    return "A" + hashlib.sha256(codes).hexdigest()[:11].upper()


NAME = arb_name(CODES)
CLEAR = [("OUTP1 OFF;:SOUR1:BURS:STAT OFF;:SOUR1:DATA:VOL:CLE", None), NO_ERROR]
UPLOAD = [(f"SOUR1:DATA:ARB:DAC {NAME},#220".encode() + CODES, None), NO_ERROR]
READBACK = "SOUR1:VOLT?;:SOUR1:VOLT:OFFS?;:SOUR1:FUNC:ARB:SRAT?;:SOUR1:BURS:NCYC?;:SOUR1:BURS:STAT?;:OUTP1:LOAD?"


def settings(peak_vpp: str = "5", repeats: int = 300, plays: str = NAME) -> list[tuple[str, str | None]]:
    message = (
        f"OUTP1 OFF;:SOUR1:FUNC:ARB {plays};:SOUR1:FUNC ARB;:SOUR1:FUNC:ARB:FILT OFF;:SOUR1:FUNC:ARB:SRAT 1000000;"
        f":SOUR1:VOLT:UNIT VPP;:SOUR1:VOLT:OFFS 0;:SOUR1:VOLT {peak_vpp};:SOUR1:BURS:MODE TRIG;"
        f":SOUR1:BURS:NCYC {repeats};:TRIG1:SOUR BUS;:SOUR1:BURS:STAT ON"
    )
    return [(message, None), NO_ERROR]


def readback(
    vpp: float = 5.0, offset: float = 0.0, rate: float = 1e6, repeats: float = 300, burst: int = 1, load: float = 9.9e37
) -> tuple[str, str]:
    return READBACK, f"{vpp:+.14E};{offset:+.14E};{rate:+.14E};{repeats:+.14E};{burst};{load:+.1E}"


LOAD = [*CLEAR, *UPLOAD, *settings(), readback()]
