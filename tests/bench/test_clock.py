"""Virtual time moves only when everybody waits; nobody wakes early, nobody is forgotten."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.bench.clock import RealClock, VirtualClock
from aimdlab.errors import SimulationError, StoppedByPersonError
from patience import LIMIT_S


class World:
    """Records every advance."""

    def __init__(self) -> None:
        self.advances: list[float] = []

    def advance(self, t_s: float) -> float:
        self.advances.append(t_s)
        return t_s


def test_a_lone_sleeper_takes_no_real_time() -> None:
    world = World()
    clock = VirtualClock(world.advance, start_s=5.0)
    clock.sleep(3600.0)
    assert clock.now_s() == 3605.0
    assert world.advances == [3605.0]


def test_sleeping_until_the_past_returns_at_once() -> None:
    world = World()
    clock = VirtualClock(world.advance, start_s=5.0)
    clock.sleep_until(4.0)
    clock.sleep(-1.0)
    assert world.advances == []


def start_worker(clock: VirtualClock, work: object) -> Future[None]:
    """A thread as a link's worker is one: a token from submission to completion."""
    clock.begin_work()
    future: Future[None] = Future()

    def run() -> None:
        try:
            work()  # type: ignore[operator]
            future.set_result(None)
        except BaseException as error:  # noqa: BLE001 - goes to whoever waits
            future.set_exception(error)
        finally:
            clock.end_work()

    threading.Thread(target=run, daemon=True).start()
    return future


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=5), min_size=1, max_size=5))
def test_several_sleepers_wake_in_order_of_time_and_never_early(schedules: list[list[float]]) -> None:
    world = World()
    clock = VirtualClock(world.advance, start_s=0.0)
    woken: list[float] = []
    lock = threading.Lock()

    def sleeper(schedule: list[float]) -> None:
        for duration_s in schedule:
            due_s = clock.now_s() + duration_s
            clock.sleep_until(due_s)
            with lock:
                woken.append(due_s)
            assert clock.now_s() == due_s, "somebody moved time on while this thread had work"

    futures = [start_worker(clock, lambda schedule=schedule: sleeper(schedule)) for schedule in schedules]
    for future in futures:
        clock.wait(future)
    assert woken == sorted(woken)
    assert world.advances == sorted(set(woken))
    # The waiter got its token back: nothing moves while it works.
    assert clock.now_s() == max(woken)


def test_time_stands_still_while_a_worker_works() -> None:
    world = World()
    clock = VirtualClock(world.advance, start_s=0.0)
    go_on = threading.Event()
    worker = start_worker(clock, lambda: go_on.wait(LIMIT_S))
    sleeper = start_worker(clock, lambda: clock.sleep(1.0))
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(clock.wait, sleeper)  # stands for the thread that holds the first token
        with pytest.raises(TimeoutError):
            waiter.result(timeout=0.2)
        assert world.advances == []
        go_on.set()
        waiter.result(timeout=LIMIT_S)
    clock.wait(worker)
    assert world.advances == [1.0]


def test_a_wait_for_a_finished_result_keeps_the_token() -> None:
    world = World()
    clock = VirtualClock(world.advance, start_s=0.0)
    done: Future[int] = Future()
    done.set_result(7)
    for _ in range(100):
        assert clock.wait(done) == 7
    clock.sleep(1.0)
    assert world.advances == [1.0]


def test_an_error_of_the_worker_reaches_the_waiter() -> None:
    clock = VirtualClock(World().advance, start_s=0.0)

    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        clock.wait(start_worker(clock, fail))
    clock.sleep(1.0)


def test_a_world_that_is_gone_wakes_every_sleeper_with_its_error() -> None:
    def advance(_t_s: float) -> float:
        raise SimulationError("gone")

    clock = VirtualClock(advance, start_s=0.0)
    worker = start_worker(clock, lambda: clock.sleep(2.0))
    with pytest.raises(SimulationError, match="gone"):
        clock.sleep(1.0)
    with pytest.raises(SimulationError, match="gone"):
        clock.wait(worker)


@pytest.mark.parametrize("error", [KeyError("now_s"), ValueError("no JSON")])
def test_an_error_nobody_thought_of_wakes_every_sleeper_too(error: Exception) -> None:
    def advance(_t_s: float) -> float:
        raise error

    clock = VirtualClock(advance, start_s=0.0)
    worker = start_worker(clock, lambda: clock.sleep(2.0))
    with pytest.raises(type(error)):
        clock.sleep(1.0)
    with pytest.raises(type(error)):
        clock.wait(worker)


def test_a_wish_that_comes_during_a_virtual_sleep_ends_it_and_gives_the_token_back() -> None:
    world, go_on, stop = World(), threading.Event(), threading.Event()

    def attention() -> None:
        if stop.is_set():
            stop.clear()
            raise StoppedByPersonError("enough")

    clock = VirtualClock(world.advance, 0.0, attention)
    worker = start_worker(clock, lambda: go_on.wait(LIMIT_S))  # keeps time from moving
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    with pytest.raises(StoppedByPersonError, match="enough"):
        clock.sleep(3600.0)
    go_on.set()
    clock.wait(worker)
    assert world.advances == [], "nobody sleeps any more"
    clock.sleep(1.0)
    assert world.advances == [1.0]
    other = start_worker(clock, lambda: None)
    clock.wait(other)
    assert world.advances == [1.0]
    timer.join()


@pytest.mark.parametrize("kind", ["real", "virtual"])
def test_a_wish_to_stop_ends_a_sleep(kind: str) -> None:
    def attention() -> None:
        raise StoppedByPersonError("enough")

    clock = RealClock(attention) if kind == "real" else VirtualClock(World().advance, 0.0, attention)
    with pytest.raises(StoppedByPersonError, match="enough"):
        clock.sleep(3600.0)


def test_a_wish_that_comes_during_a_real_sleep_ends_it() -> None:
    stop = threading.Event()

    def attention() -> None:
        if stop.is_set():
            raise StoppedByPersonError("enough")

    clock = RealClock(attention, tick_s=0.01)
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    with pytest.raises(StoppedByPersonError, match="enough"):
        clock.sleep(3600.0)
    timer.join()


def test_the_real_clock_sleeps_no_shorter_than_asked() -> None:
    clock = RealClock()
    started_s = clock.now_s()
    clock.sleep(0.05)
    assert clock.now_s() - started_s >= 0.05
