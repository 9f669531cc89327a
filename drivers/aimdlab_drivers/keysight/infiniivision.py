"""Keysight InfiniiVision 1000, 3000 and 4000 X-Series oscilloscopes, and the HD3-Series.

Source: InfiniiVision 3000 X-Series and 3000T X-Series Programmer's Guides (root commands, ACQuire, CHANnel, EXTernal,
TIMebase, TRIGger and WAVeform subsystems, "Synchronizing Acquisitions"); accuracies from the series' data sheets. The
HD3's guide was not at hand: programs that others published for an HD304MSO set it up and read it with the same commands
(CHAN, TIM, TRIG:EDGE, SING, WAV:FORM WORD, WAV:POIN:MODE RAW, WAV:PRE?, WAV:DATA?). Unverified there: AER?, TER? and
the numbers of points above 8 million.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from aimdlab.bench.driver import Identity, Link
from aimdlab.bench.roles import Role, ScopeSetup, Waveform
from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Ratio
from aimdlab.errors import LinkError
from aimdlab_drivers.keysight._infiniivision_models import (
    MODELS,
    SMALLEST,
    Series,
    channels_of,
    standard_uncertainty,
)
from aimdlab_drivers.keysight._infiniivision_setup import DIVISIONS, EXTERNAL_RANGE_V, Plan, Preamble, Settings, plan
from aimdlab_drivers.scpi import ScpiDriver, one_job

_RUNNING = 8  # bit 3 (Run) of the operation status condition register
# Codes of the converter's outermost steps stand for "clipped"; in WORD format their low byte may be anything.
_LOWEST_UNCLIPPED = 0x0101
_HIGHEST_UNCLIPPED = 0xFEFF
_OFFSET_ERROR_DIVISIONS = 0.1
_OFFSET_ERROR_V = 2e-3
# Of the range: settings are resolved to three digits or better.
_SETTING_TOLERANCE = 0.02


class KeysightInfiniiVision(ScpiDriver):
    """Oscilloscope: single acquisitions, 16-bit codes from the raw acquisition memory.

    * The window is as long as asked plus 1 %, placed by ``TIM:POS`` with the reference in the middle, so that little
      time goes into filling the pre-trigger part. Points are the fewest of the allowed numbers that reach the rate.
    * Windows of 200 us and more are acquired in high resolution (``ACQ:TYPE HRES``: the samples of the converter within
      one sample of the memory are averaged), shorter ones in normal mode. Count on 8 bits all the same: the maker's own
      examples say that what is read with ``WAV:POIN:MODE RAW`` is not averaged (unverified on an instrument).
    * Codes are ``WORD``: 16 bits left-aligned, so that an 8-bit sample has a zero low byte (the HD3 has 14 bits: what
      would be a step of an 8-bit converter at either end counts as clipped there as well). Code 0 is a hole. The
      converter's lowest and highest step stand for "clipped"; in WORD that is up to 0x0100 and from 0xFF00 on. In high
      resolution a code in these outermost steps might be a true value; it counts as clipped all the same.
    * Acquisitions without trigger input are started by ``:TRIG:FORC`` alone: the edge trigger stands at 70 % of the
      first input's range from the middle, outside the screen.
    * The external trigger input stands at its range of 8 V (every series has it; the 4000's other one is 1.6 V) with a
      1:1 probe; levels reach as far as the range. It takes the edges of a TTL output with a level of 1.5 V, say.
    * Trig Out gives a rising edge with every trigger, some ten nanoseconds after it (user's guide). Unverified on an
      instrument: the words of ``CAL:OUTP``, and that no edge comes while it is stopped.
    * ``:AER?`` (armed) and ``:TER?`` (triggered) are cleared by reading, so the driver remembers them. One that stopped
      without a trigger, since somebody pressed Stop, still holds the acquisition of before: that is refused. Of
      ``:TRIG:FORC`` it is not known whether it raises ``:TER``, so there it is not asked for.
    * Uncertainties (k = 1), all limits of error as rectangular distributions. Gain: the data sheet's DC gain accuracy
      is relative to full scale (8 divisions), and a signal reaches 4 from the middle, so relative to the reading it
      counts twice: 2 * 2 % / sqrt(3) (3 % in the 1000 series). Offset: (0.1 division + 2 mV) / sqrt(3). Time: the data
      sheet's accuracy with ten years' ageing / sqrt(3).
    """

    ROLES: ClassVar[frozenset[Role]] = frozenset({Role.OSCILLOSCOPE})
    MODELS: ClassVar[tuple[str, ...]] = tuple(MODELS)

    class Options(ConfigModel):
        """Better figures than the data sheet's, from a calibration certificate.

        Attributes:
            gain_error: limit of error of the gain, relative to the reading; the data sheet's if left out.
            timebase_error: limit of error of the time base, relative; the data sheet's if left out.
        """

        gain_error: Ratio | None = Field(default=None)
        timebase_error: Ratio | None = Field(default=None)

    def __init__(self, name: str, link: Link | None, options: Options) -> None:
        super().__init__(name, link)
        self._options = options
        self._series: Series = SMALLEST
        self._channels = 4
        self._plan: Plan | None = None
        self._acquiring = False
        self._was_armed = False
        self._was_triggered = False
        self._complete = False
        self._held: dict[str, Settings] | None = None

    def identify(self) -> Identity:
        """Who answers ``*IDN?``."""
        identity = super().identify()
        self.plan_for(identity.model)
        return identity

    def plan_for(self, model: str) -> None:
        """Plan for ``model``; one that is not known changes nothing."""
        if model in MODELS:
            self._series = MODELS[model]
            self._channels = channels_of(model)

    def initialise(self) -> None:
        """Reset, stopped, waveform transfer in little-endian unsigned words from the raw memory."""
        self.identify()
        self._plan = self._held = None
        self._forget_acquisition()
        self._link.write("*RST;*CLS")
        self._apply(
            "STOP",
            "WAV:FORM WORD",
            "WAV:BYT LSBF",
            "WAV:UNS ON",
            "WAV:POIN:MODE RAW",
        )

    def check_setup(self, setup: ScopeSetup) -> int:
        """Samples per input that ``setup`` will give; an InstrumentError says what the model can. Sends nothing."""
        return self._planned(setup).points

    def window_s(self, setup: ScopeSetup) -> tuple[float, float]:
        """How long it records before and after the trigger; the window is a little longer than asked. Sends nothing."""
        planned = self._planned(setup)
        return planned.window_s / 2 - planned.position_s, planned.window_s / 2 + planned.position_s

    def configure(self, setup: ScopeSetup) -> None:
        """Set inputs, time base and trigger; InstrumentRefusal if the instrument makes something else of it.

        Within an attempt (:meth:`begin_attempt`) what was sent in it is not sent again, but ranges, window and trigger
        are asked back each time; the setup that it stands ready for costs nothing.
        """
        planned = self._planned(setup)
        if self._held is None or self._plan != planned or self._acquiring:
            self._set(planned)

    @one_job
    def _set(self, planned: Plan) -> None:
        held, self._held = self._held, None  # in doubt nothing is held
        self._plan = None
        self._forget_acquisition()
        settings = planned.settings(self._channels)
        new = [one for one in settings if held is None or held.get(one.of) != one]
        self._apply("STOP", *(command for one in new for command in one.commands))
        self._require_set(planned)
        self._plan = planned
        if held is not None:
            self._held = held | {one.of: one for one in new}

    def begin_attempt(self) -> None:
        """What was set before counts no longer: somebody may have turned a knob."""
        self._plan, self._held = None, {}
        self._forget_acquisition()

    @one_job
    def send_triggers(self) -> None:
        """Put a rising edge out at Trig Out whenever it triggers; also what it does after a reset."""
        self._apply("CAL:OUTP TRIG")
        answered = self._link.query("CAL:OUTP?").strip()
        if answered != "TRIG":
            raise self._refuse(f"Trig Out was set to TRIG, but it says {answered}", "CAL:OUTP?")

    @one_job
    def arm(self) -> None:
        """Start a single acquisition."""
        self._require_plan()
        self._forget_acquisition()
        self._link.query("AER?;:TER?")  # an arming and a trigger of before must not count
        self._apply("SING")
        self._acquiring = True

    def is_armed(self) -> bool:
        """True once the pre-trigger part is filled and an edge will be taken."""
        if self._acquiring and not self._was_armed:
            (armed,) = self._numbers("AER?")
            self._was_armed = armed == 1
        return self._was_armed

    def force_trigger(self) -> None:
        """Trigger now."""
        self._apply("TRIG:FORC")
        self._was_triggered = True

    def is_complete(self) -> bool:
        """True once the window is recorded: the instrument was armed, was triggered and does not run any more.

        InstrumentRefusal if it stopped without a trigger.
        """
        if self._acquiring and not self._complete:
            # The trigger last: it comes before the stop, so that a stop that was seen has its trigger here.
            armed, condition, triggered = self._numbers("AER?", "OPER:COND?", "TER?")
            self._was_armed = self._was_armed or armed == 1
            self._was_triggered = self._was_triggered or triggered == 1
            stopped = self._was_armed and not int(condition) & _RUNNING
            if stopped and not self._was_triggered:
                raise self._refuse(
                    "it was stopped before a trigger came, so that it holds no new acquisition. Did somebody press "
                    "Stop at its front panel, or does another program talk to it?",
                    "TER?",
                )
            self._complete = stopped
        return self._complete

    def stop(self) -> None:
        """End an acquisition that never triggered; what it recorded so far cannot be fetched."""
        self._forget_acquisition()
        self._apply("STOP")

    def make_safe(self) -> None:
        """Nothing: an oscilloscope drives nothing."""

    @one_job
    def fetch(self, channel: int) -> Waveform:
        """Raw codes of one input, uint16, without a copy of what came over the link.

        Raises:
            InstrumentError: the acquisition is not complete, or ``channel`` was not recorded.
            InstrumentRefusal: the record is coarser or shorter than was asked.
            LinkError: preamble and data do not fit each other.
        """
        planned = self._require_plan()
        range_v = planned.range_v(channel)
        if range_v is None:
            raise self._cannot(f"channel {channel} was not recorded")
        if not self.is_complete():
            raise self._cannot("the acquisition is not complete")
        preamble = self._select(channel, planned)
        block = self._link.query_block("WAV:DATA?")
        self._raise_errors("WAV:DATA?")
        if len(block) != 2 * preamble.points:
            raise LinkError(
                f"it announced {preamble.points} words and sent {len(block)} bytes",
                instrument=self._name,
                command="WAV:DATA?",
            )
        codes = np.frombuffer(block, dtype="<u2")
        codes.flags.writeable = False
        offset_error_v = _OFFSET_ERROR_DIVISIONS * range_v / DIVISIONS + _OFFSET_ERROR_V
        return Waveform(
            codes=codes,
            scale_v=preamble.scale_v,
            offset_v=preamble.offset_v,
            dt_s=preamble.dt_s,
            t0_s=preamble.t0_s,
            code_min=_LOWEST_UNCLIPPED,
            code_max=_HIGHEST_UNCLIPPED,
            hole_code=0,
            u_gain=standard_uncertainty(self._gain_error()),
            u_offset_v=standard_uncertainty(offset_error_v),
            u_time=standard_uncertainty(self._timebase_error()),
        )

    def _planned(self, setup: ScopeSetup) -> Plan:
        try:
            return plan(setup, self._series, self._channels)
        except ValueError as error:
            raise self._cannot(str(error)) from error

    def _require_plan(self) -> Plan:
        if self._plan is None:
            raise self._cannot("it was not set up")
        return self._plan

    def _forget_acquisition(self) -> None:
        self._acquiring = self._was_armed = self._was_triggered = self._complete = False

    def _require_set(self, planned: Plan) -> None:
        """Ask for what decides about a capture, and compare; settings may be rounded, but not below what is needed."""
        inputs = [entry.channel for entry in planned.setup.channels]
        queries = [f"CHAN{channel}:RANG?" for channel in inputs]
        queries += ["TIM:RANG?", "TIM:POS?", "TRIG:EDGE:LEV?"]
        *ranges_v, window_s, position_s, level_v = self._numbers(*queries)
        self._require_near("range", planned.ranges_v, ranges_v, planned.ranges_v, queries)
        begins_s, ends_s = position_s - window_s / 2, position_s + window_s / 2
        if begins_s > -planned.setup.pre_trigger_s or ends_s < planned.setup.span_s:
            raise self._refuse(
                f"it would record {begins_s:g} s to {ends_s:g} s instead of {-planned.setup.pre_trigger_s:g} s to "
                f"{planned.setup.span_s:g} s",
                "TIM:POS?",
            )
        scales_v = [planned.trigger_range_v]
        self._require_near("trigger level", [planned.trigger_level_v], [level_v], scales_v, queries[-1:])
        if planned.trigger_source == "external":
            self._require_external()

    def _require_external(self) -> None:
        """The level of another source may be the same, so the source is asked for too."""
        found = self._link.query("TRIG:EDGE:SOUR?").strip()
        if found != "EXT":
            raise self._refuse(f"the trigger source was set to EXT, but it says {found}", "TRIG:EDGE:SOUR?")
        asked = "EXT:RANG?"
        self._require_near(
            "range of the external trigger", [EXTERNAL_RANGE_V], self._numbers(asked), [EXTERNAL_RANGE_V], [asked]
        )

    def _require_near(
        self, what: str, asked: Sequence[float], found: Sequence[float], scales: Sequence[float], queries: Sequence[str]
    ) -> None:
        for wanted, got, scale, query in zip(asked, found, scales, queries, strict=False):
            if abs(got - wanted) > _SETTING_TOLERANCE * scale:
                raise self._refuse(f"the {what} was set to {wanted:.4g}, but it says {got:.4g}", query)

    def _select(self, channel: int, planned: Plan) -> Preamble:
        """Choose input and points; more points if the record turns out coarser than planned."""
        preamble = self._preamble(channel, planned.points)
        for points in (more for more in self._series.raw_points if more > planned.points):
            if not preamble.is_too_coarse(planned.setup):
                break
            preamble = self._preamble(channel, points)
        shortfall = preamble.shortfall(planned.setup)
        if shortfall:
            raise self._refuse(f"it recorded {shortfall}", "WAV:PRE?")
        return preamble

    def _preamble(self, channel: int, points: int) -> Preamble:
        self._link.write(f"WAV:SOUR CHAN{channel};:WAV:POIN {points}")
        reply = self._link.query("WAV:PRE?")
        try:
            return Preamble.parse(reply)
        except ValueError as error:
            raise LinkError(
                f"the preamble {reply!r} cannot be used: {error}", instrument=self._name, command="WAV:PRE?"
            ) from error

    def _gain_error(self) -> float:
        return 2 * self._series.gain_error if self._options.gain_error is None else self._options.gain_error

    def _timebase_error(self) -> float:
        return self._series.timebase_error if self._options.timebase_error is None else self._options.timebase_error
