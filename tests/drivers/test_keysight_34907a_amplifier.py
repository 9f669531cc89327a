"""The amplifier whose lines hang on a 34907A: the exact exchange, and against the simulated unit and amplifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aimdlab.bench.clock import RealClock
from aimdlab.bench.driver import Driver, Identity
from aimdlab.bench.link import VisaLink
from aimdlab.bench.roles import AmplifierRating, DriveAmplifier, ResettableAmplifier, Role
from aimdlab.errors import AmplifierTripError, IdentityError, InstrumentError, InstrumentRefusal, LinkError
from aimdlab_drivers.keysight.amplifier_34907a import Keysight34907AAmplifier
from aimdlab_simulators.keysight.infiniivision import SimulatedInfiniiVision
from aimdlab_simulators.keysight.switch_unit_34970a import Simulated34970A
from aimdlab_simulators.keysight.waveform_33500b import Simulated33500B
from aimdlab_simulators.servers.raw_socket import RawSocketServer
from aimdlab_simulators.timebase import Timebase
from aimdlab_simulators.world import World, load_world
from patience import LIMIT_S

WORLD = Path(__file__).parents[2] / "configs/worlds/annex_d_switched_amplifier.yaml"
SIMULATORS = {
    "keysight_33500b": Simulated33500B,
    "keysight_34970a": Simulated34970A,
    "keysight_infiniivision": SimulatedInfiniiVision,
}
OPTIONS: dict[str, Any] = {
    "gain": 4,
    "bandwidth": "1 MHz",
    "max_output": "40 V",
    "max_input": "12 V",
    "enable": {"channel": 201, "bit": 0},
    "reset": {"channel": 201, "bit": 1, "pulse": "1 ms"},
    "fault": {"channel": 202, "bit": 0},
    "over_temperature": {"channel": 202, "bit": 1},
}
NO_ERROR = '+0,"No error"'
STATE, LATCH = "SOUR:DIG:STAT? (@201)", "SOUR:DIG:DATA:BYTE? (@201)"
CONTACTS = "SENS:DIG:DATA:BYTE? (@202)"
HELD = [("SYST:CTYP? 200", "Agilent Technologies,34907A,0,1.0")]
IDENTITY = [("*IDN?", "Agilent Technologies,34972A,MY49001234,1.17-1.12-02-02"), *HELD]
Play = Callable[..., Any]


def driven(before: int, after: int) -> list[tuple[str, str | None]]:
    """A pattern that is changed: what was driven, the new one, errors, the proof."""
    return [
        (STATE, "1"),
        (LATCH, str(before)),
        (f"SOUR:DIG:DATA:BYTE {after},(@201)", None),
        ("SYST:ERR?", NO_ERROR),
        (STATE, "1"),
        (LATCH, str(after)),
    ]


SAFE_FROM_POWER_ON = [
    (STATE, "0"),
    ("SOUR:DIG:DATA:BYTE 255,(@201)", None),
    (STATE, "1"),
    (LATCH, "255"),
    ("*ESR?", "128"),
    ("*CLS", None),
]
PLAIN = "MEM:STAT:REC:AUTO OFF;:FORM:READ:ALAR OFF;:FORM:READ:CHAN OFF;:FORM:READ:TIME OFF;:FORM:READ:UNIT OFF"


def test_plays_its_roles_and_says_what_the_bench_file_says() -> None:
    driver = Keysight34907AAmplifier("amplifier", None, Keysight34907AAmplifier.Options.model_validate(OPTIONS))
    as_driver: Driver = driver
    assert isinstance(driver, DriveAmplifier)
    assert isinstance(driver, ResettableAmplifier)
    assert as_driver.NEEDS_LINK
    assert Role.DRIVE_AMPLIFIER in driver.ROLES
    assert driver.rating() == AmplifierRating(4.0, 1e6, 40.0, 12.0, "V")
    with pytest.raises(InstrumentError, match="for planning only"):
        driver.set_enabled(True)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"enable": {"channel": 201, "bit": 0, "active": "high"}}, "high after power-on"),
        ({"reset": {"channel": 201, "bit": 1, "active": "high"}}, "Put an inverter"),
        ({"enable": {"channel": 202, "bit": 2}}, "channel 202 is driven and read"),
        ({"over_temperature": {"channel": 202, "bit": 0}}, "two lines are on the same"),
        ({"reset": {"channel": 201, "bit": 0}}, "two lines are on the same"),
        ({"enable": {"channel": 203, "bit": 0}}, "201"),
        ({"enable": {"channel": 201, "bit": 8}}, "less than or equal to 7"),
        ({"reset": {"channel": 201, "bit": 1, "pulse": "2 s"}}, "less than or equal to 1"),
        ({"fault": None}, "fault"),
        ({"gain": 0}, "greater than 0"),
    ],
)
def test_options_that_make_no_sense(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Keysight34907AAmplifier.Options.model_validate(OPTIONS | change)


def test_identify_asks_for_the_module_too(play: Play) -> None:
    with play(Keysight34907AAmplifier, IDENTITY, **OPTIONS) as driver:
        assert driver.identify() == Identity("Agilent Technologies", "34972A", "MY49001234", "1.17-1.12-02-02")


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        ("HEWLETT-PACKARD,34901A,0,2.3", "slot 200 holds a 34901A instead of a 34907A"),
        ("Agilent Technologies,0,0,0", "slot 200 holds nothing"),
        ('"Agilent Technologies,,,"', "slot 200 holds nothing"),
    ],
)
def test_another_module_is_refused(play: Play, reply: str, what: str) -> None:
    exchange = [IDENTITY[0], ("SYST:CTYP? 200", reply)]
    with play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver, pytest.raises(IdentityError, match=what):
        driver.identify()


def test_modules_in_two_slots_are_both_asked_for(play: Play) -> None:
    options = OPTIONS | {"fault": {"channel": 102, "bit": 0}, "over_temperature": None}
    exchange = [IDENTITY[0], ("SYST:CTYP? 100", "HEWLETT-PACKARD,34907A,0,2.3"), *HELD]
    with play(Keysight34907AAmplifier, exchange, **options) as driver:
        driver.identify()


def test_initialise_disables_first_and_makes_contacts_inputs(play: Play) -> None:
    exchange = [
        *IDENTITY,
        *SAFE_FROM_POWER_ON,
        (PLAIN, None),
        ("SYST:ERR?", NO_ERROR),
        (CONTACTS, "+2.52000000E+02"),
        ("SOUR:DIG:STAT? (@202)", "0"),
    ]
    with play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver:
        driver.initialise()


def test_contacts_on_a_port_that_drives_are_refused(play: Play) -> None:
    exchange = [
        *IDENTITY,
        *SAFE_FROM_POWER_ON,
        (PLAIN, None),
        ("SYST:ERR?", NO_ERROR),
        (CONTACTS, "+0.00000000E+00"),
        ("SOUR:DIG:STAT? (@202)", "1"),
    ]
    with play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver, pytest.raises(InstrumentError) as caught:
        driver.initialise()
    assert "port 202 drives its lines" in str(caught.value)
    assert "SYST:CPON 200" in str(caught.value)


def test_enabling_changes_its_own_bit_alone(play: Play) -> None:
    exchange = [*driven(0b10111111, 0b10111110), *driven(0b10111110, 0b10111111)]
    with play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver:
        driver.set_enabled(True)
        driver.set_enabled(False)


@pytest.mark.parametrize(
    ("state", "latch", "error", "what"),
    [
        ("1", "255", NO_ERROR, "port 201 drives 11111111 instead of 11111110"),
        ("0", None, NO_ERROR, "port 201 is an input instead of an output"),
        (None, None, '+305,"Not able to perform requested operation"', "305"),
    ],
)
def test_a_line_that_does_not_follow_is_noticed(
    play: Play, state: str | None, latch: str | None, error: str, what: str
) -> None:
    exchange = [(STATE, "0"), ("SOUR:DIG:DATA:BYTE 254,(@201)", None), ("SYST:ERR?", error)]
    exchange += [("SYST:ERR?", NO_ERROR)] if error != NO_ERROR else []
    exchange += [(STATE, state)] if state is not None else []
    exchange += [(LATCH, latch)] if latch is not None else []
    with play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver, pytest.raises(InstrumentRefusal, match=what):
        driver.set_enabled(True)


@pytest.mark.parametrize(
    ("contacts", "words"),
    [
        (0b11111100, ""),
        (0b11111101, "fault contact open: tripped"),
        (0b11111111, "over-temperature contact open: too hot, fault contact open: tripped"),
    ],
)
def test_the_contacts_in_words(play: Play, contacts: int, words: str) -> None:
    with play(Keysight34907AAmplifier, [(CONTACTS, f"{contacts:+.8E}")], **OPTIONS) as driver:
        assert driver.fault() == words


def test_a_contact_that_closes_at_a_fault(play: Play) -> None:
    options = OPTIONS | {"fault": {"channel": 301, "bit": 7, "active": "low"}, "over_temperature": None}
    exchange = [("SENS:DIG:DATA:BYTE? (@301)", "127"), ("SENS:DIG:DATA:BYTE? (@301)", "255")]
    with play(Keysight34907AAmplifier, exchange, **options) as driver:
        assert driver.fault() == "fault contact closed: tripped"
        assert driver.fault() == ""


@pytest.mark.parametrize("reply", ["256", "-1", "1.5", "+2.52000000E+02,202", "yes", ""])
def test_an_answer_that_is_no_byte(play: Play, reply: str) -> None:
    with play(Keysight34907AAmplifier, [(CONTACTS, reply)], **OPTIONS) as driver, pytest.raises(LinkError):
        driver.fault()


def test_reset_pulses_with_the_stage_disabled(play: Play) -> None:
    exchange = [
        *driven(0b11111110, 0b11111111),
        *driven(0b11111111, 0b11111101),
        *driven(0b11111101, 0b11111111),
        (CONTACTS, "252"),
    ]
    with play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver:
        driver.reset_fault()


def test_a_fault_that_stays_and_a_reset_that_is_not_wired(play: Play) -> None:
    exchange = [*driven(255, 255), *driven(255, 253), *driven(253, 255), (CONTACTS, "253")]
    with (
        play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver,
        pytest.raises(AmplifierTripError, match="still reports fault contact open: tripped after its reset"),
    ):
        driver.reset_fault()
    with (
        play(Keysight34907AAmplifier, driven(254, 255), **OPTIONS | {"reset": None}) as driver,
        pytest.raises(InstrumentError, match="no reset line"),
    ):
        driver.reset_fault()


@pytest.mark.parametrize(
    "known",
    [
        pytest.param([(STATE, "0")], id="input"),
        pytest.param([(STATE, "1"), (LATCH, "252")], id="enabled"),
        pytest.param([(STATE, "what?")], id="nonsense"),
        pytest.param([(STATE, "1"), (LATCH, "999")], id="no byte"),
    ],
)
def test_make_safe_disables_whatever_the_unit_says(play: Play, known: list[tuple[str, str]]) -> None:
    with play(Keysight34907AAmplifier, [*known, *SAFE_FROM_POWER_ON[1:]], **OPTIONS) as driver:
        driver.make_safe()


def test_make_safe_keeps_the_other_bits_and_says_when_it_failed(play: Play) -> None:
    exchange = [
        (STATE, "1"),
        (LATCH, "14"),
        ("SOUR:DIG:DATA:BYTE 15,(@201)", None),
        (STATE, "1"),
        (LATCH, "14"),
    ]
    with (
        play(Keysight34907AAmplifier, exchange, **OPTIONS) as driver,
        pytest.raises(InstrumentRefusal, match="drives 00001110 instead of 00001111"),
    ):
        driver.make_safe()


def test_a_restart_is_told_though_make_safe_was_first(play: Play) -> None:
    with play(Keysight34907AAmplifier, [*SAFE_FROM_POWER_ON, ("*ESR?", "0"), ("*ESR?", "0")], **OPTIONS) as driver:
        driver.make_safe()
        assert driver.was_restarted()
        assert not driver.was_restarted()


def test_make_safe_of_a_silent_unit_fails_at_once(play: Play) -> None:
    with play(Keysight34907AAmplifier, [(STATE, None)], **OPTIONS) as driver, pytest.raises(LinkError):
        driver.make_safe()


class Unit:
    """The shipped world, its switch unit over TCP and the driver."""

    def __init__(self) -> None:
        self.time = Timebase()
        self.time.claim()
        self.world: World = load_world(WORLD, self.time, SIMULATORS)
        self.server = RawSocketServer(self.world.instruments["amplifier"])
        self.server.start()

    def driver(self) -> Keysight34907AAmplifier:
        link = VisaLink.open("amplifier", self.server.resource, RealClock(), timeout_s=LIMIT_S)
        return Keysight34907AAmplifier("amplifier", link, Keysight34907AAmplifier.Options.model_validate(OPTIONS))

    def state(self) -> dict[str, object]:
        state = self.world.observe()["power_amplifier"]
        assert isinstance(state, dict)
        return state


@pytest.fixture
def unit() -> Iterator[Unit]:
    made = Unit()
    yield made
    made.server.close()


def test_a_life_with_the_simulated_amplifier(unit: Unit) -> None:
    driver = unit.driver()
    try:
        driver.initialise()
        assert driver.identify().model in driver.MODELS
        assert unit.state()["enabled"] is False
        driver.set_enabled(True)
        assert unit.state()["gain_factor"] == 1.0
        assert driver.fault() == ""
        unit.world.disturb("power_amplifier", "trip")
        assert driver.fault() == "fault contact open: tripped"
        driver.reset_fault()
        assert (driver.fault(), unit.state()["tripped"], unit.state()["enabled"]) == ("", False, False)
        unit.world.disturb("power_amplifier", "overheat", **{"for": 30.0})
        with pytest.raises(InstrumentError, match="too hot"):
            driver.reset_fault()
        unit.time.advance_to(31.0)
        assert driver.fault() == "fault contact open: tripped"
        driver.reset_fault()
        driver.set_enabled(True)
        assert unit.state()["gain_factor"] == 1.0
        driver.make_safe()
        assert unit.state()["gain_factor"] == 0.0
    finally:
        driver._link.close()


def test_another_connection_makes_safe_without_knowing_anything(unit: Unit) -> None:
    first, second = unit.driver(), unit.driver()
    try:
        first.initialise()
        first.set_enabled(True)
        second.make_safe()
        assert unit.state()["enabled"] is False
        first.set_enabled(True)
        unit.world.instruments["amplifier"].power_cycle()
        assert unit.state()["enabled"] is False  # initialise had it forget its outputs
        second.make_safe()
        first.set_enabled(True)
        assert unit.state()["enabled"] is True
    finally:
        for driver in (first, second):
            driver._link.close()
