"""Keysight 33500B and 33600A waveform generators, and the Agilent 33500 series before them.

Source: Agilent 33500 Series / Keysight Trueform Series Operating and Service Guide, SCPI reference (BURSt, DATA,
FUNCtion, OUTPut and TRIGger subsystems).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from aimdlab.bench.driver import Identity, Link
from aimdlab.bench.roles import GeneratorLimits, Role, TriggerSource
from aimdlab.config.base import ConfigModel
from aimdlab.errors import InstrumentRefusal
from aimdlab.signals.waveform import Playable, SequencedWaveform
from aimdlab_drivers.keysight._arb_upload import DAC_FULL_SCALE, Held, Upload, first_sample, segment_points
from aimdlab_drivers.scpi import ScpiDriver, chain, number, one_job

# Amplitudes are resolved to four digits, so a readback may differ from what was asked by half of the last one.
_VOLTAGE_TOLERANCE = 6e-4
_RATE_TOLERANCE = 1e-6
_HIGH_IMPEDANCE_OHM = 9.9e37  # how OUTP:LOAD? says INFinity
_SMALLEST_PEAK_V = 1e-3  # 2 mVpp into an open circuit
# Names that a memory is given before it is emptied: an instrument was seen to refuse its 32nd sequence.
_MOST_NAMES = 24
_LONGEST_DELAY_S = 1000.0
_DELAY_STEP_S = 4e-9
_NO_BURST_OF_SEQUENCES = "not able to burst"


@dataclass(frozen=True)
class _Loaded:
    """What a channel holds and how often a trigger plays it."""

    held: Held
    repeats: int


class Keysight33500B(ScpiDriver):
    """Signal generator: int16 arbitrary waveforms in finite bursts from the bus or the Ext Trig trigger.

    * The waveform is played without reconstruction filter (``FUNC:ARB:FILT OFF``), so that its edges are as steep as
      the output stage allows; that bounds the sample clock to 62.5 MSa/s.
    * Amplitude means the full range of the converter, from code -32767 to +32767, into high impedance
      (``OUTP:LOAD INF``): set to twice the peak, a sample of 1.0 is exactly the peak. That is only true if the load is
      of high impedance: into 50 ohm the terminal voltage is half.
    * Sync is on (the family's guides: high from the first sample of a burst, all its repeats, to its end) and follows
      the channel that was loaded or triggered last. Unverified on an instrument: that a sequence counts as one cycle
      there too.
    * Between bursts the output rests at the first sample; a waveform that does not begin with zero is refused.
    * ``TRIG:DEL`` counts from the trigger, in steps of 4 ns; from an edge at Ext Trig the instrument itself takes some
      hundred nanoseconds more. That ``TRIG`` starts a burst whatever the source is, as the reference says of it, is not
      relied on.
    * A burst is ended by switching the output off before ``ABORt``: what the output rests at after an aborted burst is
      not documented, the open relay is.
    * Waveform memory is taken to be the standard one (1 MSa per channel), since the options that enlarge it differ.
    * A sequence (``DATA:SEQ``) is what a burst repeats: ``BURS:NCYC`` is taken to count whole sequences, and the count
      of a segment how often it plays. Neither could be verified: the recording of pulses and off times has to prove it.
      Public notes on a 33600A say that it refused a gated burst of a sequence with -221, although its data sheet
      promises bursts of sequences; for an instrument that refuses, ``sequences: false`` plays the expanded waveform.
      Segments have 32 points or more, as the same notes say of the 33600A. Segments and their repeats are bounded to
      what public programs are seen to use; the family's own limits were not found.
    * Names of waveforms and sequences tell their content, so that only what is new is sent. The memory is emptied when
      it is full, and whenever an error leaves its content in doubt.
    """

    ROLES: ClassVar[frozenset[Role]] = frozenset({Role.SIGNAL_GENERATOR})
    MODELS: ClassVar[tuple[str, ...]] = (
        *("33511B", "33512B", "33521A", "33521B", "33522A", "33522B"),
        *("33611A", "33612A", "33621A", "33622A"),
    )

    class Options(ConfigModel):
        """How waveforms are played.

        Attributes:
            sequences: False for an instrument that cannot play sequences in bursts: every sample is stored.
        """

        sequences: bool = True

    def __init__(self, name: str, link: Link | None, options: Options) -> None:
        super().__init__(name, link)
        self._sequencing = options.sequences
        self._channels: int | None = None  # until it is known which model answers
        self._loaded: dict[int, _Loaded] = {}
        self._delayed: set[int] = set()  # channels whose trigger delay may not be 0
        self._sync_from: int | None = 1  # the channel that Sync follows; None if that is in doubt

    def identify(self) -> Identity:
        """Who answers ``*IDN?``."""
        identity = super().identify()
        if identity.model in self.MODELS:
            self._channels = int(identity.model[4])  # 33522B: two channels
        return identity

    def limits(self) -> GeneratorLimits:
        """What every model of the family can play with its standard memory, filter off."""
        return GeneratorLimits(
            max_sample_rate_hz=62.5e6,
            max_points=1_000_000,
            min_points=8,
            max_peak_v=10.0,
            max_repeats=100_000_000,
            sequencing=self._sequencing,
            max_segments=8,
            min_segment_points=32,
            max_segment_repeats=100_000,
            min_peak_v=_SMALLEST_PEAK_V,
        )

    def initialise(self) -> None:
        """Outputs off, reset, memory empty, little-endian blocks, voltages meant into high impedance, Sync on.

        Volatile memory survives a program that died, and would end in "Out of memory" after a few such.
        """
        self.identify()
        self._loaded.clear()
        self._link.write(chain(*(f"OUTP{channel} OFF" for channel in self._each_channel())))
        self._link.write("*RST;*CLS")
        self._delayed.clear()
        self._sync_from = None
        self._apply(
            *(f"SOUR{channel}:DATA:VOL:CLE" for channel in self._each_channel()),
            "FORM:BORD SWAP",
            *(f"OUTP{channel}:LOAD INF" for channel in self._each_channel()),
            *(f"OUTP{channel}:SYNC:MODE NORM" for channel in self._each_channel()),
            *(f"OUTP{channel}:SYNC:POL NORM" for channel in self._each_channel()),
            *self._sync_to(1),
            "OUTP:SYNC ON",
        )
        self._sync_from = 1
        self._require_outputs(False, self._each_channel())

    @one_job
    def load(self, channel: int, waveform: Playable, peak_v: float) -> None:
        """Transfer ``waveform``, set level, rate and repeats, and arm the bus trigger; the output stays off.

        What the channel holds already is not sent again.

        Raises:
            InstrumentError: the model cannot play it.
            InstrumentRefusal: the instrument reports an error, or another value than was set.
        """
        if isinstance(waveform, SequencedWaveform) and not self._sequencing:
            waveform = waveform.expanded()
        self._check_load(channel, waveform, peak_v)
        upload = Upload.of(waveform)
        if upload.sequence and isinstance(waveform, SequencedWaveform):
            self._check_sequence(waveform)
        loaded = self._loaded.pop(channel, None)  # in doubt nothing is held: an error must not leave a false memory
        held = self._transfer(channel, upload, None if loaded is None else loaded.held)
        source = f"SOUR{channel}"
        settings = (
            f"OUTP{channel} OFF",
            f"{source}:FUNC:ARB {upload.plays}",
            f"{source}:FUNC ARB",
            f"{source}:FUNC:ARB:FILT OFF",
            f"{source}:FUNC:ARB:SRAT {number(waveform.sample_rate_hz)}",
            f"{source}:VOLT:UNIT VPP",
            f"{source}:VOLT:OFFS 0",
            f"{source}:VOLT {number(2 * peak_v)}",
            f"{source}:BURS:MODE TRIG",
            f"{source}:BURS:NCYC {waveform.repeats}",
            *([f"TRIG{channel}:DEL 0"] if channel in self._delayed else []),
            f"TRIG{channel}:SOUR BUS",
            f"{source}:BURS:STAT ON",
            *self._sync_to(channel),
        )
        try:
            self._apply(*settings)
        except InstrumentRefusal as refusal:
            if upload.sequence and _NO_BURST_OF_SEQUENCES in str(refusal):
                what = "it cannot play a sequence in bursts. Set its option `sequences: false` in the bench file"
                raise self._refuse(what, f"{source}:BURS:STAT ON") from refusal
            raise
        self._require_loaded(channel, waveform, peak_v)
        self._loaded[channel] = _Loaded(held, waveform.repeats)
        self._delayed.discard(channel)
        self._sync_from = channel

    @one_job
    def set_repeats(self, channel: int, repeats: int) -> None:
        """Play the loaded waveform ``repeats`` times per trigger; nothing is sent if it was loaded to do so."""
        loaded = self._require_held(channel)
        self._check_repeats(repeats)
        if repeats == loaded.repeats:
            return
        self._apply(f"SOUR{channel}:BURS:NCYC {repeats}")
        self._require("burst count", float(repeats), f"SOUR{channel}:BURS:NCYC?", 0.0)
        self._loaded[channel] = replace(loaded, repeats=repeats)

    @one_job
    def set_trigger(self, channel: int, source: TriggerSource, delay_s: float = 0.0) -> None:
        """Take triggers from ``source``; a burst begins ``delay_s`` after its trigger.

        External triggers are rising edges at Ext Trig; the threshold stays as it is after reset. A burst in progress
        ignores them. :meth:`load` goes back to the bus without delay.
        """
        self._require_held(channel)
        if not 0.0 <= delay_s <= _LONGEST_DELAY_S:
            raise self._cannot(f"its trigger delay can be 0 s to {_LONGEST_DELAY_S:g} s, not {delay_s:g} s")
        word = {TriggerSource.BUS: "BUS", TriggerSource.EXTERNAL: "EXT"}[source]
        self._delayed.add(channel)
        self._apply(f"TRIG{channel}:SLOP POS", f"TRIG{channel}:DEL {number(delay_s)}", f"TRIG{channel}:SOUR {word}")
        (found_s,) = self._numbers(f"TRIG{channel}:DEL?")
        if abs(found_s - delay_s) > _DELAY_STEP_S:
            raise self._refuse(f"the trigger delay was set to {delay_s:g}, but it says {found_s:g}", "TRIG:DEL?")
        answered = self._link.query(f"TRIG{channel}:SOUR?").strip()
        if answered != word:
            raise self._refuse(f"the trigger source was set to {word}, but it says {answered}", "TRIG:SOUR?")

    @one_job
    def set_output(self, channel: int, on: bool) -> None:
        """Switch the output relay; the burst waits for :meth:`trigger`."""
        self._check_channel(channel)
        if on:
            self._require_held(channel)
        self._apply(f"OUTP{channel} {'ON' if on else 'OFF'}")
        self._require_outputs(on, (channel,))

    def trigger(self, channel: int) -> None:
        """Start one finite burst of this channel now."""
        self._require_held(channel)
        self._apply(*self._sync_to(channel), f"TRIG{channel}")
        self._sync_from = channel

    @one_job
    def stop(self, channel: int) -> None:
        """End the burst in progress: output off, then ABORt, which ends the bursts of both channels."""
        self._check_channel(channel)
        self._apply(f"OUTP{channel} OFF", "ABOR")
        self._require_outputs(False, (channel,))

    def make_safe(self) -> None:
        """Every output off in any state, proven by asking for it.

        Errors in the queue, of before or because a model has one channel, are discarded: the outputs count, not them.
        """
        self._link.write("OUTP1 OFF;:OUTP2 OFF")
        self._link.write("ABOR")
        if self._channels is None:
            self.identify()
        self._require_outputs(False, self._each_channel())
        self._note_restart()
        self._link.write("*CLS")

    def _each_channel(self) -> range:
        return range(1, (self._channels or 2) + 1)

    def _sync_to(self, channel: int) -> tuple[str, ...]:
        """What makes Sync follow ``channel``; a model with one channel has no choice."""
        if channel == self._sync_from or len(self._each_channel()) == 1:
            return ()
        self._sync_from = None
        return (f"OUTP:SYNC:SOUR CH{channel}",)

    def _check_channel(self, channel: int) -> None:
        if channel not in self._each_channel():
            raise self._cannot(f"it has no channel {channel}")

    def _check_repeats(self, repeats: int) -> None:
        most = self.limits().max_repeats
        if not 1 <= repeats <= most:
            raise self._cannot(f"it plays a waveform 1 to {most} times per trigger, not {repeats}")

    def _check_load(self, channel: int, waveform: Playable, peak_v: float) -> None:
        self._check_channel(channel)
        self._check_repeats(waveform.repeats)
        limits = self.limits()
        points = segment_points(waveform)
        if not limits.min_points <= sum(points) <= limits.max_points:
            raise self._cannot(
                f"it plays waveforms of {limits.min_points} to {limits.max_points} samples, not {sum(points)}"
            )
        if waveform.sample_rate_hz > limits.max_sample_rate_hz:
            raise self._cannot(
                f"it plays at most {limits.max_sample_rate_hz:g} samples per second, not {waveform.sample_rate_hz:g}"
            )
        if not (math.isfinite(peak_v) and limits.min_peak_v <= peak_v <= limits.max_peak_v):
            raise self._cannot(f"its peak can be {limits.min_peak_v:g} V to {limits.max_peak_v:g} V, not {peak_v:g} V")
        if round(first_sample(waveform) * DAC_FULL_SCALE) != 0:
            raise self._cannot("the waveform does not begin with zero, at which the output has to rest between bursts")

    def _check_sequence(self, waveform: SequencedWaveform) -> None:
        limits = self.limits()
        shortest = min(segment.n for segment in waveform.segments)
        most = max(segment.repeats for segment in waveform.segments)
        if len(waveform.segments) > limits.max_segments:
            raise self._cannot(f"it plays up to {limits.max_segments} segments, not {len(waveform.segments)}")
        if shortest < limits.min_segment_points:
            raise self._cannot(f"its segments have at least {limits.min_segment_points} samples, not {shortest}")
        if most > limits.max_segment_repeats:
            raise self._cannot(f"it repeats a segment up to {limits.max_segment_repeats} times, not {most}")

    def _transfer(self, channel: int, upload: Upload, held: Held | None) -> Held:
        """Send what the channel does not hold, after emptying a memory that is full or unknown."""
        if held is not None and upload.names <= held.names:
            return held
        source = f"SOUR{channel}"
        after = None if held is None else held.with_upload(upload)
        if after is None or after.points > self.limits().max_points or len(after.names) > _MOST_NAMES:
            held, after = Held(), Held().with_upload(upload)
            # Uploading to a name that is in use is an error.
            self._apply(f"OUTP{channel} OFF", f"{source}:BURS:STAT OFF", f"{source}:DATA:VOL:CLE")
        else:
            self._apply(f"OUTP{channel} OFF", f"{source}:BURS:STAT OFF")
        for arb in upload.missing(held.names if held else frozenset()):
            self._send(f"{source}:DATA:ARB:DAC {arb.name},", arb.codes)
        if upload.sequence:
            self._send(f"{source}:DATA:SEQ ", upload.sequence)
        return after

    def _send(self, command: str, block: bytes) -> None:
        self._link.write_block(command, block)
        self._raise_errors(command)

    def _require_held(self, channel: int) -> _Loaded:
        self._check_channel(channel)
        if channel not in self._loaded:
            raise self._cannot(f"no waveform is loaded on channel {channel}")
        return self._loaded[channel]

    def _require_loaded(self, channel: int, waveform: Playable, peak_v: float) -> None:
        source = f"SOUR{channel}"
        asked = {
            f"{source}:VOLT?": ("amplitude", 2 * peak_v, _VOLTAGE_TOLERANCE),
            f"{source}:VOLT:OFFS?": ("offset", 0.0, 0.0),
            f"{source}:FUNC:ARB:SRAT?": ("sample rate", waveform.sample_rate_hz, _RATE_TOLERANCE),
            f"{source}:BURS:NCYC?": ("burst count", float(waveform.repeats), 0.0),
            f"{source}:BURS:STAT?": ("burst state", 1.0, 0.0),
            f"OUTP{channel}:LOAD?": ("load", _HIGH_IMPEDANCE_OHM, _RATE_TOLERANCE),
        }
        for (query, (what, wanted, tolerance)), found in zip(asked.items(), self._numbers(*asked), strict=True):
            self._compare(what, wanted, found, query, tolerance)

    def _require_outputs(self, on: bool, channels: Iterable[int]) -> None:
        queries = [f"OUTP{channel}?" for channel in channels]
        for query, found in zip(queries, self._numbers(*queries), strict=True):
            self._compare("output", float(on), found, query, 0.0)

    def _require(self, what: str, wanted: float, query: str, tolerance: float) -> None:
        (found,) = self._numbers(query)
        self._compare(what, wanted, found, query, tolerance)

    def _compare(self, what: str, wanted: float, found: float, query: str, tolerance: float) -> None:
        if abs(found - wanted) > tolerance * abs(wanted):
            raise self._refuse(f"the {what} was set to {wanted:.6g}, but it says {found:.6g}", query)
