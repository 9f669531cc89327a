"""A hundred exposures of 15 s at 1 MSa/s on four monitors: 160 MB each, in bounded memory. ``make soak``."""

from __future__ import annotations

import sys

import pytest

from aimdlab.session.reader import verify_session
from command_line import Lab
from measured_run import measured_run

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

_MB = 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for the largest memory")
def test_a_hundred_long_captures_on_four_monitors(lab: Lab) -> None:
    lab.campaign = lab.folder / "configs/campaigns/gradient_injected_long_captures.yaml"
    done = measured_run(lab, timeout_s=3400)
    steps = done.result["steps"]
    stored = lab.session.with_name("session.h5").stat().st_size
    figure = (
        f"long captures: {len(steps)} steps, {stored / 1e9:.1f} GB sealed, run {done.own_bytes / _MB:.0f} MB, "
        f"simulation {done.children_bytes / _MB:.0f} MB of memory"
    )
    print(figure)  # noqa: T201 - the figure is the point
    assert (done.status, {step["verdict"] for step in steps}) == (0, {"PASS"})
    assert sum(step["kind"] == "sequence" for step in steps) == 100
    assert done.own_bytes < 500 * _MB
    verify_session(lab.session.with_name("session.h5"))
