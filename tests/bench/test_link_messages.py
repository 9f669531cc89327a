"""Messages of the VISA link against real TCP peers: what goes out, what comes back, and what breaks the link."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab.bench.clock import RealClock
from aimdlab.bench.link import VisaLink
from aimdlab.errors import InstrumentError, LinkError
from link_peers import BOTH, Conversation, Peer, answering, linked
from patience import LIMIT_S, cut_patience, refusing_port


@BOTH
def test_line_goes_out_with_lf_and_reply_comes_back_without(
    peer: Callable[..., Peer], options: dict[str, object]
) -> None:
    heard: list[bytes] = []

    def handler(conversation: Conversation) -> None:
        heard.append(conversation.line())
        heard.append(conversation.line())
        conversation.say(b"+1.0E+00\r\n")
        conversation.until_closed()

    with linked(peer(handler).resource, **options) as link:
        link.write("OUTP1 OFF")
        assert link.query("VOLT?") == "+1.0E+00"
    assert heard == [b"OUTP1 OFF", b"VOLT?"]


@BOTH
@pytest.mark.parametrize("size", [0, 1, 9, 4096, 4097, 32_757, 32_758, 32_768, 1_000_000])
def test_block_of_line_feeds_split_into_segments(
    peer: Callable[..., Peer], size: int, options: dict[str, object]
) -> None:
    payload = (b"\n\r#1" * (size // 4 + 1))[:size]

    def handler(conversation: Conversation) -> None:
        assert conversation.line() == b":WAV:DATA?"
        head = f"#8{size:08d}".encode()
        conversation.say(head[:1], head[1:5], head[5:])
        for start in range(0, size, max(1, size // 7)):
            conversation.say(payload[start : start + max(1, size // 7)])
        conversation.say(b"\n")
        assert conversation.line() == b"*IDN?"
        conversation.say(b"in step\n")

    with linked(peer(handler).resource, **options) as link:
        assert link.query_block(":WAV:DATA?") == payload
        assert link.query("*IDN?") == "in step"


@BOTH
@pytest.mark.parametrize("size", [32_767, 32_768, 300_000])
def test_long_line_in_segments(peer: Callable[..., Peer], size: int, options: dict[str, object]) -> None:
    def handler(conversation: Conversation) -> None:
        assert conversation.line() == b"LIST?"
        for start in range(0, size, 30_000):
            conversation.say(b"x" * min(30_000, size - start))
        conversation.say(b"\n")
        assert conversation.line() == b"*IDN?"
        conversation.say(b"in step\n")

    with linked(peer(handler).resource, **options) as link:
        assert link.query("LIST?") == "x" * size
        assert link.query("*IDN?") == "in step"


@given(payload=st.binary(max_size=3000))
@settings(deadline=None, max_examples=40)
def test_any_payload_survives_both_ways(echo: VisaLink, payload: bytes) -> None:
    echo.write_block("KEEP ", payload)
    assert echo.query_block("GIVE?") == payload


@pytest.fixture
def echo(peer: Callable[..., Peer]) -> Iterator[VisaLink]:
    def handler(conversation: Conversation) -> None:
        while command := conversation.exactly(5):
            assert command == b"KEEP "
            digits = int(conversation.exactly(2)[1:])
            block = conversation.exactly(int(conversation.exactly(digits)))
            assert conversation.line() == b""
            assert conversation.line() == b"GIVE?"
            conversation.say(f"#9{len(block):09d}".encode() + block + b"\n")

    with linked(peer(handler).resource) as link:
        yield link


@BOTH
def test_silence_is_a_time_out_and_the_late_reply_is_never_taken_for_the_next(
    peer: Callable[..., Peer], options: dict[str, object]
) -> None:
    hung_up = threading.Event()

    def slow(conversation: Conversation) -> None:
        assert conversation.line() == b"FIRST?"
        hung_up.wait(LIMIT_S)  # the link has given up; the answer comes too late
        conversation.say(b"answer to the first\n")

    def quick(conversation: Conversation) -> None:
        assert conversation.line() == b"SECOND?"
        conversation.say(b"answer to the second\n")

    with linked(peer(slow, quick).resource, **options) as link:
        cut_patience(link, 0.2)
        with pytest.raises(LinkError, match=r"scope, command 'FIRST\?': .*within 0\.2 s"):
            link.query("FIRST?")
        hung_up.set()
        for refused in (lambda: link.query("SECOND?"), lambda: link.write("X"), lambda: link.query_block("Y?")):
            with pytest.raises(LinkError, match=r"not sent.*within 0\.2 s.*'FIRST\?'.*Reconnect"):
                refused()
        assert link.is_broken
        link.reconnect()
        assert link.query("SECOND?") == "answer to the second"


@BOTH
@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"ERROR\n", "a block was expected, but the reply begins b'ER'"),
        (b"#0abc\n", "a block was expected"),
        (b"#3x10\n", "a block was expected"),
        (b"#12abc\n", "longer than its header says"),
    ],
)
def test_broken_block_breaks_the_link(
    peer: Callable[..., Peer], reply: bytes, message: str, options: dict[str, object]
) -> None:
    def handler(conversation: Conversation) -> None:
        conversation.line()
        conversation.say(reply)
        conversation.until_closed()

    with linked(peer(handler).resource, **options) as link:
        with pytest.raises(LinkError, match=message):
            link.query_block("DATA?")
        assert link.is_broken


@BOTH
def test_block_that_breaks_off_breaks_the_link(peer: Callable[..., Peer], options: dict[str, object]) -> None:
    def handler(conversation: Conversation) -> None:
        conversation.line()
        conversation.say(b"#6001000" + b"x" * 400)
        conversation.until_closed()

    with linked(peer(handler).resource, **options) as link:
        cut_patience(link, 0.2)
        with pytest.raises(LinkError, match=r"within 0\.2 s|0\.2 s without the rest|too slow"):
            link.query_block("DATA?")
        assert link.is_broken


def test_garbage_that_is_not_text_breaks_the_link(peer: Callable[..., Peer]) -> None:
    def handler(conversation: Conversation) -> None:
        conversation.line()
        conversation.say(b"\xff\xfe\x00\n")
        conversation.until_closed()

    with linked(peer(handler).resource) as link:
        with pytest.raises(LinkError, match="not text"):
            link.query("*IDN?")
        with pytest.raises(LinkError, match="not sent"):
            link.query("*IDN?")


@BOTH
def test_reply_without_end_is_not_read_for_ever(peer: Callable[..., Peer], options: dict[str, object]) -> None:
    def handler(conversation: Conversation) -> None:
        conversation.line()
        for _ in range(64):
            conversation.say(b"a" * (1 << 16))

    with linked(peer(handler).resource, **options) as link, pytest.raises(LinkError, match="no end after"):
        link.query("*IDN?")


@BOTH
def test_unasked_bytes_are_noticed_before_the_next_command(
    peer: Callable[..., Peer], options: dict[str, object]
) -> None:
    sent = threading.Event()

    def handler(conversation: Conversation) -> None:
        assert conversation.line() == b"ONE?"
        conversation.say(b"1\n2\n")
        sent.set()
        conversation.until_closed()

    with linked(peer(handler).resource, **options) as link:
        assert link.query("ONE?") == "1"
        assert sent.wait(LIMIT_S)
        with pytest.raises(LinkError, match="out of step"):
            link.query("TWO?")


@BOTH
def test_a_connection_that_is_not_trusted_any_more_is_closed(
    peer: Callable[..., Peer], options: dict[str, object]
) -> None:
    """What the driver cannot use may have a second half that is still on its way."""

    def first(conversation: Conversation) -> None:
        assert conversation.line() == b"VOLT?"
        conversation.say(b"1.5;\n")
        conversation.until_closed()

    with linked(peer(first, answering(VOLT="2.5")).resource, **options) as link:
        assert link.query("VOLT?") == "1.5;"
        link.give_up("the answer '1.5;' is not a number")
        link.give_up("twice is once")
        with pytest.raises(LinkError, match=r"not sent.*the answer '1\.5;' is not a number.*Reconnect"):
            link.query("VOLT?")
        link.reconnect()
        assert link.query("VOLT?") == "2.5"


def test_connection_closed_before_and_during_a_reply_is_no_time_out(peer: Callable[..., Peer]) -> None:
    def hang_up_instead(conversation: Conversation) -> None:
        conversation.line()

    def hang_up_inside(conversation: Conversation) -> None:
        conversation.line()
        conversation.say(b"#41000" + b"x" * 10)

    with linked(peer(hang_up_instead, hang_up_inside).resource) as link:
        with pytest.raises(LinkError, match="closed the connection"):
            link.query("*IDN?")
        link.reconnect()
        with pytest.raises(LinkError, match="closed the connection after 10 of 1000 bytes"):
            link.query_block("DATA?")


def test_hung_up_between_two_commands(peer: Callable[..., Peer]) -> None:
    def handler(conversation: Conversation) -> None:
        conversation.line()
        conversation.say(b"bye\n")

    other = peer(handler)
    with linked(other.resource) as link:
        assert link.query("*IDN?") == "bye"
        other.stop()  # joins the server's thread: the connection is closed
        assert select.select([link._port._sock], [], [], LIMIT_S)[0]  # type: ignore[union-attr]  # and the link could know
        with pytest.raises(LinkError, match="closed the connection"):
            link.write("OUTP1 ON")


@pytest.mark.parametrize("form", ["TCPIP::127.0.0.1::{}::SOCKET", "TCPIP::127.0.0.1::hislip0,{}::INSTR"])
def test_nobody_there_is_said_without_a_time_out(form: str) -> None:
    with (
        refusing_port() as port,
        pytest.raises(LinkError, match=r"scope: nobody answers at TCPIP.*refused.*switched on"),
    ):
        VisaLink.open("scope", form.format(port), RealClock(), timeout_s=3600)


def test_resource_that_is_no_resource() -> None:
    with pytest.raises(LinkError, match="VISA cannot open nonsense"):
        VisaLink.open("scope", "nonsense", RealClock())


def test_nagle_is_off(peer: Callable[..., Peer]) -> None:
    # With Nagle's algorithm and delayed acknowledgements every write-write-read would cost 40 ms or more.
    with linked(peer(answering(IDN="me")).resource) as link:
        sock = link._port._sock  # type: ignore[union-attr]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_line_feed_in_a_command_is_refused_and_nothing_is_sent(peer: Callable[..., Peer]) -> None:
    with linked(peer(answering(IDN="still here")).resource) as link:
        for bad in ("OUTP1 OFF\nOUTP2 OFF", "VOLT 5 µV"):
            with pytest.raises(InstrumentError, match="nothing was sent"):
                link.write(bad)
        assert link.query("*IDN?") == "still here"


def test_error_in_the_middle_of_a_message_breaks_the_link(peer: Callable[..., Peer]) -> None:
    def failing(direction: str, text: str) -> None:
        if direction == "<":
            raise ZeroDivisionError

    with linked(peer(answering(IDN="me")).resource, trace=failing) as link:
        with pytest.raises(ZeroDivisionError):
            link.query("*IDN?")
        with pytest.raises(LinkError, match="ZeroDivisionError"):
            link.query("*IDN?")


def test_trace_shows_text_and_length_of_blocks(peer: Callable[..., Peer]) -> None:
    def handler(conversation: Conversation) -> None:
        conversation.line()
        conversation.say(b"me\n")
        conversation.line()
        conversation.line()
        conversation.say(b"#13abc\n")

    seen: list[tuple[str, str]] = []
    with linked(peer(handler).resource, trace=lambda *entry: seen.append(entry)) as link:
        link.query("*IDN?")
        link.write_block("DATA ", b"1234")
        link.query_block("DATA?")
    assert seen == [(">", "*IDN?"), ("<", "me"), (">", "DATA #<4 bytes>"), (">", "DATA?"), ("<", "#<3 bytes>")]
