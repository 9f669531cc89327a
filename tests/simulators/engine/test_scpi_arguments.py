"""Numbers with units, words, strings and blocks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimdlab_simulators.scpi import Argument, ScpiError
from aimdlab_simulators.scpi.syntax import units


def code_of(error: pytest.ExceptionInfo[ScpiError]) -> int:
    return error.value.code


@pytest.mark.parametrize(
    ("sent", "unit", "value"),
    [
        ("64 MHz", "HZ", 64e6),
        ("64MHZ", "HZ", 64e6),
        ("64MAHZ", "HZ", 64e6),
        ("64 khz", "HZ", 64e3),
        ("-20 dBm", "DBM", -20.0),
        ("1 MS", "S", 1e-3),
        ("1 s", "S", 1.0),
        ("10 mV", "V", 10e-3),
        ("2 MOHM", "OHM", 2e6),
        ("1 GSa/s", "SA/S", 1e9),
        ("1 MSA/S", "SA/S", 1e6),
        ("3.5E-3", "V", 3.5e-3),
        ("+.5 us", "S", 0.5e-6),
        ("5.", "S", 5.0),
        ("50PCT", "PCT", 50.0),
        ("#HfF", "V", 255.0),
        ("#B101", "V", 5.0),
        ("#Q17", "V", 15.0),
    ],
)
def test_numbers_with_units(sent: str, unit: str, value: float) -> None:
    assert Argument(sent.encode()).number(unit) == pytest.approx(value, rel=1e-15)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(("", " ", "\t")),
    st.sampled_from([("", 1), ("V", 1), ("mv", 1e-3), ("Kv", 1e3), ("uV", 1e-6), ("MAV", 1e6), ("gV", 1e9)]),
)
def test_any_finite_number_is_read_as_it_was_written(value: float, blank: str, suffix: tuple[str, float]) -> None:
    text, scale = suffix
    argument = Argument(f"{value!r}{blank if text else ''}{text}".encode())
    if math.isfinite(value * scale):
        assert argument.number("V") == value * scale
    else:
        with pytest.raises(ScpiError):
            argument.number("V")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("64 V", -131),
        ("64 XHZ", -131),
        ("abc", -104),
        ('"64"', -104),
        ("", -104),
        ("1e999", -123),
        ("101", -222),
        ("-1", -222),
        ("MIN X", -104),
        ("#HXY", -121),
        ("1,", -104),
        ("NAN", -104),
    ],
)
def test_numbers_that_are_refused(sent: str, code: int) -> None:
    with pytest.raises(ScpiError) as error:
        Argument(sent.encode()).number("HZ", minimum=0, maximum=100)
    assert code_of(error) == code


def test_limits_by_name() -> None:
    numbers = [Argument(word).number("HZ", 1e-6, 3e7, 1e3) for word in (b"MIN", b"maximum", b"Def", b"DEFAULT")]
    assert numbers == [1e-6, 3e7, 1e3, 1e3]
    with pytest.raises(ScpiError) as error:
        Argument(b"MAX").number("HZ")
    assert code_of(error) == -224
    with pytest.raises(ScpiError) as error:
        Argument(b"1 V").number()
    assert code_of(error) == -138


def test_the_unit_that_was_sent_is_told() -> None:
    assert Argument(b"500 mVPP").number_and_unit(("VPP", "VRMS", "DBM")) == (0.5, "VPP")
    assert Argument(b"0.2vrms").number_and_unit(("VPP", "VRMS", "DBM")) == (0.2, "VRMS")
    assert Argument(b"10").number_and_unit(("VPP", "VRMS", "DBM")) == (10.0, None)


def test_integers_are_rounded_and_bounded() -> None:
    assert [Argument(sent).integer(0, 255, 7) for sent in (b"3", b"2.6", b"1E2", b"#HFF", b"MAX", b"DEF")] == [
        3, 3, 100, 255, 255, 7,
    ]  # fmt: skip
    with pytest.raises(ScpiError) as error:
        Argument(b"256").integer(0, 255)
    assert code_of(error) == -222


def test_booleans() -> None:
    assert [Argument(sent).boolean() for sent in (b"ON", b"off", b"1", b"0", b"2", b"0.4")] == [
        True, False, True, False, True, False,
    ]  # fmt: skip
    with pytest.raises(ScpiError) as error:
        Argument(b"YES").boolean()
    assert code_of(error) == -224


def test_words() -> None:
    words = ("SINusoid", "SQUare", "CHANnel#", "EXTernal", "PN7")
    sent = (b"sin", b"SINUSOID", b"Square", b"CHANNEL2", b"chan", b"EXT", b"pn7")
    assert [Argument(one).word(*words) for one in sent] == ["SIN", "SIN", "SQU", "CHAN2", "CHAN1", "EXT", "PN7"]
    for wrong in (b"SINU", b"EXT1", b'"SIN"', b"1", b""):
        with pytest.raises(ScpiError) as error:
            Argument(wrong).word(*words)
        assert code_of(error) == -224
    assert Argument(b"5").try_word(*words) is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255)), st.sampled_from("'\""))
def test_strings_round_trip_through_a_message(text: str, quote: str) -> None:
    quoted = quote + text.replace(quote, quote * 2) + quote
    (unit,) = units(f"DISP:TEXT {quoted}, 5;".encode("latin-1"))
    string, five = (Argument(raw) for raw in unit.arguments)
    assert string.text() == text
    assert five.integer() == 5


@given(st.binary(max_size=2000), st.integers(1, 9), st.sampled_from((b"", b" ", b";*CLS", b"\r", b" , 3")))
def test_definite_blocks_round_trip_through_a_message(data: bytes, digits: int, after: bytes) -> None:
    if len(str(len(data))) > digits:
        digits = len(str(len(data)))
    message = b"DATA:ARB name,#" + f"{digits}{len(data):0{digits}d}".encode() + data + after
    first, *others = units(message)
    assert Argument(first.arguments[1]).is_block()
    assert Argument(first.arguments[1]).block() == data
    assert [unit.nodes for unit in others] == ([("*CLS",)] if after == b";*CLS" else [])
    assert len(first.arguments) == (3 if after == b" , 3" else 2)


@given(st.binary(max_size=500))
def test_indefinite_blocks_go_to_the_end_of_the_message(data: bytes) -> None:
    (unit,) = units(b"DATA #0" + data + b"\n")
    assert Argument(unit.arguments[0]).block() == data


@pytest.mark.parametrize("raw", [b"#15abc", b"#x", b"abc", b"#", b"#2", b"#13abcd", b"1"])
def test_damaged_blocks_are_refused(raw: bytes) -> None:
    with pytest.raises(ScpiError) as error:
        Argument(raw).block()
    assert code_of(error) in (-161, -104)


def test_lists_with_strings_blocks_and_expressions_are_cut_at_the_right_commas() -> None:
    (unit,) = units(b"""X "a,""b;", 'c;d' , (@1,2:3) ,#14;,\n', 5 V""")
    assert unit.arguments == (b'"a,""b;"', b"'c;d'", b"(@1,2:3)", b"#14;,\n'", b"5 V")
