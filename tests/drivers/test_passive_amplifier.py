"""The drive amplifier that the PC cannot talk to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aimdlab.bench.driver import Driver, Identity
from aimdlab.bench.roles import AmplifierRating, DriveAmplifier
from aimdlab_drivers.generic.passive_amplifier import PassiveAmplifier

OPTIONS = {"gain": 4, "bandwidth": "1 MHz", "max_output": "40 V", "max_input": "10 V"}


def test_says_what_the_bench_file_says() -> None:
    options = PassiveAmplifier.Options.model_validate(OPTIONS | {"manufacturer": "Falco", "model": "WMA-300"})
    driver = PassiveAmplifier("amplifier", None, options)
    as_driver: Driver = driver
    assert isinstance(driver, DriveAmplifier)
    assert not as_driver.NEEDS_LINK
    assert driver.identify() == Identity("Falco", "WMA-300", "", "")
    assert driver.rating() == AmplifierRating(4.0, 1e6, 40.0, 10.0, "V")
    assert driver.fault() == ""
    driver.initialise()
    driver.set_enabled(True)
    driver.make_safe()


@pytest.mark.parametrize(
    "wrong",
    [{"gain": 0}, {"gain": float("nan")}, {"bandwidth": 1e6}, {"max_output": "0 V"}, {"max_input": "10 A"}, {"x": 1}],
)
def test_options_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PassiveAmplifier.Options.model_validate(OPTIONS | wrong)
