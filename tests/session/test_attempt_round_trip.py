from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from aimdlab.capture import Capture, Reading
from aimdlab.errors import RecordAlteredError, RecordError
from aimdlab.scoring.results import Criterion, DecisionRule, Feature, Outcome, Score, Verdict
from aimdlab.session import hdf5
from aimdlab.session.attempt_file import read_attempt, write_attempt
from aimdlab.session.attempt_record import make_record
from aimdlab.session.codes import pack
from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal

texts = st.text(max_size=12)
floats = st.floats()
flat = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | floats | texts, max_size=4)
captures = st.builds(
    Capture,
    channel=texts,
    kind=st.sampled_from(["baseline", "verify", "exposure"]),
    codes=npst.arrays(st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, ">i2"]), st.integers(0, 40)),
    scale=floats,
    offset=floats,
    unit=texts,
    dt_s=floats,
    t0_s=floats,
    code_min=st.integers(-32768, 65535),
    code_max=st.integers(-32768, 65535),
    hole_code=st.none() | st.integers(-32768, 65535),
    u_gain=floats,
    u_offset=floats,
    u_time=floats,
)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    pairs = draw(npst.arrays(np.float64, st.tuples(st.just(2), st.integers(0, 10))))
    return Reading(draw(texts), draw(texts), pairs[0], pairs[1])


verdicts = st.sampled_from([Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID])
criteria = st.builds(Criterion, rule=st.sampled_from(DecisionRule), lower=st.none() | floats, upper=st.none() | floats)
scores = st.builds(
    Score,
    verdict=verdicts,
    reason=texts,
    features=st.lists(st.builds(Feature), max_size=3).map(tuple),
    outcomes=st.lists(st.builds(Outcome, criterion=criteria, verdict=verdicts), max_size=3).map(tuple),
)
attempts = st.builds(
    Attempt,
    step=st.just(0),
    step_id=st.just("step/0"),
    number=st.just(1),
    parameters=flat,
    scoring=flat,
    captures=st.lists(captures, max_size=3).map(tuple),
    readings=st.lists(readings(), max_size=2).map(tuple),
    score=scores,
    notes=st.lists(texts, max_size=2).map(tuple),
)


def assert_alike(left: Any, right: Any) -> None:
    """Equal to the bit; NaN is NaN, and 0.0 is not -0.0."""
    if isinstance(left, np.ndarray):
        assert left.shape == right.shape
        little = left.dtype.newbyteorder("<")
        assert little == right.dtype.newbyteorder("<")
        assert left.astype(little).tobytes() == right.astype(little).tobytes()
    elif dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            assert_alike(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_alike(one, other)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_alike(left[key], right[key])
    else:
        assert type(left) is type(right)
        assert repr(left) == repr(right)


@given(attempts)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_attempt_comes_back_from_a_group_to_the_bit(attempt: Attempt) -> None:
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        packed = [pack(capture.codes) for capture in attempt.captures]
        write_attempt(file, attempt, make_record(attempt, packed, index=0, previous="0" * 64), packed)
        assert_alike(attempt, read_attempt(file, "memory"))


@given(st.lists(attempts, min_size=1, max_size=3))
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_attempts_come_back_from_folder_and_sealed_file(
    tmp_path_factory: pytest.TempPathFactory, make_header: Callable[..., Any], drawn: list[Attempt]
) -> None:
    path = tmp_path_factory.mktemp("round") / "trip"
    header = make_header(1, plan=({"step_id": "step/0"},))
    numbered = [dataclasses.replace(attempt, number=number) for number, attempt in enumerate(drawn, start=1)]
    folder = SessionFolder.create(path, header)
    for attempt in numbered:
        folder.commit(attempt)
    for where in (path, None):
        with open_session(where or seal(folder)) as session:
            assert session.header == header
            for attempt, found in zip(numbered, session.attempts(), strict=True):
                assert_alike(attempt, found)
            session.verify()


def test_codes_are_read_only_when_asked_for_and_checked_then(
    tmp_path: Path, make_attempt: Callable[..., Attempt]
) -> None:
    attempt = make_attempt(0)
    with hdf5.create_file(tmp_path / "one.h5") as file:
        packed = [pack(capture.codes) for capture in attempt.captures]
        write_attempt(file, attempt, make_record(attempt, packed, index=0, previous="0" * 64), packed)
        file["codes/0001"][5] += 1
    with hdf5.open_file(tmp_path / "one.h5") as file:
        found = read_attempt(file, "one.h5")
        assert found.captures[1].n == 100
        assert found.captures[0].codes.tolist() == attempt.captures[0].codes.tolist()
        with pytest.raises(RecordAlteredError, match=r"attempt 1 at step 0 .*'device_monitor', verify"):
            _ = found.captures[1].codes
        replaced = dataclasses.replace(found.captures[0], scale=2.0)
        assert (replaced.scale, replaced.n) == (2.0, 100)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"captures": (Capture("c", "verify", np.zeros(3), 1, 0, "V", 1, 0, 0, 1),)}, "codes of 'c' are float64"),  # type: ignore[arg-type]
        ({"captures": (Capture("c", "verify", np.zeros((3, 2), np.int16), 1, 0, "V", 1, 0, 0, 1),)}, r"shape \(3, 2\)"),
        ({"readings": (Reading("r", "K", np.zeros(3), np.zeros(4)),)}, "reading 'r'"),
        ({"number": 0}, "numbered from 1"),
        ({"step": 9}, "not in the plan"),
        ({"step": -1}, "not in the plan"),
        ({"step_id": "another"}, "not 'another'"),
    ],
)
def test_what_the_format_has_no_place_for_is_refused_before_writing(
    make_session: Callable[..., SessionFolder], make_attempt: Callable[..., Attempt], changes: Any, named: str
) -> None:
    with make_session() as folder:
        before = sorted(folder.path.rglob("*.h5"))
        with pytest.raises(RecordError, match=named):
            folder.commit(make_attempt(2, 2) if not changes else dataclasses.replace(make_attempt(2, 2), **changes))
        assert sorted(folder.path.rglob("*.h5")) == before
