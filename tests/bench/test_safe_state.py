import threading
from typing import Any, cast

import pytest

from aimdlab.bench.driver import Identity
from aimdlab.bench.roles import Role
from aimdlab.bench.safe_state import SafeAction, SafeResult, carry_out, driver_action, not_safe
from aimdlab.errors import LinkError
from patience import LIMIT_S


def action(name: str, role: Role, act: object, limit_s: float = LIMIT_S) -> SafeAction:
    return SafeAction(name, frozenset({role}), act, limit_s)  # type: ignore[arg-type]


def told(name: str, role: Role, act: object, reason: str) -> str:
    """What is said of an instrument that is not made safe.

    How long a try takes is the machine's affair: the limit is longer each time until ``reason`` came within it.
    """
    message = ""
    for limit_s in (0.05, 0.5, 5.0, 30.0):
        done, problems = carry_out([action(name, role, act, limit_s)])
        assert done == []
        message = problems[name]
        if reason in message:
            break
    return message


def test_sources_go_off_before_the_amplifiers_that_they_drive() -> None:
    begun: list[str] = []
    actions = [
        action(name, role, lambda name=name: begun.append(name))
        for name, role in [
            ("scope", Role.OSCILLOSCOPE),
            ("amplifier", Role.DRIVE_AMPLIFIER),
            ("generator", Role.SIGNAL_GENERATOR),
            ("rf", Role.RF_GENERATOR),
        ]
    ]
    done, problems = carry_out(actions)
    assert done == begun == ["rf", "generator", "amplifier", "scope"]
    assert problems == {}


def test_the_next_waits_for_the_one_before_it_to_be_tried() -> None:
    """Each is over before the next begins, as long as it answers; one that refuses at once is not waited for."""
    events: list[str] = []

    def refuse() -> None:
        events.append("rf")
        raise LinkError("connection refused", instrument="rf")

    def switch_off(name: str) -> None:
        events.append(f"{name} begins")
        events.append(f"{name} ends")

    done, problems = carry_out(
        [
            action("amplifier", Role.DRIVE_AMPLIFIER, lambda: switch_off("amplifier")),
            action("generator", Role.SIGNAL_GENERATOR, lambda: switch_off("generator")),
            action("rf", Role.RF_GENERATOR, refuse, limit_s=1.0),
        ]
    )
    assert done == ["generator", "amplifier"]
    assert list(problems) == ["rf"]
    assert [event for event in events if event != "rf"] == [
        "generator begins", "generator ends", "amplifier begins", "amplifier ends",
    ]  # fmt: skip
    assert events[0] == "rf"


def test_one_that_hangs_delays_nobody_until_its_limit_is_over() -> None:
    """The hung ones let go only once everybody else is off: with their limits one after the other nobody ever would."""
    release = threading.Event()
    names = ["one", "two", "three"]

    def last() -> None:
        release.set()

    actions = [action(name, Role.SIGNAL_GENERATOR, lambda: release.wait(LIMIT_S)) for name in names]
    actions.append(action("amplifier", Role.DRIVE_AMPLIFIER, last))
    results: list[SafeResult] = []
    done, problems = carry_out(actions, results.append)
    assert problems == {}
    assert sorted(done) == sorted(["amplifier", *names])
    assert [result.instrument for result in results] == done
    assert all(result.took_s >= 0 and not result.problem for result in results)


def test_one_that_fails_and_one_that_hangs_do_not_keep_the_others_on() -> None:
    never = threading.Event()

    def fail() -> None:
        raise LinkError("no answer", instrument="rf", command="OUTP OFF")

    assert "rf, command 'OUTP OFF': no answer" in told("rf", Role.RF_GENERATOR, fail, "'OUTP OFF'")
    done, problems = carry_out(
        [
            action("rf", Role.RF_GENERATOR, fail, limit_s=0.1),
            action("generator", Role.SIGNAL_GENERATOR, never.wait, limit_s=0.05),
            action("amplifier", Role.DRIVE_AMPLIFIER, lambda: None),
        ]
    )
    never.set()
    assert done == ["amplifier"]
    assert set(problems) == {"rf", "generator"}
    assert problems["generator"] == "no answer within 0.05 s"
    message = str(not_safe(problems))
    assert message.startswith("NOT SAFE, switch off by hand now: ")
    assert "generator: no answer within 0.05 s" in message


def test_one_that_refuses_for_a_moment_is_tried_again() -> None:
    refusals = [LinkError("connection refused", instrument="generator")] * 2

    def act() -> None:
        if refusals:
            raise refusals.pop()

    assert carry_out([action("generator", Role.SIGNAL_GENERATOR, act)]) == (["generator"], {})
    assert refusals == []


def test_an_error_nobody_thought_of_is_not_taken_for_safe() -> None:
    def act() -> None:
        raise ZeroDivisionError("of the driver")

    reason = "ZeroDivisionError: of the driver"
    assert reason in told("generator", Role.SIGNAL_GENERATOR, act, reason)


class Link:
    """A link that is broken until it is opened again."""

    is_broken = True

    def reconnect(self) -> None:
        self.is_broken = False


class Generator:
    ROLES = frozenset({Role.SIGNAL_GENERATOR})

    def __init__(self, *answers: Identity) -> None:
        self.answers = list(answers)
        self.switched_off = 0

    def make_safe(self) -> None:
        self.switched_off += 1

    def identify(self) -> Identity:
        return self.answers.pop(0)


RIGHT = Identity("Maker", "Model", "1", "1.0")
OTHER = Identity("Maker", "Model", "2", "1.0")


def act_of(driver: Generator, link: Link) -> SafeAction:
    return driver_action("generator", cast(Any, driver), cast(Any, link), RIGHT, LIMIT_S)


def test_a_broken_link_is_opened_again_and_whoever_answers_is_asked_who_it_is() -> None:
    driver, link = Generator(RIGHT), Link()
    act_of(driver, link).act()
    assert not link.is_broken
    assert driver.switched_off == 1
    assert driver.answers == []


def test_another_instrument_that_was_switched_off_does_not_count() -> None:
    driver = Generator(OTHER, OTHER, RIGHT)
    action = act_of(driver, Link())
    for _ in range(2):  # the same connection, still the wrong one
        with pytest.raises(Exception, match="another instrument answers there: Maker Model, serial 2"):
            action.act()
    action.act()
    assert driver.switched_off == 3


def test_outputs_go_off_although_no_thread_is_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a computer that is out of memory or of processes."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    off: list[str] = []

    def fail() -> None:
        raise LinkError("no answer", instrument="amplifier")

    done, problems = carry_out(
        [
            action("amplifier", Role.DRIVE_AMPLIFIER, fail),
            action("generator", Role.SIGNAL_GENERATOR, lambda: off.append("generator")),
        ]
    )
    assert done == off == ["generator"]
    assert "no answer" in problems["amplifier"]
