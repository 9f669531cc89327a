"""Real sessions of the simulated bench, made once; and copies of them in which something was changed and every hash
computed anew, as a forger would."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimdlab.session.folder import SessionFolder
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session
from aimdlab.session.seal import seal
from command_line import ROOT, Lab
from patience import LIMIT_S

Rebuild = Callable[..., Path]


@pytest.fixture(scope="session")
def injected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sealed: settings read, baseline, a PASS at 5 mT, a FAIL at 20 mT, check, settings read."""
    lab = Lab(tmp_path_factory.mktemp("injected"))
    lab.fewer_steps()
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    status, result = lab.run()
    assert status == 1
    assert [step["verdict"] for step in result["steps"]] == ["PASS", "PASS", "PASS", "FAIL", "PASS", "PASS"]
    return Path(result["session"])


@pytest.fixture(scope="session")
def synchronised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sealed: bursts on the device's pulses behind Annex D, one sequence, PASS."""
    lab = Lab(tmp_path_factory.mktemp("synchronised"))
    test = lab.folder / "sequences/gradient/extrinsic_synchronised_twelve_steps.yaml"
    lab.change(test, 'b_g: ["5 mT", "10 mT"]', 'b_g: ["5 mT"]')
    lab.change(test, 't_dwell: ["0 ms", "0.5 ms"]', 't_dwell: ["0.5 ms"]')
    lab.change(test, 'offsets: ["0 ms", "0.2 ms", "0.5 ms"]', 'offsets: ["0.2 ms"]')
    lab.campaign = lab.folder / "configs/campaigns/demo.yaml"
    lab.change(lab.campaign, "  - test: ../../sequences/gradient/injected_ten_steps.yaml\n", "")
    status, result = lab.run()
    assert status == 0, result
    return Path(result["session"])


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: an INVALID by a fault and its retry, a FAIL with a fault while switching off, then a person's stop."""
    lab = Lab(tmp_path_factory.mktemp("stopped"))
    lab.fewer_steps()
    lab.change(lab.bench, "robust_pacemaker", "susceptible_pacemaker")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/support/troubled_run.py"), "run", str(lab.campaign), "--session",
         str(lab.session)],
        capture_output=True, text=True, encoding="utf-8", cwd=lab.folder, check=False, timeout=3 * LIMIT_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    return lab.session


@pytest.fixture
def rebuild(tmp_path: Path) -> Rebuild:
    """Makes a session from another one, some steps changed, or these alone in it, with every hash right."""

    def make(
        source: Path,
        attempts: Mapping[str, Callable[[Attempt], Attempt]] | None = None,
        name: str = "rebuilt",
        *,
        alone: bool = False,
        sealed: bool = False,
        **header: Any,
    ) -> Path:
        with open_session(source) as session:
            folder = SessionFolder.create(tmp_path / name, replace(session.header, signing_key="", **header))
            for attempt in session.attempts():
                if alone and attempt.step_id not in (attempts or {}):
                    continue
                for capture in attempt.captures:
                    _ = capture.codes
                change = (attempts or {}).get(attempt.step_id)
                folder.commit(change(attempt) if change else attempt)
        if sealed:
            return seal(folder)
        folder.close()
        return folder.path

    return make
