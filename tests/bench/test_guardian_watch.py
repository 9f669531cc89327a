"""What becomes of a run is decided from what was heard and from the time in which the guardian itself was awake."""

import itertools

import pytest

from aimdlab.bench.guardian.watch import AwakeTime, Fate, Pulse, Watch

LIMIT_S = 30.0


class Hours:
    """A watch that is looked at every 0.2 s."""

    def __init__(self) -> None:
        self.watch = Watch(LIMIT_S)
        self.now_s = 1000.0
        self.watch.look(self.now_s)

    def pass_s(self, duration_s: float, every_s: float = 0.2) -> Fate:
        fate = Fate.ALIVE
        end_s = self.now_s + duration_s
        while self.now_s < end_s - 1e-9 and fate is Fate.ALIVE:
            self.now_s = min(self.now_s + every_s, end_s)
            fate = self.watch.look(self.now_s)
        return fate


@pytest.fixture
def hours() -> Hours:
    return Hours()


def test_a_run_that_gives_signs_lives(hours: Hours) -> None:
    hours.watch.arm(True)
    for _ in range(10):
        assert hours.pass_s(LIMIT_S - 1) is Fate.ALIVE
        hours.watch.heard(0.1)


def test_an_armed_run_that_is_silent_hangs(hours: Hours) -> None:
    hours.watch.arm(True)
    assert hours.pass_s(LIMIT_S - 1) is Fate.ALIVE
    assert hours.pass_s(2) is Fate.HANGS


def test_a_run_whose_threads_live_but_not_its_main_thread_hangs(hours: Hours) -> None:
    hours.watch.arm(True)
    for tenths in itertools.count():
        hours.watch.heard(0.2 * tenths)
        if hours.pass_s(0.2) is not Fate.ALIVE:
            break
    assert 0.2 * tenths == pytest.approx(LIMIT_S, abs=0.5)


def test_lines_and_the_age_that_they_tell_are_counted_together(hours: Hours) -> None:
    hours.watch.arm(True)
    hours.watch.heard(LIMIT_S - 5)
    assert hours.pass_s(4) is Fate.ALIVE
    assert hours.pass_s(2) is Fate.HANGS


def test_a_run_that_has_nothing_on_is_never_judged_hung(hours: Hours) -> None:
    assert hours.pass_s(100 * LIMIT_S) is Fate.ALIVE
    hours.watch.arm(True)  # which is a sign of life itself
    assert hours.pass_s(LIMIT_S - 1) is Fate.ALIVE
    hours.watch.arm(False)
    assert hours.pass_s(100 * LIMIT_S) is Fate.ALIVE


def test_a_pause_of_the_whole_pc_is_no_silence_of_the_run(hours: Hours) -> None:
    hours.watch.arm(True)
    assert hours.pass_s(8 * 3600, every_s=8 * 3600) is Fate.ALIVE
    assert hours.pass_s(LIMIT_S - 2) is Fate.ALIVE
    assert hours.pass_s(2) is Fate.HANGS


def test_a_clock_that_goes_back_is_no_life(hours: Hours) -> None:
    hours.watch.arm(True)
    assert hours.pass_s(LIMIT_S - 1) is Fate.ALIVE
    hours.now_s -= 100
    assert hours.watch.look(hours.now_s) is Fate.ALIVE
    assert hours.pass_s(2) is Fate.HANGS


@pytest.mark.parametrize("armed", [True, False])
def test_the_end_of_a_run_is_acted_on_whatever_is_on(hours: Hours, armed: bool) -> None:
    hours.watch.arm(armed)
    hours.watch.end()
    assert hours.watch.look(hours.now_s) is Fate.DIED


def test_a_run_that_dismisses_its_guardian_did_not_die(hours: Hours) -> None:
    hours.watch.arm(True)
    hours.watch.dismiss()
    hours.watch.end()
    assert hours.watch.look(hours.now_s + 10 * LIMIT_S) is Fate.DISMISSED


def test_a_pulse_is_felt_while_it_counts_up() -> None:
    pulse, awake = Pulse(), AwakeTime()
    pulse.feel(0, awake.passed_s(0.0))
    for second in range(1, 4):
        pulse.feel(0, awake.passed_s(second / 2))
    assert pulse.still_s == pytest.approx(1.5)
    pulse.feel(1, awake.passed_s(2.0))
    assert pulse.still_s == 0.0
    pulse.feel(1, awake.passed_s(2.0 + 7200))
    assert pulse.still_s == pytest.approx(1.0)  # nobody was awake to feel it
