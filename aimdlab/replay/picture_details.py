"""Which stretches of an exposure a picture enlarges, in the time of its capture, and what is said above them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aimdlab.capture import Capture
from aimdlab.replay.decisive import Decisive, limit_on
from aimdlab.scoring.criteria import allowed
from aimdlab.scoring.marks import Marks
from aimdlab.scoring.results import Criterion

_AROUND_PULSE_WIDTHS = 4.0
_AROUND_INTERVAL = 0.12
_BEGINNING_S = 0.1


@dataclass(frozen=True)
class Details:
    """The decisive interval and the decisive pulse, as they are enlarged.

    Attributes:
        where: which they are.
        marks: of the capture they are in, or None if nothing was judged.
        device: the device monitor's capture, or None.
        criteria: what was judged.
        in_beats: whether it is one exposed beat of several.
    """

    where: Decisive
    marks: Marks | None
    device: Capture | None
    criteria: Sequence[Criterion]
    in_beats: bool

    def around_interval_s(self) -> tuple[float, float] | None:
        """The stretch around the interval, the whole capture if there is none, None without a capture."""
        interval, capture = self.where.interval, self.device
        if interval is None or capture is None:
            return None if capture is None else (capture.t0_s, capture.t0_s + capture.span_s)
        margin_s = _AROUND_INTERVAL * interval.length_s
        return max(interval.start_s - margin_s, capture.t0_s), min(
            interval.end_s + margin_s, capture.t0_s + capture.span_s
        )

    def pulse_s(self) -> float:
        """When the pulse rises, 0 if there is none."""
        return float(self.marks.times_s[self.where.pulse]) if self.marks and self.where.pulse is not None else 0.0

    def around_pulse_s(self) -> tuple[float, float] | None:
        """The stretch around the pulse, the beginning if there is none, None without a capture."""
        capture = self.device
        if capture is None:
            return None
        if self.marks is None or self.where.pulse is None:
            return max(-_BEGINNING_S / 10, capture.t0_s), min(_BEGINNING_S, capture.t0_s + capture.span_s)
        at_s, width_s = self.pulse_s(), float(self.marks.widths_s[self.where.pulse])
        reach_s = _AROUND_PULSE_WIDTHS * (width_s if math.isfinite(width_s) and width_s > 0 else 1e-3)
        return max(at_s - reach_s / 2, capture.t0_s), min(at_s + reach_s, capture.t0_s + capture.span_s)

    def interval_title(self) -> str:
        """Which interval it is, how long, and what is allowed."""
        interval = self.where.interval
        if interval is None:
            return "no interval could be told"
        name = "shortest" if self._is_shortest() else "longest"
        lower, upper = (
            limit_on(self.criteria, "pulse_interval_min")[0],
            limit_on(self.criteria, "pulse_interval_max")[1],
        )
        limit = f"allowed at least {lower:.4g} s" if name == "shortest" and lower is not None else ""
        if name == "longest" and upper is not None:
            limit = f"allowed at most {upper:.4g} s"
        seen = "recorded in part, at least " if interval.is_cut else ""
        return f"{name} interval: {seen}{interval.length_s:.4f} s" + (f" ({limit})" if limit else "")

    def _is_shortest(self) -> bool:
        outcome = self.where.outcome
        return self.where.interval_decides and outcome is not None and outcome.criterion.feature == "pulse_interval_min"

    def pulse_title(self) -> str:
        """Which pulse it is, and what is allowed."""
        if self.where.pulse is None:
            return "no pulse is judged; this is the beginning"
        outcome = self.where.outcome
        if self.where.pulse_decides and outcome is not None:
            return f"the pulse that decides ({outcome.criterion.feature}), allowed {allowed(outcome.criterion)}"
        return "the exposed pulse" if self.in_beats else "the smallest pulse"
