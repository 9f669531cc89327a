"""One point of a growth curve, in a process of its own: ``python -m benchmarks.growth_point NAME SIZE FOLDER``.

Prints JSON: wall and processor seconds, children included, and the largest memory before and at the end. A synthetic
session has steps that a person answered, each with a reading and one tiny capture: every layer of the record is passed,
and little is spent on samples. Captures to be committed and read are a recorded one, each sample repeated, with noise
on top; those to be scored were recorded as long as they are.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimdlab.capture import Capture, Reading
from aimdlab.cli.verdicts import show
from aimdlab.config.campaign import load_campaign
from aimdlab.procedures.gradient_injected import GradientInjected
from aimdlab.procedures.protocol import PERSON
from aimdlab.replay.session import replay_session
from aimdlab.scoring.attempt import Material, score_attempt
from aimdlab.scoring.exposure import DEVICE_MONITOR, EXPOSURE, INJECTION_MONITOR
from aimdlab.scoring.parameters import KIND_SEQUENCE
from aimdlab.scoring.results import EXPOSURE_PROVEN
from aimdlab.scoring.settings import SETTINGS_CONFIRMED, score_settings
from aimdlab.sequencer.campaign import Outcome
from aimdlab.sequencer.plan import make_plan
from aimdlab.sequencer.tries import Tries, cut_off
from aimdlab.session.base import BEGUN
from aimdlab.session.folder import SessionFolder
from aimdlab.session.header import SessionHeader, new_header
from aimdlab.session.model import Attempt
from aimdlab.session.reader import open_session, verify_session
from aimdlab.session.seal import seal
from benchmarks.memory import forget_peak, peak_bytes

Work = Callable[[], object]
_TINY = 100
_JUDGED = (INJECTION_MONITOR, DEVICE_MONITOR)
# Times the five counts of cycles and the four widths of Table 2: a hundred, and a thousand.
_THOUSAND_B_G = '["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]'
_THOUSAND_T_OFF = "[" + ", ".join(f'"{off_ms} ms"' for off_ms in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)) + "]"


# --- against the number of steps: FOLDER is passed from each to the next --------------------------------------------


def record(steps: int, folder: Path) -> Work:
    """Commit as many attempts as there are steps, as a run does: room, two events, the attempt."""
    header, given = _synthetic(steps, folder)
    noise = np.random.default_rng(1).integers(0, 4096, (50, _TINY)).astype(np.int16)

    def work() -> None:
        with SessionFolder.create(folder / "session", header) as session:
            for step, planned in enumerate(header.plan):
                name = str(planned["step_id"])
                session.require_room(step)
                session.events.record(BEGUN, name, source="sequencer", durable=True, index=step, step=name, attempt=1)
                capture = _capture("device_monitor", noise[step % len(noise)], 1e-3)
                session.prepare(capture)
                session.commit(_attempt(step, planned, capture, given))
                session.events.record("attempt.scored", name, source="sequencer", step=name)

    return work


def resume(_steps: int, folder: Path) -> Work:
    """Open the session to go on with it, and see what is left to do."""

    def work() -> None:
        path = folder / "session"
        with SessionFolder.open(path), open_session(path) as session:
            Tries(session.header.plan, session.records(), cut_off(session.events())).first_to_do()

    return work


def seal_it(_steps: int, folder: Path) -> Work:
    """Seal what was recorded."""
    session = SessionFolder.open(folder / "session")
    return lambda: seal(session)


def verify(_steps: int, folder: Path) -> Work:
    """Verify the sealed file."""
    return lambda: verify_session(folder / "session.h5")


def replay(_steps: int, folder: Path) -> Work:
    """Score every attempt again, in this process."""

    def work() -> None:
        with open_session(folder / "session.h5") as session:
            if not replay_session(session, workers=1).is_reproduced:
                raise RuntimeError("the synthetic session is not reproduced")

    return work


def table(_steps: int, folder: Path) -> Work:
    """The verdict table at the end of a run."""

    def work() -> None:
        with redirect_stdout(io.StringIO()):
            show(Outcome(folder / "session.h5", True, "virtual", None, "", None, "ran"), as_json=False)

    return work


def plan(steps: int, folder: Path) -> Work:
    """Plan a hundred sequences, or so many thousands: tests of a thousand combinations each."""
    test = folder / "sequences/gradient/injected_tier_1.yaml"
    text = test.read_text(encoding="utf-8")
    few = {"b_g": _THOUSAND_B_G, "t_off": _THOUSAND_T_OFF if steps > 100 else '["20 ms"]', "t_dwell": '["5 ms"]'}
    for name, values in few.items():
        text = text.replace(f"{name}: all", f"{name}: {values}")
    test.write_text(text.replace("retries: 2", "demonstration: true\nretries: 2"), encoding="utf-8")
    campaign = folder / "configs/campaigns/gradient_injected_tier_1.yaml"
    line = "  - test: ../../sequences/gradient/injected_tier_1.yaml\n"
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text.replace(line, line * max(1, steps // 1000)), encoding="utf-8")

    def work() -> None:
        planned = sum(step.kind == KIND_SEQUENCE for step in make_plan(load_campaign(campaign)).steps)
        if planned != steps:
            raise RuntimeError(f"{planned} sequences were planned instead of {steps}")

    return work


# --- against samples per capture -----------------------------------------------------------------------------------


def commit(samples: int, folder: Path) -> Work:
    """Commit one attempt with one capture."""
    header, given = _synthetic(1, folder)
    capture = _capture("device_monitor", _stretched(folder, "device_monitor", samples), 1e-6)

    def work() -> None:
        with SessionFolder.create(folder / f"capture-{samples}", header) as session:
            session.commit(_attempt(0, header.plan[0], capture, given))

    return work


def read(samples: int, folder: Path) -> Work:
    """Read the capture that was committed, checked against its hash."""

    def work() -> None:
        with open_session(folder / f"capture-{samples}") as session:
            for attempt in session.attempts():
                _ = attempt.captures[0].codes

    return work


def score(_samples: int, folder: Path) -> Work:
    """Score the recorded sequence, whose exposure has so many samples of each monitor."""
    with open_session(folder / "recorded") as session:
        attempt = next(one for one in session.attempts() if one.kind == KIND_SEQUENCE)
        material = Material(
            tuple(_in_memory(one) for one in attempt.captures if one.channel in _JUDGED),
            attempt.readings,
            attempt.parameters,
            attempt.scoring,
            attempt.exposure_s,
            "",
        )

    def work() -> None:
        scored = score_attempt(GradientInjected.features, material, ())
        proven = {feature.name: feature.value for feature in scored.score.features}.get(EXPOSURE_PROVEN)
        if scored.failure is not None or proven != 1.0:
            raise RuntimeError(f"the exposure is not proven: {scored.score.reason}") from scored.failure

    return work


BY_STEPS: Mapping[str, Callable[[int, Path], Work]] = {
    "record": record, "resume": resume, "seal": seal_it, "verify": verify, "replay": replay, "table": table,
    "plan": plan,
}  # fmt: skip
BY_SAMPLES: Mapping[str, Callable[[int, Path], Work]] = {"commit": commit, "read": read, "score": score}


def main() -> None:
    """Do one and tell."""
    name, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    work = {**BY_STEPS, **BY_SAMPLES}[name](size, folder)
    forget_peak()  # the inputs were made with more memory than they take
    before_b, wall_s, cpu_s = peak_bytes(), time.perf_counter(), _cpu_s()
    work()
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - wall_s,
                "cpu_s": _cpu_s() - cpu_s,
                "before_bytes": before_b,
                "peak_bytes": peak_bytes(),
            }
        )
    )


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _synthetic(steps: int, folder: Path) -> tuple[SessionHeader, Reading]:
    """A header with so many steps that a person answers, and what each of them gives."""
    with open_session(folder / "recorded") as session:
        found = session.header
    asked = next(step for step in found.plan if step["kind"] == PERSON)
    header = new_header(
        title="growth",
        plan=tuple({**asked, "step_id": f"1/{index:06d}", "index": index} for index in range(steps)),
        configuration=found.configuration,
        tests=found.tests,
        campaign_file=found.campaign_file,
    )
    reading = Reading(SETTINGS_CONFIRMED, "1", np.zeros(1), np.ones(1))
    return header, reading


def _attempt(step: int, planned: Mapping[str, Any], capture: Capture, given: Reading) -> Attempt:
    """A person's answer at a step, scored as a run scores it."""
    clocks = (0.0, 0.0, 0.0, 0.0, 0.0)
    name, parameters, scoring = str(planned["step_id"]), planned["parameters"], planned["scoring"]
    score = score_settings((given,))
    return Attempt(step, name, 1, PERSON, parameters, scoring, "", "", *clocks, (capture,), (given,), score)


def _capture(channel: str, codes: NDArray[np.int16], dt_s: float) -> Capture:
    codes.flags.writeable = False
    return Capture(channel, EXPOSURE, codes, 1e-3, 0.0, "V", dt_s, 0.0, -32768, 32767)


def _stretched(folder: Path, channel: str, samples: int) -> NDArray[np.int16]:
    with open_session(folder / "recorded") as session:
        attempt = next(one for one in session.attempts() if one.kind == KIND_SEQUENCE)
        found = next(one for one in attempt.captures if (one.channel, one.kind) == (channel, EXPOSURE))
        return np.asarray(_repeated(found.codes, -(-samples // found.n)))[:samples].view(np.int16)


def _in_memory(capture: Capture) -> Capture:
    """What is read from a session is read when it is asked for; a run scores what it has."""
    return replace(capture, codes=capture.codes.copy())


def _repeated(codes: Any, times: int) -> Any:
    """Each code so many times, every other one a step up: compression shall have work."""
    finer = np.repeat(codes, times)
    ups = np.random.default_rng(2).integers(0, 2, 65536).astype(finer.dtype) << 4
    for begin in range(0, finer.size, ups.size):
        part = finer[begin : begin + ups.size]
        part += ups[: part.size]
    return finer


if __name__ == "__main__":
    main()
