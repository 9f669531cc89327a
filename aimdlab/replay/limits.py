"""The limits of another device file, for a record that was made under one: what may differ between the two.

A record can be judged by other limits; it cannot become the record of another device, another programming or another
exposure. Whatever in the new file says that it would have been, is refused; what has no part in the scoring is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimdlab.config.campaign import Loaded
from aimdlab.config.device import DeviceFile
from aimdlab.config.loading import problem, validate
from aimdlab.config.yaml_source import KeyPath, YamlSource, read_yaml
from aimdlab.errors import ConfigurationError, RecordError
from aimdlab.replay.scorings import TestScoring, recorded_device
from aimdlab.scoring.results import Criterion
from aimdlab.session.header import SessionHeader

_JUDGING = "criteria"
_WHY = {
    "therapy": "the device was programmed and its pulses were looked for by the recorded file",
    "normal_mode": "the baselines were judged by the recorded programming",
    "settings": "a person confirmed the recorded settings",
    "lead": "the applied levels follow from the recorded lead",
    "input": "what of the signal reaches the device was computed from the recorded input",
    "response_time": "the exposures were as long as the recorded file asks for",
    "recovery": "the pauses between exposures were those of the recorded file",
}
_ANOTHER_DEVICE = "this is a file of another device than the one that was measured"
_WITHOUT_PART: tuple[KeyPath, ...] = (
    ("name",),
    ("battery",),
    ("description", "condition"),
    ("description", "materials"),
    ("description", "magnetic_parts"),
    ("description", "photographs"),
    ("description", "drawings"),
    ("input", "description"),
)
"""What is said of the device, and decides neither on what was done nor on how it is scored."""


@dataclass(frozen=True)
class OtherLimits:
    """Limits to score a record by.

    Attributes:
        device: the file they come from.
        criteria: in SI.
        also_different: keys of the file that differ as well and have no part in the scoring.
    """

    device: Loaded[DeviceFile]
    criteria: tuple[Criterion, ...]
    also_different: tuple[str, ...]


def other_limits(path: Path, header: SessionHeader, scorings: Sequence[TestScoring]) -> OtherLimits:
    """Read the limits of a device file for a record.

    Raises:
        ConfigurationError: the file is wrong, its limits cannot judge the tests of the record, or it is not the file
            of this device, programmed and exposed as recorded; names file, line and key.
        RecordError: the recorded device file is not there or cannot be read.
    """
    source = read_yaml(path)
    device = Loaded(validate(source, DeviceFile), source)
    also_different = _differences(device, header)
    for scoring in scorings:
        scoring.procedure.check_criteria(device)
    return OtherLimits(device, tuple(limit.criterion() for limit in device.file.criteria), also_different)


def _differences(device: Loaded[DeviceFile], header: SessionHeader) -> tuple[str, ...]:
    """The keys that differ without harm; ConfigurationError at the first that does harm."""
    then_source = recorded_device(header)
    try:
        then = validate(then_source, DeviceFile)
    except ConfigurationError as error:
        raise RecordError(f"this aimdlab cannot read the device file as it was recorded: {error}") from error
    harmless = []
    for key, was, wanted in _unlike(then.model_dump(mode="json"), device.file.model_dump(mode="json"), ()):
        if any(key[: len(known)] == known for known in _WITHOUT_PART):
            harmless.append(".".join(map(str, key)))
        else:
            raise _refusal(device.source, key, was, wanted)
    return tuple(dict.fromkeys(harmless))


def _refusal(source: YamlSource, key: KeyPath, was: Any, wanted: Any) -> ConfigurationError:
    why = _WHY.get(str(key[0]), _ANOTHER_DEVICE)
    return problem(
        source,
        key,
        f"{wanted!r}, recorded {was!r}: {why}. A record can be scored by other criteria alone; for anything else "
        "measure again.",
    )


def _unlike(then: Any, now: Any, key: KeyPath) -> Iterator[tuple[KeyPath, Any, Any]]:
    """Every place where two files say something else, with both values."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys((*then, *now)):
            if key or name != _JUDGING:
                yield from _unlike(then.get(name), now.get(name), (*key, name))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from _unlike(one, other, (*key, place))
    elif then != now:
        yield key, then, now
