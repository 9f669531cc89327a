"""Sessions to test with: small, but with everything a real one has."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimdlab.capture import Capture, Reading
from aimdlab.scoring.results import Criterion, DecisionRule, Feature, Outcome, Score, Verdict
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import SessionHeader, new_header
from aimdlab.session.keys import bench_key
from aimdlab.session.model import Attempt
from aimdlab.session.seal import seal
from read_everything import Reader

MakeAttempt = Callable[..., Attempt]
MakeSession = Callable[..., SessionFolder]


def attempt_of(step: int, number: int = 1, verdict: Verdict = Verdict.PASS, **changes: Any) -> Attempt:
    """An attempt with two channels, two kinds of capture, a reading, features and outcomes."""
    rng = np.random.default_rng([step, number])
    captures = tuple(
        Capture(
            channel=channel,
            kind=kind,
            codes=rng.integers(-2000, 2000, size=samples).astype(np.int16),
            scale=1e-3,
            offset=-0.25 * step,
            unit="V",
            dt_s=2e-6,
            t0_s=-1e-3,
            code_min=-2047,
            code_max=2047,
            hole_code=None if kind == "verify" else -32768,
            u_gain=0.01,
            u_offset=1e-4,
            u_time=2e-6,
        )
        for kind, samples in (("verify", 100), ("exposure", 3000))
        for channel in ("injection_monitor", "device_monitor")
    )
    criterion = Criterion(
        "pulse_interval_max", None, 1.2, "s", "11.3", DecisionRule.GUARD_BAND, 2.0, "no beat may be missing"
    )
    features = (Feature("pulse_interval_max", 1.0 + step / 100, "s", 1e-3), Feature("width", float("nan"), "s", 0.0))
    values: dict[str, Any] = {
        "step": step,
        "step_id": f"gradient_injected/{step:04d}",
        "number": number,
        "kind": "sequence",
        "parameters": {"ivamp_v": 0.1 * step, "polarity": "bipolar", "cycles": 4, "filtered": True, "lead_m": None},
        "scoring": {"expected_amplitude_v": 3.5},
        "started_utc": "2026-01-02T03:04:05.000006Z",
        "ended_utc": "2026-01-02T03:04:20.000006Z",
        "started_monotonic_s": 100.0 + step,
        "ended_monotonic_s": 115.0 + step,
        "started_bench_s": 15.5 * step,
        "ended_bench_s": 15.5 * step + 15,
        "exposure_s": 15.0,
        "captures": captures,
        "readings": (Reading("ambient_temperature", "K", np.arange(5.0), 295.0 + rng.random(5)),),
        "score": Score(verdict, f"said {verdict}", features, (Outcome(criterion, 1.0, 1e-3, verdict, "inside"),)),
        "notes": ("gel stirred",) if step else (),
    }
    return Attempt(**{**values, **changes})


def header_of(steps: int, **changes: Any) -> SessionHeader:
    """A header with a plan of ``steps`` steps, the last of which is omitted if there are more than three."""
    plan = [
        {"step_id": f"gradient_injected/{step:04d}", "kind": "sequence", "level": 0.5 * step} for step in range(steps)
    ]
    if steps > 3:
        plan[-1]["omitted"] = "the lead is too short for it"
    values: dict[str, Any] = {
        "title": "Gradient injection, Prüfling 7",
        "plan": tuple(plan),
        "configuration": {
            "campaign.yaml": "device: ../devices/x.yaml\n",
            "../devices/x.yaml": "rate: 60 1/min # µ\r\n",
        },
        "equipment": ({"role": "oscilloscope", "model": "MSOX3024T", "serial": "MY1"},),
        "operator": "A. Müller",
        "bench_clock": "virtual",
    }
    return new_header(**{**values, **changes})


@pytest.fixture(scope="session")
def make_attempt() -> MakeAttempt:
    """Makes one attempt; see ``attempt_of``."""
    return attempt_of


@pytest.fixture(scope="session")
def make_header() -> Callable[..., SessionHeader]:
    """Makes a header; see ``header_of``."""
    return header_of


def session_at(path: Path, **changes: Any) -> SessionFolder:
    """A session of four steps with five attempts: PASS, INVALID then FAIL, PASS; the last step is omitted.

    It will be signed with the key of the bench "tested". ``changes`` are those of the header.
    """
    header = header_of(4, **{"signing_key": bench_key("tested").public, **changes})
    folder = SessionFolder.create(path, header, bench_clock=lambda: 12.5)
    folder.commit(attempt_of(0))
    folder.commit(attempt_of(1, 1, Verdict.INVALID))
    folder.commit(attempt_of(1, 2, Verdict.FAIL))
    folder.commit(attempt_of(2))
    folder.commit(attempt_of(0, 2, captures=(), readings=()))
    return folder


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Makes a session; see ``session_at``."""
    return lambda name="session", **changes: session_at(tmp_path / name, **changes)


@pytest.fixture(scope="session")
def sealed_content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of such a session when it is sealed, made once."""
    return seal(session_at(tmp_path_factory.mktemp("sealed") / "session")).read_bytes()


@pytest.fixture(scope="session")
def _to_be_copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A running session of one attempt and a sealed one of three."""
    path = tmp_path_factory.mktemp("base")
    with SessionFolder.create(path / "running", header_of(4)) as folder:
        folder.commit(attempt_of(0))
    with SessionFolder.create(path / "sealed", header_of(4)) as folder:
        for step in range(3):
            folder.commit(attempt_of(step))
        seal(folder)
    return path


@pytest.fixture
def running(_to_be_copied: Path, tmp_path: Path) -> Path:
    """The folder of a session of one attempt, open to nobody."""
    return Path(shutil.copytree(_to_be_copied / "running", tmp_path / "running"))


@pytest.fixture
def sealed(_to_be_copied: Path, tmp_path: Path) -> Path:
    """The sealed file of a session of three attempts, not signed."""
    return Path(shutil.copy(_to_be_copied / "sealed.h5", tmp_path))


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """A process that reads sessions."""
    with Reader() as process:
        yield process
