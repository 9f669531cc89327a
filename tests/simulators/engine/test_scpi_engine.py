"""IEEE 488.2: common commands, status, errors, overlapped operations; and nothing a client sends breaks the engine."""

import math
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimdlab_simulators.scpi import Call, ScpiError, ScpiInstrument, command
from aimdlab_simulators.timebase import Timebase
from patience import LIMIT_S, wait_for


class Bench(ScpiInstrument):
    """A frequency, a block, and an operation that takes five seconds of world time."""

    def __init__(self, timebase: Timebase | None = None) -> None:
        super().__init__(
            name="dut", maker="Maker", model="Model", serial="S1", firmware="1.0", timebase=timebase or Timebase()
        )
        self.frequency_hz = 1e3
        self.data = b""
        self.until_s: float | None = None
        self.triggered = 0

    def reset(self) -> None:
        super().reset()
        self.frequency_hz = 1e3

    def trigger(self) -> None:
        self.triggered += 1

    def pending_until_s(self) -> float | None:
        return self.until_s

    @command("[SOURce#:]FREQuency")
    def set_frequency(self, call: Call) -> None:
        self.frequency_hz = call.argument().number("HZ", 1.0, 30e6)

    @command("[SOURce#:]FREQuency?")
    def get_frequency(self, call: Call) -> float:
        return self.frequency_hz

    @command("DATA")
    def set_data(self, call: Call) -> None:
        self.data = call.argument(0).block()

    @command("DATA?")
    def get_data(self, call: Call) -> bytes:
        return f"#9{len(self.data):09d}".encode() + self.data

    @command("COUNt?")
    def get_count(self, call: Call) -> int:
        return len(self.data)

    @command("NAME?")
    def get_name(self, call: Call) -> str:
        return self.name

    @command("LIST")
    def set_list(self, call: Call) -> None:
        self.data = repr(call.numbers(1)).encode()

    @command("INITiate")
    def initiate(self, call: Call) -> None:
        self.until_s = self.timebase.now_s() + 5.0

    @command("ABORt")
    def abort(self, call: Call) -> None:
        self.until_s = None

    @command("BROKen")
    def broken(self, call: Call) -> None:
        raise RuntimeError("a bug of the simulator")

    @command("REFuse")
    def refuse(self, call: Call) -> None:
        raise ScpiError(781, "Not enough memory")


def errors(instrument: ScpiInstrument) -> list[bytes]:
    found = []
    while (error := instrument.handle(b"SYST:ERR?")) != b'+0,"No error"':
        assert error is not None
        found.append(error)
    return found


def virtual() -> Timebase:
    timebase = Timebase()
    timebase.claim()
    return timebase


def in_thread(action: Callable[[], bytes | None]) -> tuple[threading.Thread, list[bytes | None]]:
    answers: list[bytes | None] = []
    thread = threading.Thread(target=lambda: answers.append(action()), daemon=True)
    thread.start()
    return thread, answers


def test_identity_and_formats_of_answers() -> None:
    bench = Bench()
    assert bench.handle(b"*IDN?;*OPT?;*TST?;:SYST:VERS?") == b"Maker,Model,S1,1.0;0;0;1999.0"
    assert bench.handle(b"FREQ 64 MHz;FREQ?") == b"+1.00000000000000E+03"  # out of range, unchanged
    assert errors(bench) == [b'-222,"Data out of range"']
    assert bench.handle(b"FREQ 20MHZ;FREQ?;:COUN?;:NAME?") == b"+2.00000000000000E+07;0;dut"
    assert bench.handle(b"FREQ5000;FREQ?") == b"+5.00000000000000E+03"
    assert bench.handle(b"*RST;FREQ?") == b"+1.00000000000000E+03"
    assert bench.handle(b"") is None
    assert errors(bench) == []


def test_status_registers() -> None:
    bench = Bench()
    assert bench.handle(b"*ESR?;*ESR?") == b"128;0"  # power on, cleared by reading
    bench.handle(b"*ESE 255;*SRE 255")
    assert bench.handle(b"*ESE?;*SRE?") == b"255;191"  # bit 6 cannot be enabled
    assert bench.handle(b"*STB?") == b"0"
    bench.handle(b"NONSENSE")
    assert bench.status_byte() == 4 + 32 + 64
    assert bench.status_byte(message_available=True) == 4 + 16 + 32 + 64
    assert bench.handle(b"*STB?;*ESR?;*STB?") == b"100;32;68"  # reading the events leaves the queue
    bench.handle(b"*CLS")
    assert bench.handle(b"*STB?;*ESE?") == b"0;255"


@pytest.mark.parametrize(
    ("message", "error", "event"),
    [
        (b"FOO", b'-113,"Undefined header"', 32),
        (b"FREQ", b'-109,"Missing parameter"', 32),
        (b"FREQ 5,6", b'-108,"Parameter not allowed"', 32),
        (b"FREQ 5 V", b'-131,"Invalid suffix"', 32),
        (b"FREQ 0.1", b'-222,"Data out of range"', 16),
        (b"REF", b'+781,"Not enough memory"', 8),
        (b"!", b'-102,"Syntax error"', 32),
        (b"FREQ 'abc", b'-151,"Invalid string data"', 32),
        (b"DATA #15ab", b'-161,"Invalid block data"', 32),
        (b"LIST a,1,x", b'-104,"Data type error"', 32),
        (b"*ESE 256", b'-222,"Data out of range"', 16),
    ],
)
def test_errors_are_queued_and_set_their_event_bit(message: bytes, error: bytes, event: int) -> None:
    bench = Bench()
    bench.handle(b"*CLS")
    assert bench.handle(message) is None
    assert bench.handle(b"*ESR?") == str(event).encode()
    assert errors(bench) == [error]


def test_the_error_queue_is_first_in_first_out_and_says_when_it_overflowed() -> None:
    bench = Bench()
    bench.handle(b"REF")
    for _ in range(30):
        bench.handle(b"FOO")
    found = errors(bench)
    assert len(found) == Bench.ERROR_QUEUE_LENGTH
    assert found[0] == b'+781,"Not enough memory"'
    assert found[-1] == b'-350,"Queue overflow"'


def test_a_fault_of_the_simulator_is_an_error_of_the_instrument_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    assert bench.handle(b"BROK;:NAME?") == b"dut"
    assert errors(bench) == [b'-310,"System error"']
    assert "a bug of the simulator" in caplog.text


def test_trigger() -> None:
    bench = Bench()
    bench.handle(b"*TRG")
    assert bench.triggered == 1


def test_an_instrument_without_trigger_ignores_it() -> None:
    class Plain(ScpiInstrument):
        pass

    plain = Plain(name="p", maker="", model="", serial="", firmware="", timebase=Timebase())
    plain.handle(b"*TRG")
    assert plain.status.errors[0] == (-211, "Trigger ignored")


def test_opc_sets_its_bit_when_the_operation_has_ended() -> None:
    timebase = virtual()
    bench = Bench(timebase)
    bench.handle(b"*CLS;*ESE 1")
    bench.handle(b"INIT;*OPC")
    assert bench.handle(b"*STB?;*ESR?") == b"0;0"
    timebase.advance_to(timebase.now_s() + 4.9)
    assert bench.handle(b"*STB?") == b"0"
    timebase.advance_to(timebase.now_s() + 0.2)
    assert bench.status_byte() == 32
    assert bench.handle(b"*STB?;*ESR?;*ESR?") == b"32;1;0"
    assert bench.handle(b"*OPC;*ESR?") == b"1", "nothing was pending"


@pytest.mark.parametrize("cancel", [b"*CLS", b"*RST"])
def test_cls_and_rst_call_off_opc(cancel: bytes) -> None:
    timebase = virtual()
    bench = Bench(timebase)
    bench.handle(b"*CLS;INIT;*OPC;" + cancel)
    timebase.advance_to(timebase.now_s() + 10)
    assert bench.handle(b"*ESR?") == b"0"


@pytest.mark.parametrize(("message", "answer"), [(b"INIT;*OPC?", b"1"), (b"INIT;*WAI;:NAME?", b"dut")])
def test_waiting_blocks_one_client_until_world_time_comes_and_nobody_else(message: bytes, answer: bytes) -> None:
    timebase = virtual()
    bench = Bench(timebase)
    thread, answers = in_thread(lambda: bench.handle(message))
    wait_for(lambda: bench.handle(b"NAME?") == b"dut" and bench.until_s is not None)
    assert bench.until_s is not None
    timebase.advance_to(bench.until_s - 0.1)
    assert bench.handle(b"FREQ 5;FREQ?") == b"+5.00000000000000E+00"
    assert thread.is_alive()
    timebase.advance_to(bench.until_s)
    thread.join(LIMIT_S)
    assert answers == [answer]


def test_a_wait_ends_when_another_client_ends_the_operation() -> None:
    bench = Bench(virtual())
    bench.until_s = math.inf
    thread, answers = in_thread(lambda: bench.handle(b"*OPC?"))
    assert thread.is_alive()
    bench.handle(b"ABOR")
    thread.join(LIMIT_S)
    assert answers == [b"1"]


def test_a_wait_without_known_end_is_looked_at_again_as_time_goes_on() -> None:
    timebase = virtual()

    class Unsure(Bench):
        def pending_until_s(self) -> float | None:
            return math.inf if self.timebase.now_s() < 1000 else None

    unsure = Unsure(timebase)
    thread, answers = in_thread(lambda: unsure.handle(b"*OPC?"))
    timebase.advance_to(999)
    timebase.advance_to(1001)
    thread.join(LIMIT_S)
    assert answers == [b"1"]


def test_device_clear_and_a_client_that_left_end_a_wait_without_an_answer() -> None:
    bench = Bench(virtual())
    bench.until_s = math.inf
    gone = threading.Event()
    first, first_answers = in_thread(lambda: bench.handle(b"*OPC?;NAME?", gone))
    gone.set()
    first.join(LIMIT_S)
    started = threading.Event()

    class Started:
        def is_set(self) -> bool:
            started.set()
            return False

    second, second_answers = in_thread(lambda: bench.handle(b"*OPC?;NAME?", Started()))
    assert started.wait(LIMIT_S)
    bench.device_clear()
    second.join(LIMIT_S)
    assert (first_answers, second_answers) == ([None], [None])
    assert bench.handle(b"NAME?") == b"dut"


FRAGMENTS = st.sampled_from(
    [b"*IDN?", b"FREQ", b"FREQ ", b"freq?", b"DATA #", b"#15abcde", b"#0", b'"', b"'", b"(", b")", b";", b":", b",",
     b"\n", b"\r", b" ", b"#9999999999", b"1e999", b"*OPC?", b"*WAI", b"LIST a,", b"?", b"64MHZ", b"MAX", b"\xff",
     b"SOUR", b"SOUR1:", b"9" * 5000, b"SYST:ERR?", b"*STB?", b"*ESE -1"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.one_of(st.binary(max_size=300), st.lists(st.one_of(FRAGMENTS, st.binary(max_size=4))).map(b"".join)))
def test_no_bytes_make_the_engine_raise_or_hang(message: bytes) -> None:
    bench = Bench()
    bench.handle(message)
    assert (-310, "System error") not in bench.status.errors
    bench.handle(b"*CLS")
    assert bench.handle(b"*IDN?;:SYST:ERR?") == b'Maker,Model,S1,1.0;+0,"No error"'


@pytest.mark.parametrize(
    "message",
    [b"FREQ " + b"1" * 300_000 + b"!", b"FREQ 1" + b" " * 300_000 + b"!", b"A" * 1_000_000, b"A:" * 300_000,
     b"A1" * 300_000, b"#" * 300_000, b"DATA " + b"#" * 300_000, b";" * 1_000_000, b"FREQ " + b"(" * 300_000,
     b"FREQ '" + b"''" * 300_000, b"FREQ " + b"9" * 300_000],
    ids=lambda message: message[:8].decode(),
)  # fmt: skip
def test_long_nonsense_takes_no_long_time(message: bytes) -> None:
    bench = Bench()
    start_s = time.thread_time()  # what others do meanwhile does not count
    bench.handle(message)
    assert time.thread_time() - start_s < 20.0, "it took less than half a second when this was written"


def test_long_lists_are_read() -> None:
    values = [number / 7 for number in range(200_000)]
    message = b"LIST name," + ",".join(map(repr, values)).encode()
    bench = Bench()
    bench.handle(message)
    assert bench.data == repr(values).encode()


@given(st.binary(max_size=3000))
def test_blocks_round_trip_through_the_instrument(data: bytes) -> None:
    bench = Bench()
    bench.handle(b"data #9" + f"{len(data):09d}".encode() + data + b"\n")
    assert bench.data == data
    assert bench.handle(b":DATA?;NAME?") == b"#9" + f"{len(data):09d}".encode() + data + b";dut"
