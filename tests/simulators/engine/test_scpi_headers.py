"""Every spelling of a command that SCPI allows reaches its handler, and nothing else does."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aimdlab_simulators.scpi import Call, ScpiInstrument, command
from aimdlab_simulators.scpi.pattern import CommandTree, parse_pattern
from aimdlab_simulators.timebase import Timebase

PATTERNS = (
    "[SOURce#:]FREQuency[:FIXed]",
    "[SOURce#:]FUNCtion:SQUare:DCYCle",
    "CHANnel#:SCALe",
    "TRIGger[:EDGE]:SOURce",
    "OUTPut#[:STATe]",
    "OUTPut:SYNC[:SOURce]",
    "TRIGger#:LEVel#[:IMMediate[:AMPLitude]]",
    "WAVeform:POINts",
    "WAVeform:POINts:MODE",
)


class Listening(ScpiInstrument):
    """Remembers which handler was reached, with which suffixes and arguments."""

    def __init__(self) -> None:
        super().__init__(name="x", maker="M", model="X", serial="1", firmware="0", timebase=Timebase())
        self.heard: list[tuple[str, tuple[int, ...], list[bytes]]] = []

    def hear(self, pattern: str, call: Call) -> None:
        self.heard.append((pattern, call.suffixes, [argument.raw for argument in call.args]))


for number, text in enumerate(PATTERNS):

    def _hear(self: Listening, call: Call, pattern: str = text) -> None:
        self.hear(pattern, call)

    setattr(Listening, f"hear_{number}", command(text)(_hear))


class Instrument(Listening):
    """Collects the handlers set above."""


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str, tuple[int, ...]]:
    """(pattern, a valid spelling of it, the suffixes that it carries)."""
    pattern = draw(st.sampled_from(PATTERNS))
    path = draw(st.sampled_from(parse_pattern(pattern).paths))
    suffixes = [1] * pattern.count("#")
    nodes = []
    for keyword in path:
        node = draw(st.sampled_from((keyword.short, keyword.long)))
        node = "".join(draw(st.sampled_from((letter.upper(), letter.lower()))) for letter in node)
        if keyword.suffix is not None and draw(st.booleans()):
            suffixes[keyword.suffix] = draw(st.integers(1, 99))
            node += str(suffixes[keyword.suffix])
        nodes.append(node)
    return pattern, draw(st.sampled_from(("", ":"))) + ":".join(nodes), tuple(suffixes)


@given(spellings(), st.sampled_from((" ", "\t", "   ")), st.sampled_from(("", ";", " ; ", "\r", ";\r\n", "\n")))
def test_any_valid_spelling_reaches_the_handler(
    spelling: tuple[str, str, tuple[int, ...]], blank: str, end: str
) -> None:
    pattern, header, suffixes = spelling
    instrument = Instrument()
    instrument.handle(f"{header}{blank}1.5{end}".encode())
    assert instrument.heard == [(pattern, suffixes, [b"1.5"])]
    assert instrument.handle(b"SYST:ERR?") == b'+0,"No error"'


@given(spellings(), st.sampled_from(("64000000", "-20", "+3", ".5", "64E6", "1e-3 HZ", "64MHZ")))
def test_a_missing_space_before_a_number_is_forgiven(spelling: tuple[str, str, tuple[int, ...]], value: str) -> None:
    pattern, header, suffixes = spelling
    takes_a_suffix = header.rpartition(":")[2][:4].upper() in ("OUTP", "LEVE", "LEV")
    assume(not takes_a_suffix and not header[-1].isdigit())  # there digits belong to the header
    instrument = Instrument()
    instrument.handle((header + value).encode())
    assert instrument.heard == [(pattern, suffixes, [value.encode()])]


@given(st.lists(spellings(), min_size=1, max_size=6))
def test_chains_from_the_root(chain: list[tuple[str, str, tuple[int, ...]]]) -> None:
    instrument = Instrument()
    instrument.handle(";".join(f":{header.lstrip(':')} 1" for _, header, _ in chain).encode())
    assert [(pattern, suffixes) for pattern, suffixes, _ in instrument.heard] == [
        (pattern, suffixes) for pattern, _, suffixes in chain
    ]


@pytest.mark.parametrize(
    ("message", "reached"),
    [
        (b"WAV:POIN 5;POIN:MODE RAW", ["WAVeform:POINts", "WAVeform:POINts:MODE"]),
        (b"WAV:POIN 5;*CLS;POIN 6", ["WAVeform:POINts"] * 2),
        (b"*CLS;WAV:POIN 5", ["WAVeform:POINts"]),
        (b"SOUR2:FREQ 1;FUNC:SQU:DCYC 3", ["[SOURce#:]FREQuency[:FIXed]", "[SOURce#:]FUNCtion:SQUare:DCYCle"]),
        (b"WAV:POIN 5\nWAV:POIN 6", ["WAVeform:POINts"] * 2),
        (b"WAV:POIN 5;WAV:POIN 6", ["WAVeform:POINts"]),  # relative to WAV, where there is no WAV
        (b"WAV:POIN 5;NONSENSE;POIN 6", ["WAVeform:POINts"] * 2),
    ],
)
def test_chains_relative_to_the_last_node(message: bytes, reached: list[str]) -> None:
    instrument = Instrument()
    instrument.handle(message)
    assert [pattern for pattern, _, _ in instrument.heard] == reached


def test_the_path_keeps_its_suffix() -> None:
    instrument = Instrument()
    instrument.handle(b"SOUR2:FREQ 1;FREQ 2")
    assert [suffixes for _, suffixes, _ in instrument.heard] == [(2,), (2,)]


@pytest.mark.parametrize(
    "message",
    [
        b"FREQU 1",  # between short and long
        b"CHAN:SCAL:FOO 1",
        b"WAV3:POIN 1",  # no suffix there
        b"OUTP1:SYNC 1",
        b"FREQ?",  # a setting, not a query
        b"*FOO",
        b"CHAN99999999999999999999999:SCAL 1",
    ],
)
def test_anything_else_is_an_undefined_header(message: bytes) -> None:
    instrument = Instrument()
    assert instrument.handle(message) is None
    assert instrument.heard == []
    assert instrument.handle(b"SYST:ERR?;ERR?") == b'-113,"Undefined header";+0,"No error"'


@pytest.mark.parametrize("text", ["", "a:b", "FREQ]", "[FREQ", "FREQ ?", "lower"])
def test_what_is_not_a_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_pattern(text)


def test_keywords_that_would_be_confused_are_refused() -> None:
    tree = CommandTree()
    tree.add(parse_pattern("MODE"), "a")
    tree.add(parse_pattern("MODulation"), "b")
    with pytest.raises(ValueError, match="two other keywords"):
        tree.add(parse_pattern("MODe"), "c")


def test_an_override_keeps_the_command_of_the_method_it_replaces() -> None:
    class Loud(Instrument):
        def hear(self, pattern: str, call: Call) -> None:
            super().hear(pattern.upper(), call)

    loud = Loud()
    loud.handle(b"CHAN2:SCAL 1")
    assert loud.heard == [("CHANNEL#:SCALE", (2,), [b"1"])]
