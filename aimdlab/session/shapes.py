"""What the texts of a session must hold to be read: which fields, of which type, in which range.

A text whose hash is right can still be anything: whoever forges one recomputes its hash.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from aimdlab.scoring.results import Verdict

_VERDICTS = frozenset(str(verdict) for verdict in Verdict)
_LARGEST = 2**31 - 1  # of what stands in a column of the tables or in a file's name
_LONGEST = 10_000  # of what is kept of every commit

_EVENT: Mapping[str, type | tuple[type, ...]] = {
    "n": int,
    "utc": str,
    "monotonic_s": (int, float),
    "bench_s": (int, float, type(None)),
    "source": str,
    "kind": str,
    "message": str,
    "data": dict,
    "previous": str,
    "sha256": str,
}
_COMMIT: Mapping[str, type] = {"index": int, "step": int, "step_id": str, "number": int, "verdict": str, "sha256": str}
_HEADER: Mapping[str, type] = {
    "title": str,
    "tests": list,
    "plan": list,
    "equipment": list,
    "operator": str,
    "bench_clock": str,
    "software": dict,
    "host": dict,
    "created_utc": str,
    "session_id": str,
    "campaign_file": str,
    "signing_key": str,
    "format_version": int,
}


def check_event(event: Mapping[str, Any]) -> None:
    """Raise ValueError unless this is an event."""
    _check_fields(event, _EVENT)


def commit_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says of a commit, from its data; ValueError if it says none."""
    _check_fields(data, _COMMIT)
    for name in ("index", "step", "number"):
        _check_count(data[name], name)
    if max(len(data[name]) for name in ("step_id", "verdict", "sha256")) > _LONGEST:
        raise ValueError("its texts are longer than those of a commit")
    return {name: data[name] for name in _COMMIT}


def check_header(header: Mapping[str, Any]) -> None:
    """Raise ValueError unless this can be a header; fields that a version does not have are not missed."""
    _check_fields(header, {name: kind for name, kind in _HEADER.items() if name in header})
    for name in ("tests", "equipment"):
        if not all(isinstance(entry, dict) for entry in header.get(name, ())):
            raise ValueError(f"{name} holds something else than objects")
    for name in ("software", "host"):
        if not all(isinstance(value, str) for value in header.get(name, {}).values()):
            raise ValueError(f"{name} holds something else than texts")


def planned_of(step: object) -> dict[str, Any]:
    """A step of a plan; ValueError unless this can be one."""
    if not isinstance(step, dict):
        raise ValueError("plan holds something else than objects")  # noqa: TRY004 - bad text, not a bad type
    if not isinstance(step.get("test", 0), int):
        raise ValueError("a step of the plan belongs to no test")  # noqa: TRY004 - bad text, not a bad type
    if not isinstance(step.get("omitted", ""), str | None):
        raise ValueError("a step of the plan is omitted for something else than a text")  # noqa: TRY004 - bad text
    return step


def check_link(record: Mapping[str, Any]) -> None:
    """Raise ValueError unless this is a link of the chain of attempts, as far as all readers need it."""
    _check_fields(record, {"index": int, "previous": str, "attempt": dict})
    attempt = record["attempt"]
    _check_fields(
        attempt,
        {"step": int, "number": int, "step_id": str, "captures": list, "readings": list, "score": dict, "kind": str},
    )
    for name, count in (("index", record["index"]), ("step", attempt["step"]), ("number", attempt["number"])):
        _check_count(count, name)
    score = attempt["score"]
    _check_fields(score, {"verdict": str, "reason": str, "features": list})
    if score["verdict"] not in _VERDICTS:
        raise ValueError("its verdict is none")
    for feature in score["features"]:
        if not isinstance(feature, dict):
            raise ValueError("a feature is none")  # noqa: TRY004 - bad text, not a bad type
        # As nearly all are; a record has a hundred, and every reader of a session looks at all of them.
        if type(feature.get("name")) is not str or type(feature.get("value")) is not float:
            _check_fields(feature, {"name": str, "value": (int, float)})


def check_attempt(attempt: Mapping[str, Any]) -> None:
    """Raise ValueError naming the first field of a recorded attempt that is missing, unknown or mistyped."""
    from pydantic import ValidationError  # when an attempt is read as a whole: it takes as long as opening a session

    try:
        _attempt_model().model_validate(attempt)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}") from error


@functools.cache
def _attempt_model() -> Any:
    from aimdlab.session.attempt_model import AttemptModel

    return AttemptModel


def _check_fields(values: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]]) -> None:
    for name, kind in kinds.items():
        value = values.get(name, _check_fields)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{name} is missing or mistyped")  # noqa: TRY004 - bad text, not a bad type


def _check_count(value: int, name: str) -> None:
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} is out of range")
