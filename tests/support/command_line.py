"""The real command line in processes of its own, on lab folders made from the files that ship."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from aimdlab.standard.gradient_signal import T_DWELL_MS
from patience import LIMIT_S, wait_for

__all__ = ["COMMAND", "ROOT", "Control", "Lab", "read_json", "wait_for"]

ROOT = Path(__file__).parents[2]
CALIBRATION = '{certificate: "K-1", date: 2026-01-15, due: 2099-01-14}'
COMMAND = [sys.executable, "-W", "error", "-m", "aimdlab"]


class Lab:
    """A lab folder with the shipped files, and ways to change and run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("configs", "sequences"):
            shutil.copytree(ROOT / name, folder / name)
        self.campaign = folder / "configs/campaigns/gradient_injected_ten_steps.yaml"
        self.bench = folder / "configs/benches/simulated_gradient_injection.yaml"
        self.device = folder / "configs/devices/pacemaker.yaml"
        self.test = folder / "sequences/gradient/injected_ten_steps.yaml"
        self.world = folder / "configs/worlds/robust_pacemaker.yaml"
        self.session = folder / "session"

    def change(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def fewer_steps(self) -> None:
        """A baseline and two sequences."""
        self.change(self.test, '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', '["5 mT", "20 mT"]')
        self.change(self.test, 't_dwell: ["0.5 ms", "5 ms"]', 't_dwell: ["0.5 ms"]')

    def many_steps(self) -> None:
        """More sequences than can be over before somebody looks, however slow he is."""
        dwells = ", ".join(f'"{dwell_ms} ms"' for dwell_ms in T_DWELL_MS)
        self.change(self.test, 't_dwell: ["0.5 ms", "5 ms"]', f"t_dwell: [{dwells}]")

    def make_real(self, hello: dict[str, Any]) -> None:
        """The instruments that are served, as those of a bench that is not simulated: a person is asked there."""
        self.change(self.bench, "simulated:\n  world: ../worlds/robust_pacemaker.yaml\n", "")
        for entry in hello["instruments"]:
            driver = {"generator": "keysight_33500b", "oscilloscope": "keysight_infiniivision"}[entry["instrument"]]
            more = f'    resource: "{entry["resource"]}"\n    calibration: {CALIBRATION}\n'
            self.change(self.bench, f"    driver: {driver}\n", f"    driver: {driver}\n{more}")

    def scenario(self, *faults: str) -> Path:
        """A scenario file of these faults; of each the text within the braces."""
        path = self.folder / "configs/scenarios/of_this_test.yaml"
        lines = "".join(f"  - {{{fault}}}\n" for fault in faults)
        path.write_text(f"aimdlab: scenario/1\nfaults:\n{lines}", encoding="utf-8")
        return path

    def cli(self, *arguments: str | Path, timeout_s: float = 3 * LIMIT_S) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True, text=True, timeout=timeout_s, cwd=self.folder, check=False, stdin=subprocess.DEVNULL,
            encoding="utf-8",
        )  # fmt: skip

    def run(self, *more: str) -> tuple[int, dict[str, Any]]:
        done = self.cli("run", self.campaign, "--session", self.session, "--json", *more)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


def read_json(stream: IO[str]) -> dict[str, Any]:
    """The JSON object with which a command begins that goes on running."""
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        line = stream.readline()
        assert line, f"it ended: {text}"
        text += line
    found: dict[str, Any] = json.loads(text)
    return found


class Control:
    """A client of the simulated bench's control socket, for looking from outside."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=LIMIT_S)
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        self._socket.sendall((json.dumps({"op": op, **arguments}) + "\n").encode())
        reply: dict[str, Any] = json.loads(self._lines.readline())
        assert reply["ok"], reply
        return reply

    def generator(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ask("state")["instruments"]["generator"]
        return state

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
