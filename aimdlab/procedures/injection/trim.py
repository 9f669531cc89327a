"""The level that a verify capture proves, and how it is trimmed where the amplifier's gain has drifted.

Trimming changes no verdict's meaning: the level at C is the plan's, what proves it is a verify capture of the trimmed
burst, scored as any other. The bench file allows it (``level_trim``), and it is off as it comes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from aimdlab.capture import Capture
from aimdlab.procedures.injection.playing import shape_of
from aimdlab.procedures.levelling import LevelGoal, Levelled, level_from_below
from aimdlab.procedures.protocol import Step, Verification
from aimdlab.scoring.behind_network import back_pulse
from aimdlab.scoring.injection import ExpectedInjection, InjectionTolerance
from aimdlab.scoring.level import level_of, prove_level
from aimdlab.scoring.parameters import GradientInjectedScoring, signal_from_flat

_MOST_TRIMS = 2


@dataclass(frozen=True)
class Proof:
    """What a verify capture shows.

    Attributes:
        verification: for the sequencer.
        seen_v: the larger of both pulses at the injection monitor, zero to peak; None if they are not both measured.
    """

    verification: Verification
    seen_v: float | None = None


def prove(capture: Capture, step: Step) -> Proof:
    """Prove the level of ``step`` from its verify capture."""
    known = GradientInjectedScoring.from_flat(step.scoring)
    expected = ExpectedInjection(known.expected_ivamp_v, signal_from_flat(step.parameters))
    tolerance = InjectionTolerance(known.level_tolerance, known.timing_tolerance, known.edge_max_s)
    features = level_of(capture, expected, back_pulse(known))
    proven, reason = prove_level(features, expected, tolerance)
    found = {feature.name: feature.value for feature in features}
    pulses = [abs(found["injected_pulse_a"]), abs(found["injected_pulse_b"])]
    is_whole = not found["injected_clipped"] and all(math.isfinite(pulse) for pulse in pulses)
    return Proof(Verification((capture,), proven, reason), max(pulses) if is_whole else None)


def trim(
    step: Step, first: Proof, first_v: float, allowed: float, largest_v: float, play: Callable[[float], Proof]
) -> tuple[Proof, Levelled | None]:
    """Set the generator off what the plan says, as far as is allowed, until the level is proven.

    Args:
        step: in hand.
        first: what the level gave without.
        first_v: peak of the generator without.
        allowed: how far the level may be off for that, as part of it.
        largest_v: the largest peak of the generator that no ceiling forbids.
        play: plays one burst with another peak, and proves it.

    Returns:
        The last proof, and how it came to it; None if there was nothing to trim, or too much.
    """
    known = GradientInjectedScoring.from_flat(step.scoring)
    wanted_v, seen_v = known.expected_ivamp_v, first.seen_v
    if first.verification.proven or seen_v is None or not abs(seen_v - wanted_v) <= allowed * wanted_v:
        return first, None
    last = first

    def played(peak_v: float) -> float | None:
        nonlocal last
        last = play(peak_v)
        return last.seen_v

    goal = LevelGoal(wanted_v, known.level_tolerance, wanted_v * (1 + allowed), largest_v, _MOST_TRIMS, allowed)
    levelled = level_from_below(played, first_v, goal, seen_at_first=seen_v)
    return last, levelled if levelled.moves else None


def describe(first: Proof, first_v: float, levelled: Levelled) -> str:
    """What a trim did, for the event log."""
    seen = f"{levelled.seen:.4g} V" if levelled.seen is not None else "not seen"
    return (
        f"generator set from {first_v:.4g} V to {levelled.setting:.4g} V: level at test point D "
        f"{first.seen_v or 0.0:.4g} V before, {seen} after{'. ' if levelled.problem else ''}{levelled.problem}"
    )


def largest_peak_v(step: Step, gain: float) -> float:
    """The largest peak of the generator that no ceiling of ``step`` forbids."""
    shape = shape_of(signal_from_flat(step.parameters))
    return step.ceilings.largest_v(step.ceilings.per_volt(shape), gain)
