"""World time: real until claimed, virtual until released."""

import math
import threading
import time

import pytest

from aimdlab_simulators.timebase import SimulatorError, Timebase
from patience import LIMIT_S


def test_real_time_follows_the_monotonic_clock() -> None:
    before = time.monotonic()
    timebase = Timebase()
    after = time.monotonic()
    now = timebase.now_s()
    assert 0 <= now <= time.monotonic() - before
    assert now <= time.monotonic() - after + (after - before)
    assert not timebase.is_virtual


def test_claimed_time_stands_still_and_goes_where_it_is_put() -> None:
    timebase = Timebase()
    timebase.claim()
    start = timebase.now_s()
    assert timebase.wait_until(0.0) is True  # the past needs no waiting
    assert timebase.now_s() == start
    assert timebase.advance_to(start + 109_200.0) == start + 109_200.0
    assert timebase.advance_to(start) == start + 109_200.0, "time went backwards"
    assert timebase.now_s() == start + 109_200.0


def test_released_time_goes_on_from_where_it_was() -> None:
    timebase = Timebase()
    timebase.claim()
    timebase.advance_to(1000.0)
    timebase.release()
    assert 1000.0 <= timebase.now_s() < 10_000.0
    assert timebase.wait_until(timebase.now_s() + 0.01)
    timebase.claim()
    assert timebase.now_s() >= 1000.01


@pytest.mark.parametrize("t_s", [math.nan, math.inf, -math.inf])
def test_time_cannot_be_put_nowhere(t_s: float) -> None:
    timebase = Timebase()
    timebase.claim()
    with pytest.raises(SimulatorError):
        timebase.advance_to(t_s)


def test_only_one_may_claim_and_only_claimed_time_can_be_advanced() -> None:
    timebase = Timebase()
    with pytest.raises(SimulatorError, match="claim it"):
        timebase.advance_to(1.0)
    timebase.claim()
    with pytest.raises(SimulatorError, match="already claimed"):
        timebase.claim()


def test_a_waiting_thread_is_woken_by_advance_release_and_cancel() -> None:
    timebase = Timebase()
    timebase.claim()
    goal = timebase.now_s() + 5.0
    answers: list[bool] = []
    cancelled = threading.Event()
    waiters = [
        threading.Thread(target=lambda: answers.append(timebase.wait_until(goal)), daemon=True),
        threading.Thread(target=lambda: answers.append(timebase.wait_until(goal, threading.Event())), daemon=True),
    ]
    hopeless = threading.Thread(target=lambda: answers.append(timebase.wait_until(math.inf, cancelled)), daemon=True)
    for thread in (*waiters, hopeless):
        thread.start()
    timebase.advance_to(goal - 0.001)
    assert answers == []
    timebase.advance_to(goal)
    for thread in waiters:
        thread.join(LIMIT_S)
    assert answers == [True, True]
    timebase.release()
    assert hopeless.is_alive()
    cancelled.set()
    hopeless.join(LIMIT_S)
    assert answers == [True, True, False]


def test_release_lets_real_time_end_a_virtual_wait() -> None:
    timebase = Timebase()
    timebase.claim()
    waiter = threading.Thread(target=timebase.wait_until, args=(timebase.now_s() + 0.05,), daemon=True)
    waiter.start()
    timebase.release()
    waiter.join(LIMIT_S)
    assert not waiter.is_alive()


def test_held_time_stands_at_zero_until_it_is_claimed_and_runs_once_it_is_released() -> None:
    timebase = Timebase(held=True)
    assert timebase.is_virtual
    assert timebase.now_s() == timebase.now_s() == 0.0
    with pytest.raises(SimulatorError, match="claim it"):
        timebase.advance_to(1.0)
    timebase.claim()
    assert timebase.advance_to(2.5) == 2.5
    with pytest.raises(SimulatorError, match="already claimed"):
        timebase.claim()
    timebase.release()
    assert not timebase.is_virtual
    assert timebase.wait_until(2.51)
