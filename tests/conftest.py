from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from command_line import COMMAND, Control, Lab

# What CI decides must not depend on luck; at a desk every run looks at other examples. The machine may be busy: no deadline.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def served(lab: Lab) -> Iterator[tuple[Control, dict[str, Any]]]:
    """``aimdlab simulate`` of the lab's bench, with a control connection to it."""
    process = subprocess.Popen(
        [*COMMAND, "simulate", str(lab.bench), "--json"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=lab.folder,
    )  # fmt: skip
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        line = process.stdout.readline()
        assert line, f"simulate ended: {text}"
        text += line
    hello = json.loads(text)
    control = Control(hello["control"])
    yield control, hello
    control.close()
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
