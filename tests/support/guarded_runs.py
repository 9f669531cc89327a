"""Runs with a guardian at one simulated bench, begun and looked at from a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from aimdlab._platform import is_process_alive, kill_process, process_started
from aimdlab.bench.guardian.log import read_log
from aimdlab.bench.simulated import SimulatedBench
from aimdlab.config.campaign import load_bench
from aimdlab.sequencer.guarding import orders_for
from command_line import ROOT, Control
from patience import LIMIT_S, wait_for

BENCH = ROOT / "configs/benches/simulated_gradient_injection.yaml"
WORLD = ROOT / "configs/worlds/robust_pacemaker.yaml"
PROGRAM = ROOT / "tests/support/guarded_run.py"


class Runs:
    """Makes runs with a guardian on one simulated bench."""

    def __init__(self, served: tuple[SimulatedBench, Control], folder: Path) -> None:
        self.bench, self.control = served
        self.folder = folder
        self.session = folder / "session"
        self.session.mkdir()
        self.all: list[GuardedRun] = []

    def begin(
        self, file: Path = BENCH, resources: dict[str, str] | None = None, stderr: int = subprocess.PIPE, **orders: Any
    ) -> GuardedRun:
        """A run that has switched the generator on, or was refused."""
        found = self.bench.resources | (resources or {})
        of_bench = orders_for(load_bench(file).file, found, ()).model_dump(mode="json")
        wanted = {"orders": of_bench | orders, "generator": found["generator"], "session": str(self.session)}
        self.all.append(GuardedRun(wanted, stderr))
        return self.all[-1]

    def bench_file(self, *changes: tuple[str, str]) -> Path:
        text = BENCH.read_text(encoding="utf-8").replace("../worlds/", f"{WORLD.parent.as_posix()}/")
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        path = self.folder / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def is_on(self) -> bool:
        return bool(self.control.generator()["channels"]["1"]["output"])

    def kinds(self) -> list[str]:
        return [entry.kind.removeprefix("guardian.") for entry in read_log(self.session)]

    def data(self, kind: str) -> dict[str, Any]:
        (entry,) = [entry for entry in read_log(self.session) if entry.kind == f"guardian.{kind}"]
        return entry.data


class GuardedRun:
    def __init__(self, wanted: dict[str, Any], stderr: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(PROGRAM), json.dumps(wanted)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
        self.guardian = int(self.heard()["guardian"])
        self.answer = self.heard()

    def heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.process.communicate()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def ended(self) -> str:
        """What run and guardian said at the terminal, once both have ended."""
        _, said = self.process.communicate(timeout=LIMIT_S)
        wait_for(lambda: not is_process_alive(self.guardian))
        return said or ""

    def clean_up(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=LIMIT_S)
        if is_process_alive(self.guardian):
            kill_process(self.guardian, process_started(self.guardian))
