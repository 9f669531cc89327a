"""Faults of instruments and of the world, and when every kind strikes."""

from pathlib import Path
from typing import Any

import pytest

from aimdlab.errors import LinkError
from patience import cut_patience, receive_line, wait_for
from scenario_bench import FaultyBench, faulty_bench

BOTH = pytest.mark.parametrize("transport", ["socket", "hislip"])


def scenario(*faults: str) -> str:
    return "faults:\n" + "".join(f"  - {{{one}}}\n" for one in faults)


def mark(bench: FaultyBench, step: int, attempt: int, name: str = "") -> None:
    assert bench.ask("mark", step=step, attempt=attempt, name=name)["ok"]


def test_an_instrument_says_once_that_it_was_switched_on(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, "") as bench, bench.link() as link:
        assert [link.query("*ESR?") for _ in range(2)] == ["128", "0"]
        link.write("*CLS")
        bench.ask("inject", fault="power_cycle", instrument="source", **{"for": "0 s"})
        link.reconnect()
        link.write("*CLS")
        assert link.query("*ESR?") == "0"


@BOTH
def test_power_that_comes_back_finds_nothing_as_it_was(tmp_path: Path, transport: str) -> None:
    text = scenario("fault: power_cycle, instrument: source, command: '*OPC?', for: 0 s")
    with faulty_bench(tmp_path, text, transport) as bench, bench.link() as link, bench.link("other") as other:
        for each in (link, other):
            each.write("LEV 3;:MEM 4;*CLS;*ESE 255;*SRE 32;:NONSENSE")
            assert each.query("LEV?;MEM?;*ESE?") == "3;4;255"
        with pytest.raises(LinkError):
            link.query("*OPC?")
        link.reconnect()
        assert link.query("LEV?;MEM?;*ESE?;*SRE?") == "0;0;0;0"
        assert link.query("*ESR?;*ESR?") == "128;0"
        assert link.query("SYST:ERR?") == '+0,"No error"'
        assert other.query("LEV?;MEM?;*ESE?;*SRE?") == "3;4;255;32"


@BOTH
def test_nobody_answers_while_it_is_off(tmp_path: Path, transport: str) -> None:
    text = scenario("fault: power_cycle, instrument: source, message: 2, for: 1000 s")
    with faulty_bench(tmp_path, text, transport) as bench, bench.link() as link:
        link.write("LEV 3")
        with pytest.raises(LinkError):
            link.query("LEV?")
        assert bench.source.level == 0
        with pytest.raises(LinkError):
            connect_and_ask(link)


def connect_and_ask(link: Any) -> None:
    link.reconnect()
    link.query("LEV?")


@BOTH
def test_a_gateway_keeps_the_connection(tmp_path: Path, transport: str) -> None:
    text = scenario("fault: power_cycle, hold_connection: true, instrument: source, message: 2, for: 0 s")
    with faulty_bench(tmp_path, text, transport) as bench, bench.link() as link:
        link.write("LEV 3")
        link.write("MEM 7")  # lost
        assert link.query("LEV?;MEM?;*ESR?") == "0;0;128"


def test_behind_a_gateway_nobody_answers_while_it_is_off(tmp_path: Path) -> None:
    text = scenario("fault: power_cycle, hold_connection: true, instrument: source, message: 2, for: 1000 s")
    with faulty_bench(tmp_path, text) as bench, bench.link() as link:
        assert link.query("LEV?") == "0"
        cut_patience(link)
        with pytest.raises(LinkError, match="no reply"):
            link.query("LEV?")


@BOTH
def test_another_instrument_answers(tmp_path: Path, transport: str) -> None:
    text = scenario("fault: wrong_identity, instrument: source, message: 2")
    with faulty_bench(tmp_path, text, transport) as bench, bench.link() as link:
        link.write("LEV 3")
        with pytest.raises(LinkError):
            link.query("LEV?")
        for _ in range(2):
            link.reconnect()
            assert link.query("*IDN?") == "M,S-1,XX00000000,0"
        assert link.query("LEV?") == "0"


def test_the_right_instrument_comes_back(tmp_path: Path) -> None:
    text = scenario("fault: wrong_identity, serial: '77', instrument: source, message: 1, for: 0 s")
    with faulty_bench(tmp_path, text) as bench, bench.link() as link:
        with pytest.raises(LinkError):
            link.query("LEV?")
        link.reconnect()
        assert link.query("*IDN?") == "M,S-1,5,0"
        assert link.query("*ESR?") == "128"


@BOTH
def test_a_full_error_queue_ends_with_an_overflow(tmp_path: Path, transport: str) -> None:
    text = scenario("fault: full_error_queue, instrument: source, message: 2")
    with faulty_bench(tmp_path, text, transport) as bench, bench.link() as link:
        errors = [link.query("SYST:ERR?") for _ in range(23)]
    assert errors[0] == '+0,"No error"'
    assert set(errors[1:20]) == {'-113,"Undefined header"'}
    assert errors[20:] == ['-350,"Queue overflow"', '+0,"No error"', '+0,"No error"']


def test_an_error_stands_in_the_queue(tmp_path: Path) -> None:
    text = scenario("fault: error, instrument: source, code: -240, text: Hardware error, command: LEV")
    with faulty_bench(tmp_path, text) as bench, bench.link() as link:
        link.write("LEV 5")
        assert link.query("SYST:ERR?;:LEV?;*ESR?") == '-240,"Hardware error";5;144'


def test_it_is_stuck_until_it_is_reset(tmp_path: Path) -> None:
    with (
        faulty_bench(tmp_path, scenario("fault: stuck, instrument: source, message: 2")) as bench,
        bench.link() as link,
    ):
        assert link.query("*OPC?") == "1"
        cut_patience(link)
        with pytest.raises(LinkError, match="no reply"):
            link.query("*OPC?")
        link.reconnect()
        link.write("*RST")
        assert link.query("*OPC?") == "1"


def test_being_stuck_ends_by_itself(tmp_path: Path) -> None:
    text = scenario("fault: stuck, instrument: source, for: 3 s, message: 1")
    with faulty_bench(tmp_path, text, held=True) as bench, bench.raw() as sock, bench.raw() as other:
        bench.ask("claim_time")
        sock.sendall(b"*OPC?\n")
        wait_for(lambda: bool(bench.struck))
        other.sendall(b"LEV?\n")
        assert receive_line(other) == b"0\n"
        bench.ask("advance", to_s=3.0)
        assert receive_line(sock) == b"1\n"


def test_a_fault_of_a_step_waits_for_its_attempt(tmp_path: Path) -> None:
    text = scenario("fault: corrupt, instrument: source, step: 1/0003, attempt: 2, message: 2")
    with faulty_bench(tmp_path, text) as bench, bench.raw() as sock:

        def ask_twice() -> list[bytes]:
            sock.sendall(b"LEV?\nLEV?\n")
            return [receive_line(sock) for _ in range(2)]

        for step, attempt, name in ((2, 1, "1/0002"), (3, 1, "1/0003"), (1, 2, "2/0003")):
            mark(bench, step, attempt, name)
            assert ask_twice() == [b"0\n"] * 2
        mark(bench, 3, 2, "1/0003")
        assert ask_twice() == [b"0\n", b"\xa5\n"]
        mark(bench, 3, 3, "1/0003")
        assert ask_twice() == [b"0\n"] * 2
        assert bench.struck == [("corrupt", "source", 3, 2)]


def test_a_fault_that_did_not_find_its_message_in_its_attempt_does_not_come_later(tmp_path: Path) -> None:
    with (
        faulty_bench(tmp_path, scenario("fault: corrupt, instrument: source, step: a, message: 2")) as bench,
        bench.raw() as sock,
    ):
        mark(bench, 0, 1, "a")
        sock.sendall(b"LEV?\n")
        assert receive_line(sock) == b"0\n"
        mark(bench, 1, 1, "b")
        sock.sendall(b"LEV?\n" * 2)
        assert [receive_line(sock) for _ in range(2)] == [b"0\n"] * 2


def test_a_fault_comes_in_so_many_attempts_and_once_in_each(tmp_path: Path) -> None:
    with (
        faulty_bench(tmp_path, scenario("fault: corrupt, instrument: source, step: a, times: 2")) as bench,
        bench.raw() as sock,
    ):
        for attempt in (1, 2, 3):
            mark(bench, 0, attempt, "a")
            sock.sendall(b"LEV?\n" * 2)
            assert [receive_line(sock) for _ in range(2)] == [b"\xa5\n" if attempt < 3 else b"0\n", b"0\n"]
        assert bench.struck == [("corrupt", "source", 0, 1), ("corrupt", "source", 0, 2)]


def test_a_step_may_be_told_by_its_index(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, scenario("fault: error, instrument: source, step: '4'")) as bench:
        assert bench.ask("mark", step=4, attempt=1)["ok"]
        assert bench.struck == [("error", "source", 4, 1)]
        assert list(bench.source.status.errors) == [(-310, "System error")]


def test_a_command_is_counted_and_the_rest_is_not(tmp_path: Path) -> None:
    text = scenario("fault: corrupt, instrument: source, command: 'mem?', message: 2")
    with faulty_bench(tmp_path, text) as bench, bench.raw() as sock:
        sock.sendall(b"LEV?\nMEM?\nLEV?\nLEV?\nMEM?\nMEM?\n")
        assert [receive_line(sock) for _ in range(6)] == [b"0\n"] * 4 + [b"\xa5\n", b"0\n"]
        (told,) = bench.ask("state")["faults"]
        assert (told["command"], told["messages"], told["name"]) == ("MEM?", 1, "")


def test_after_a_while_of_world_time(tmp_path: Path) -> None:
    text = scenario(
        "fault: corrupt, instrument: source, after: 12 s", "fault: error, instrument: other, after: 5 s, times: 2"
    )
    with faulty_bench(tmp_path, text, held=True) as bench, bench.raw() as sock:
        bench.ask("claim_time")
        for to_s in (11.9, 12.5):
            bench.ask("advance", to_s=to_s)
            sock.sendall(b"LEV?\n")
            assert receive_line(sock) == (b"0\n" if to_s < 12 else b"\xa5\n")
        bench.ask("advance", to_s=100.0)
        assert [(one["fault"], one["at_s"]) for one in bench.ask("state")["faults"]] == [
            ("error", 5.0), ("error", 10.0), ("corrupt", 12.5)
        ]  # fmt: skip


def test_faults_of_the_world_happen_at_their_very_time(tmp_path: Path) -> None:
    text = scenario(
        "fault: drift, node: amplifier, factor: 0.5, for: 7 s, after: 3 s",
        "fault: unplug, node: source.1, step: a, after: 2 s",
        "fault: trip, node: amplifier, instrument: other, command: LEV 3",
    )
    with faulty_bench(tmp_path, text, held=True) as bench, bench.link("other") as link:
        bench.ask("claim_time")
        bench.ask("advance", to_s=10.0)
        mark(bench, 0, 1, "a")
        link.write("LEV 3")
        assert link.query("LEV?") == "3"
        assert bench.ask("advance", to_s=20.0)["now_s"] == 20.0
        assert bench.world.disturbed == [
            (3.0, "amplifier", "drift", {"for": 7.0, "factor": 0.5}),
            (10.0, "amplifier", "trip", {}),
            (12.0, "source.1", "unplug", {"for": 5.0}),
        ]


def test_in_real_time_nobody_need_ask_for_a_fault(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, scenario("fault: trip, node: amplifier, after: 50 ms")) as bench:
        wait_for(lambda: bool(bench.world.disturbed))
        assert bench.world.disturbed[0][0] >= 0.05


def test_faults_by_hand(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, "") as bench, bench.link() as link:
        assert link.query("LEV?") == "0"
        assert bench.ask("inject", fault="trip", node="amplifier")["ok"]
        assert bench.ask("inject", fault="drop", instrument="source")["ok"]
        with pytest.raises(LinkError):
            link.query("LEV?")
        assert bench.struck == [("trip", "amplifier", -1, -1), ("drop", "source", -1, -1)]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "key faults[0].fault: this key is missing"),
        ({"fault": "gremlin"}, "expected 'drop', 'hang'"),
        ({"fault": "drop"}, "key faults[0].instrument: this key is missing; known here: source, other"),
        ({"fault": "drop", "instrument": "sauce"}, "there is no 'sauce'. Did you mean 'source'?"),
        ({"fault": "trip", "node": "source.1"}, "there is no 'source.1'. known here: amplifier, old"),
        ({"fault": "drop", "instrument": "source", "fro": 3}, "unknown key. Did you mean 'for'?"),
    ],
)
def test_a_fault_by_hand_that_is_none_is_told(tmp_path: Path, request_: dict[str, str], said: str) -> None:
    with faulty_bench(tmp_path, "") as bench:
        reply = bench.ask("inject", **request_)
        assert not reply["ok"]
        assert said in reply["error"]
        assert bench.struck == []


RANDOM = "random:\n  seed: %d\n  probability: 50 %%\n  messages: 3\n  faults:\n    - {fault: corrupt}\n    - {fault: trip}\n    - {fault: error}\n"


def struck_in_attempts(folder: Path, seed: int, order: list[int]) -> dict[int, list[str]]:
    with faulty_bench(folder, RANDOM % seed) as bench, bench.raw("source") as one, bench.raw("other") as two:
        for step in order:
            mark(bench, step, 1)
            for sock in (one, two):
                sock.sendall(b"LEV?\n" * 3)
                for _ in range(3):
                    receive_line(sock)
        told: dict[int, list[str]] = {step: [] for step in order}
        for fault in bench.ask("state")["faults"]:
            told[fault["step"]].append(f"{fault['fault']} {fault['where']}")
        return told


def test_chance_depends_on_seed_step_and_attempt_alone(tmp_path: Path) -> None:
    told = struck_in_attempts(tmp_path, 1, list(range(60)))
    assert struck_in_attempts(tmp_path, 1, list(range(50, 20, -1))) == {step: told[step] for step in range(50, 20, -1)}
    assert struck_in_attempts(tmp_path, 2, list(range(60))) != told
    assert all(len(each) <= 1 for each in told.values())
    assert 15 <= sum(map(len, told.values())) <= 45
    assert {kind for each in told.values() for kind in each} == {
        "corrupt source", "corrupt other", "trip amplifier", "error source", "error other"
    }  # fmt: skip
