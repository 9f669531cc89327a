"""A run and its guardian: each notices that the other hangs, and what goes on by itself at night."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from aimdlab.bench.guardian.log import Entry, read_log
from aimdlab.session.inbox import send
from aimdlab.session.reader import open_session
from command_line import COMMAND, ROOT, Control, Lab, wait_for
from patience import LIMIT_S

HELD = [sys.executable, "-W", "error", str(ROOT / "tests/support/held_command.py")]

posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def unattended(lab: Lab) -> None:
    lab.change(lab.campaign, "tests:\n", "unattended: {resume: true}\ntests:\n")
    lab.change(lab.bench, "simulated:\n", 'guardian: {silence: "5 s"}\nsimulated:\n')


def log(lab: Lab) -> list[Entry]:
    return read_log(lab.session) if lab.session.is_dir() else []


def test_a_run_that_hangs_is_ended_and_another_goes_on_to_the_seal(lab: Lab) -> None:
    lab.fewer_steps()
    unattended(lab)
    with subprocess.Popen(
        [*HELD, "committed", "3", "run", str(lab.campaign), "--session", str(lab.session)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        run.wait(timeout=LIMIT_S)
        assert run.stderr is not None
        said = run.stderr.read()
    assert run.returncode == (-signal.SIGKILL if sys.platform != "win32" else 1), said
    assert f"guardian: the run (process {run.pid}) has given no sign of life for 5 s; it is ended" in said
    assert "guardian: another run goes on in its place" in said
    output = lab.session.with_name("session.replacement-1.txt")
    sealed = lab.session.with_suffix(".h5")
    wait_for(lambda: sealed.exists() and not lab.session.exists())
    wait_for(lambda: "sealed session" in output.read_text(encoding="utf-8"))
    with open_session(sealed) as session:
        assert {result.verdict.value for result in session.steps()} == {"PASS"}
        kinds = [event.kind for event in session.events()]
        resumed = next(event for event in session.events() if event.kind == "run.resumed")
        tried = [(attempt.step_id, attempt.number) for attempt in session.attempts()]
    assert resumed.data["unattended"] is True
    assert "guardian.run_hangs" in kinds
    assert kinds.index("guardian.replaced") < kinds.index("run.resumed")
    # Nobody is there to read the settings again; what needs nobody is done again.
    assert tried.count(("1/settings", 1)) == 1
    assert ("1/settings", 2) not in tried
    assert ("1/baseline", 2) in tried


@posix_signals
def test_a_guardian_that_hangs_is_noticed_and_the_run_stops(lab: Lab, served: tuple[Control, dict[str, Any]]) -> None:
    control, hello = served
    lab.many_steps()
    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session), "--clock", "real", "--attach",
         hello["control"]],
        cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        wait_for(lambda: any(entry.kind == "guardian.armed" for entry in log(lab)), within=run)
        guardian = int(log(lab)[0].data["guardian"])
        os.kill(guardian, signal.SIGSTOP)
        _, said = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 3, said
    assert f"the guardian (process {guardian}) has not answered for 5 s; it was ended" in said
    assert not control.generator()["channels"]["1"]["output"]
    with pytest.raises(ProcessLookupError):
        os.kill(guardian, 0)
    with open_session(lab.session) as session:
        interrupted = [event.message for event in session.events() if event.kind == "run.interrupted"]
    assert "guardian" in interrupted[0]


def test_a_question_is_answered_from_elsewhere(lab: Lab, served: tuple[Control, dict[str, Any]]) -> None:
    control, hello = served
    lab.make_real(hello)
    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        wait_for(lambda: "question.asked" in kinds(lab), within=run)
        assert not control.generator()["channels"]["1"]["output"]
        for words in (["answer", "perhaps"], ["pause"], ["continue"], ["answer", "yes"]):
            assert lab.cli("tell", lab.session, *words).returncode == 0
        wait_for(lambda: "question.answered" in kinds(lab), within=run)
        assert lab.cli("tell", lab.session, "stop").returncode == 0
        _, said = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 4, said
    assert said.count("[yes/no]") == 2, "asked again after an answer that is none"
    with open_session(lab.session) as session:
        answered = next(event.message for event in session.events() if event.kind == "question.answered")
        assert next(session.attempts()).score.verdict == "PASS"
    assert "tell by " in answered
    assert answered.endswith("answers: yes")


def kinds(lab: Lab) -> set[str]:
    if not (lab.session / "session.h5").exists():
        return set()
    with open_session(lab.session) as session:
        return {event.kind for event in session.events()}


@posix_signals
def test_where_nobody_attends_a_pause_holds_and_questions_are_answered_from_elsewhere(lab: Lab) -> None:
    """Whoever paused a run may have his hands at the bench: no run that takes its place may switch anything on."""
    lab.many_steps()
    lab.change(lab.campaign, "tests:\n", "unattended: {resume: true}\ntests:\n")
    text = lab.campaign.read_text(encoding="utf-8")
    lab.campaign.write_text(text[: text.index("ambient:")] + text[text.index("justification:") :], encoding="utf-8")
    events = lab.session / "events.jsonl"

    def times(what: str) -> int:
        return events.read_text(encoding="utf-8").count(what) if events.exists() else 0

    with subprocess.Popen(
        [*COMMAND, "run", str(lab.campaign), "--session", str(lab.session)],
        cwd=lab.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    ) as run:  # fmt: skip
        assert run.stdin is not None
        run.stdin.write("22 degC\n45 %\n")
        run.stdin.flush()
        wait_for(lambda: times('"attempt.scored"') > 2, within=run)
        send(lab.session, "pause")
        wait_for(lambda: times('"run.paused"') == 1, within=run)
        run.kill()
    begun = times('"attempt.begun"')
    for question, answer in (("Temperature", "22 degC"), ("Relative humidity", "45 %")):
        wait_for(lambda question=question: times(f"{question} at the bench, e.g.") == 1)  # type: ignore[misc]
        send(lab.session, "answer", answer)
    wait_for(lambda: times('"run.paused"') == 2)
    assert times('"attempt.begun"') == begun, "nothing is done while it is paused"
    send(lab.session, "continue")
    wait_for(lambda: times('"attempt.begun"') > begun)
    send(lab.session, "stop")
    output = lab.session.with_name("session.replacement-1.txt")
    wait_for(lambda: "stop asked for" in output.read_text(encoding="utf-8"))
