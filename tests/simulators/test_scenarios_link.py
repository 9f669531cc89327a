"""Faults of the link as a real VISA client, or a bare socket, meets them; raw socket and HiSLIP alike."""

import contextlib
from pathlib import Path

import pytest

from aimdlab.bench.link import VisaLink
from aimdlab.errors import LinkError
from patience import cut_patience, receive_exactly, receive_line, wait_for, wait_until_hung_up
from scenario_bench import BLOCK, faulty_bench

BOTH = pytest.mark.parametrize("transport", ["socket", "hislip"])
SECOND = "faults:\n  - {instrument: source, message: 2, %s}\n"


@BOTH
def test_without_a_fault_for_it_an_instrument_answers_as_ever(tmp_path: Path, transport: str) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: drop", transport) as bench, bench.link("other") as link:
        link.write("LEV 7")
        assert [link.query("LEV?") for _ in range(5)] == ["7"] * 5
        assert link.query_block("DATA?") == BLOCK[4:]
        assert bench.struck == []


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        "fault: drop",
        "fault: corrupt",
        "fault: corrupt, part: text",
        "fault: truncate, close: true",
        "fault: truncate, keep: 0, close: true",
        "fault: refuse, for: 0 s",
        "fault: power_cycle, for: 0 s",
        "fault: wrong_identity",
    ],
)
@pytest.mark.parametrize("question", ["LEV?", "DATA?"])
def test_a_fault_strikes_once_and_a_new_connection_works(
    tmp_path: Path, transport: str, fault: str, question: str
) -> None:
    with faulty_bench(tmp_path, SECOND % fault, transport) as bench, bench.link() as link:

        def ask() -> bytes:
            return bytes(link.query_block("DATA?")) if question == "DATA?" else link.query("LEV?").encode()

        expected = ask()
        with pytest.raises(LinkError):
            ask()
        assert bench.struck == [(fault.split()[1].strip(","), "source", -1, -1)]
        link.reconnect()
        assert [ask() for _ in range(3)] == [expected] * 3
        assert len(bench.struck) == 1


@BOTH
@pytest.mark.parametrize(
    "fault",
    ["fault: hang", "fault: truncate", "fault: late, by: 100 s", "fault: corrupt, part: terminator", "fault: swap"],
)
def test_a_fault_that_ends_in_silence_outlasts_the_time_out(tmp_path: Path, transport: str, fault: str) -> None:
    # HiSLIP has an END of its own: there a terminator that is another byte ends no wait, but is no text.
    with faulty_bench(tmp_path, SECOND % fault, transport) as bench, bench.link() as link:
        assert link.query("LEV?") == "0"
        cut_patience(link)
        with pytest.raises(LinkError, match=r"within|without the rest|is not text"):
            link.query("LEV?")
        link.reconnect()
        assert link.query("LEV?") == "0"
        assert len(bench.struck) == 1


@BOTH
def test_late_within_the_time_out_is_an_answer(tmp_path: Path, transport: str) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: late, by: 50 ms", transport) as bench, bench.link() as link:
        assert [link.query("LEV?") for _ in range(3)] == ["0"] * 3
        assert len(bench.struck) == 1


def test_nobody_waits_for_another_client_s_late_answer(tmp_path: Path) -> None:
    faults = "faults:\n  - {fault: late, by: 1000 s, instrument: source, command: LEV}\n"
    with faulty_bench(tmp_path, faults) as bench, bench.raw() as slow, bench.link() as other:
        slow.sendall(b"LEV?\n")
        wait_for(lambda: bool(bench.struck))
        other.write("LEV 3")
        assert other.query("LEV?") == "3"


def test_a_command_that_the_drop_cuts_off_was_carried_out(tmp_path: Path) -> None:
    faults = "faults:\n  - {fault: drop, instrument: source, command: 'lev 9'}\n"
    with faulty_bench(tmp_path, faults) as bench, bench.raw() as sock:
        sock.sendall(b"LEV 8\nLEV 9\n")
        wait_until_hung_up(sock)
        assert bench.source.level == 9


def test_a_drop_is_a_reset(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: drop") as bench, bench.raw() as sock:
        sock.sendall(b"LEV 1\n*OPT?\n")
        with pytest.raises((ConnectionResetError, ConnectionAbortedError)):
            list(iter(lambda: sock.recv(100), b""))


def test_a_connection_that_hangs_stays_and_carries_nothing_out(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: hang") as bench, bench.raw() as sock, bench.raw() as later:
        sock.sendall(b"LEV 1\nLEV 2\nLEV 3\nLEV?\n")
        wait_for(lambda: bool(bench.struck))
        later.sendall(b"LEV?\n")
        assert receive_line(later) == b"1\n"
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)


def test_hang_for_three_messages_takes_the_next_two_connections_too(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: hang, for: 3") as bench, contextlib.ExitStack() as stack:
        *hanging, last = [stack.enter_context(bench.raw()) for _ in range(4)]
        hanging[0].sendall(b"LEV 1\n")
        for count, sock in enumerate(hanging, start=1):
            sock.sendall(b"LEV 2\n")
            wait_for(lambda count=count: [one["messages"] for one in bench.ask("state")["faults"]] == [count])
        last.sendall(b"LEV?\n")
        assert receive_line(last) == b"1\n"


def test_an_answer_comes_twice(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: repeat") as bench, bench.raw() as sock:
        sock.sendall(b"LEV?\nMEM?\n*IDN?\n")
        assert receive_exactly(sock, 6 + 10) == b"0\n0\n0\nM,S-1,5,0\n"


def test_an_answer_that_comes_twice_is_no_answer_to_the_next_question(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: repeat") as bench, bench.link() as link:
        assert link.query("LEV?") == "0"
        assert link.query("LEV?") == "0"
        with pytest.raises(LinkError, match="out of step"):
            link.query("*IDN?")


def test_hislip_tells_an_answer_that_comes_twice_by_its_number(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: repeat", "hislip") as bench, bench.link() as link:
        assert [link.query("LEV?"), link.query("LEV?"), link.query("*IDN?"), link.query("LEV?")] == [
            "0",
            "0",
            "M,S-1,5,0",
            "0",
        ]
        assert len(bench.struck) == 1


def test_the_answer_to_the_next_question_comes_first(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: swap") as bench, bench.raw() as sock:
        sock.sendall(b"LEV 4;LEV?\nLEV?\nLEV 5\n*IDN?\nLEV?\n")
        assert receive_exactly(sock, 2 + 10 + 2 + 2) == b"4\nM,S-1,5,0\n4\n5\n"


def ask_three_times(link: VisaLink) -> None:
    for _ in range(3):
        link.query("LEV?")


@BOTH
def test_bytes_that_nobody_asked_for_are_noticed(tmp_path: Path, transport: str) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: flood, bytes: 5000", transport) as bench, bench.link() as link:
        assert link.query("LEV?") == "0"
        with pytest.raises(LinkError):
            ask_three_times(link)  # they come after the answer to the second
        link.reconnect()
        assert link.query("LEV?") == "0"


def test_bytes_that_nobody_asked_for(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: flood, bytes: 100000") as bench, bench.raw() as sock:
        sock.sendall(b"LEV?\nLEV 3\nLEV?\n")
        received = receive_exactly(sock, 100_004)
        assert received[:2], received[-2:] == (b"0\n", b"3\n")
        assert b"\n" not in received[2:-2]


def test_the_terminator_arrives_as_another_byte(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: corrupt, part: terminator") as bench, bench.raw() as sock:
        sock.sendall(b"LEV?\n*IDN?\nLEV?\n")
        assert receive_exactly(sock, 2 + 10 + 2) == b"0\nM,S-1,5,0\xa50\n"


def test_the_data_of_a_block_are_never_altered(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: corrupt, part: header") as bench, bench.raw() as sock:
        sock.sendall(b"DATA?\nDATA?\n")
        received = receive_exactly(sock, 2 * 21)
        assert received[:21] == BLOCK + b"\n"
        assert received[21:25] not in (BLOCK[:4], BLOCK[4:8])
        assert received[25:] == BLOCK[4:] + b"\n"


def connect_and_ask(link: VisaLink) -> None:
    link.reconnect()
    link.query("LEV?")


@BOTH
def test_refused_for_a_while(tmp_path: Path, transport: str) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: refuse, for: 1000 s", transport) as bench:
        with bench.link() as link:
            assert link.query("LEV?") == "0"
            with pytest.raises(LinkError):
                link.query("LEV?")
            with pytest.raises(LinkError):
                connect_and_ask(link)
        with bench.link("other") as other:
            assert other.query("LEV?") == "0"


def test_a_fault_that_lasts_a_while_strikes_at_every_message(tmp_path: Path) -> None:
    with faulty_bench(tmp_path, SECOND % "fault: corrupt, for: 1000 s") as bench, bench.raw() as sock:
        sock.sendall(b"LEV?\n" * 4)
        assert [receive_line(sock) for _ in range(4)] == [b"0\n", *[b"\xa5\n"] * 3]
        assert len(bench.struck) == 1
