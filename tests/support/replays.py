"""What the tests of replay say: replay this, print it, and change what was recorded of an attempt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimdlab.cli.replay import Asked
from aimdlab.cli.replay import replay as run_replay
from aimdlab.replay.session import Replay, replay_session
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session


def replayed(path: Path, workers: int = 1) -> Replay:
    """The session scored again."""
    with open_session(path) as session:
        return replay_session(session, workers)


def printed(path: Path, capsys: pytest.CaptureFixture[str], asked: Asked | None = None) -> tuple[int, dict[str, Any]]:
    """The command in this process: exit status and JSON."""
    status = run_replay(path, asked or Asked(), as_json=True)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["exit_status"] == status
    return status, found


def with_feature(name: str, change: Callable[[float], float]) -> Callable[[Attempt], Attempt]:
    """A forger of one feature of the score."""

    def forge(attempt: Attempt) -> Attempt:
        features = tuple(
            replace(feature, value=change(feature.value)) if feature.name == name else feature
            for feature in attempt.score.features
        )
        assert repr(features) != repr(attempt.score.features)
        return replace(attempt, score=replace(attempt.score, features=features))

    return forge


def with_score(**changes: Any) -> Callable[[Attempt], Attempt]:
    """A forger of the score."""
    return lambda attempt: replace(attempt, score=replace(attempt.score, **changes))
