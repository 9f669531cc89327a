"""What an injected test refuses before it is planned, each with file and key."""

from __future__ import annotations

from collections.abc import Mapping

from aimdlab.bench.roles import Role
from aimdlab.config.campaign import Loaded
from aimdlab.config.device import DeviceFile
from aimdlab.config.loading import problem
from aimdlab.procedures.injection.captures import CaptureSettings, Parts
from aimdlab.procedures.injection.ranges import SignalRanges
from aimdlab.procedures.protocol import Subject
from aimdlab.scoring.exposure import SAMPLES_PER_DEVICE_PULSE

_SAMPLES_PER_PULSE_A = 2
_LEVEL_TOLERANCE_MAX = 0.05


def check_tolerance(subject: Subject, settings: CaptureSettings) -> None:
    """Refuse a proof of the level that would let too low a one pass."""
    if settings.level_tolerance > _LEVEL_TOLERANCE_MAX and not subject.test.file.demonstration:
        raise problem(
            subject.test.source,
            ("captures", "level_tolerance"),
            f"{settings.level_tolerance:.0%}: more than {_LEVEL_TOLERANCE_MAX:.0%} below the level would still count "
            "as exposed. Prove the level better, or say demonstration: true.",
        )


def check_rate(subject: Subject, settings: CaptureSettings, ranges: SignalRanges) -> None:
    """Refuse an exposure capture that is too slow for the signal or for the device's pulses."""
    therapies = [therapy for therapy in (subject.device.file.therapy, subject.device.file.normal_mode) if therapy]
    shortest_s = min(therapy.pulse_width for therapy in therapies)
    for what, least_hz in (
        (f"pulses A of {min(ranges.tbpw) * 500:g} ms", _SAMPLES_PER_PULSE_A / (min(ranges.tbpw) / 2)),
        (f"device pulses of {shortest_s * 1e3:g} ms", SAMPLES_PER_DEVICE_PULSE / shortest_s),
    ):
        if settings.exposure_rate < least_hz * (1 - 1e-9):
            text = f"{what} need at least {least_hz / 1e3:g} kHz to be proven and measured."
            raise problem(subject.test.source, ("captures", "exposure_rate"), text)


def check_criteria(device: Loaded[DeviceFile], features: Mapping[str, str]) -> None:
    """Refuse limits on what this test does not yield, and limits that a silent device could meet."""
    source = device.source
    for place, limit in enumerate(device.file.criteria):
        if limit.feature not in features:
            raise problem(
                source,
                ("criteria", place, "feature"),
                f"this test yields no {limit.feature!r}. It yields {', '.join(sorted(features))}.",
            )
        if limit.unit != features[limit.feature]:
            raise problem(source, ("criteria", place, "unit"), f"{limit.feature} is in {features[limit.feature]!r}.")
    if not any(limit.feature == "pulse_interval_max" and limit.upper for limit in device.file.criteria):
        raise problem(
            source,
            ("criteria",),
            "an upper limit on pulse_interval_max is missing: without it nothing asks for pacing.",
        )


def check_connection(subject: Subject, ranges: SignalRanges) -> None:
    """Refuse a network that is wired otherwise than the test needs it."""
    network = subject.bench.file.injection_network
    if network is None or network.kind != "annex_d":
        return
    for key, wanted, wired in (
        ("connection", ranges.connection, network.connection),
        ("terminals", ranges.terminals, network.terminals),
    ):
        if wanted != wired:
            raise problem(
                subject.test.source,
                ("signal", key),
                f"this test needs {key} {wanted}, but the bench file ({subject.bench.source.path}) says that the "
                f"network is wired for {wired}. Connect the device anew and change injection_network.{key} there.",
            )
    if network.cx is not None:
        raise problem(
            subject.bench.source,
            ("injection_network", "cx"),
            "no Cx meets D.2 for gradient signals, it would only take low frequencies away from them: bypass it, "
            "remove this key, and say so in the campaign's evidence (20.2.4, note).",
        )


def check_smallest(subject: Subject, parts: Parts, level_v: float) -> None:
    """Refuse a level that the generator cannot play so low, before the amplifier."""
    gain, least_v = parts.amplifier.gain, parts.generator.min_peak_v
    if level_v / gain < least_v * (1 - 1e-9):
        bench = subject.bench
        raise problem(
            bench.source,
            ("roles", Role.SIGNAL_GENERATOR.value),
            f"{level_v:.4g} V through an amplifier of gain {gain:g} need {level_v / gain:.3g} V of the generator: "
            f"it plays {least_v:g} V at least. Use an amplifier of less gain.",
        )
