"""A run that was killed after some attempts, made once, and copies of its lab."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from command_line import COMMAND, Lab, read_json
from patience import LIMIT_S
from resumed import held


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose run was killed from outside after four attempts: settings, baseline and two of four sequences."""
    lab = Lab(tmp_path_factory.mktemp("stopped"))
    lab.change(lab.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["5 mT", "20 mT"]')
    with subprocess.Popen(
        [*COMMAND, "simulate", str(lab.bench), "--json"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=lab.folder,
    ) as bench:  # fmt: skip
        assert bench.stdout is not None
        control = read_json(bench.stdout)["control"]
        with held(lab, "committed", 4, "run", lab.campaign, "--session", lab.session, "--attach", control) as run:
            for command in ("resume", "seal"):
                refused = lab.cli(command, lab.session)
                assert refused.returncode == 2
                assert f"process {run.pid}" in refused.stderr
                assert "tell" in refused.stderr
            run.kill()
            run.wait(LIMIT_S)
        bench.kill()
    return lab


@pytest.fixture
def copy(stopped: Lab, tmp_path: Path) -> Lab:
    """A copy of that lab, to be changed; its session still names the campaign file of the first."""
    copied = Lab(tmp_path / "lab")
    for name in ("configs", "sequences", "session"):
        shutil.rmtree(copied.folder / name, ignore_errors=True)
        shutil.copytree(stopped.folder / name, copied.folder / name)
    return copied
