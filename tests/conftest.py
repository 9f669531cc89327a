from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from command_line import COMMAND, Control, Lab, read_json
from patience import LIMIT_S

# The same examples in every run: whether a change is taken must not depend on luck. `make search` looks at other
# examples each time. The machine may be busy: no deadline, and slow generation of examples is no failure.
_BUSY = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("repeatable", derandomize=True, **_BUSY)
settings.register_profile("search", print_blob=True, **_BUSY)
settings.load_profile("repeatable")


def _draw_no_constants_of_ours() -> None:
    """In repeatable runs.

    Hypothesis likes to draw constants that stand in our sources: of those modules that happen to be loaded by then, and
    of none below a folder that is called "tests". So the examples depended on order, worker and place.
    """
    real, none = providers._get_local_constants, providers.Constants()
    providers._get_local_constants = lambda: none if settings.default.derandomize else real()  # type: ignore[union-attr]


_draw_no_constants_of_ours()


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys, locks and the list of benches are in folders of the tests, never in those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KEYS", "LOCKS", "BENCHES"):
            patch.setenv(f"AIMDLAB_{name}", str(tmp_path_factory.mktemp(name.lower())))
        yield


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
    hello = read_json(process.stdout)
    control = Control(hello["control"])
    yield control, hello
    control.close()
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=LIMIT_S) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait for real time come first: who waits leaves the processor to others, but not if he is the last."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests state in figures (``record_property("figure", text)``), in the log of every run."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    properties = [item for report in reports for item in getattr(report, "user_properties", ())]
    figures = sorted({str(value) for name, value in properties if name == "figure"})
    if figures:
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.write_line(figure)
