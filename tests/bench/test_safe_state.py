import threading
from collections.abc import Callable

import pytest

from aimdlab.bench.roles import Role
from aimdlab.bench.safe_state import SafeAction, make_safe
from aimdlab.errors import LinkError, SafeStateError
from patience import LIMIT_S


def action(name: str, role: Role, act: object, limit_s: float = LIMIT_S) -> SafeAction:
    return SafeAction(name, frozenset({role}), act, limit_s)  # type: ignore[arg-type]


def told(actions_within: Callable[[float], list[SafeAction]], reason: str) -> str:
    """What is said when not all is made safe.

    How long a try takes is the machine's affair: the limit is longer each time until ``reason`` came within it.
    """
    message = ""
    for limit_s in (0.05, 0.5, 5.0, 30.0):
        with pytest.raises(SafeStateError) as caught:
            make_safe(actions_within(limit_s))
        message = str(caught.value)
        if reason in message:
            break
    return message


def test_sources_go_off_before_the_amplifiers_that_they_drive() -> None:
    done: list[str] = []
    actions = [
        action(name, role, lambda name=name: done.append(name))
        for name, role in [
            ("scope", Role.OSCILLOSCOPE),
            ("amplifier", Role.DRIVE_AMPLIFIER),
            ("generator", Role.SIGNAL_GENERATOR),
            ("rf", Role.RF_GENERATOR),
        ]
    ]
    assert make_safe(actions) == done == ["rf", "generator", "amplifier", "scope"]


def test_one_that_fails_and_one_that_hangs_do_not_keep_the_others_on() -> None:
    done: list[str] = []
    never = threading.Event()

    def fail() -> None:
        raise LinkError("no answer", instrument="rf", command="OUTP OFF")

    def actions(limit_s: float) -> list[SafeAction]:
        done.clear()
        return [
            action("rf", Role.RF_GENERATOR, fail, limit_s),
            action("generator", Role.SIGNAL_GENERATOR, never.wait, limit_s=0.05),
            action("amplifier", Role.DRIVE_AMPLIFIER, lambda: done.append("amplifier")),
        ]

    message = told(actions, "'OUTP OFF'")
    never.set()
    assert done == ["amplifier"]
    assert message.startswith("NOT SAFE, switch off by hand now: rf, generator.")
    assert "rf: " in message
    assert "'OUTP OFF'" in message
    assert "generator: no answer within 0.05 s" in message


def test_one_that_refuses_for_a_moment_is_tried_again() -> None:
    refusals = [LinkError("connection refused", instrument="generator")] * 2

    def act() -> None:
        if refusals:
            raise refusals.pop()

    assert make_safe([action("generator", Role.SIGNAL_GENERATOR, act)]) == ["generator"]


def test_an_error_nobody_thought_of_is_not_taken_for_safe() -> None:
    def act() -> None:
        raise ZeroDivisionError("of the driver")

    reason = "ZeroDivisionError: of the driver"
    assert reason in told(lambda limit_s: [action("generator", Role.SIGNAL_GENERATOR, act, limit_s)], reason)
