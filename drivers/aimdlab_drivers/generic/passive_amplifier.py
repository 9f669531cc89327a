"""A drive amplifier without any remote control: gain and ratings come from the bench file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from aimdlab.bench.driver import Identity, Link
from aimdlab.bench.roles import AmplifierRating, Role
from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Frequency, Voltage


class PassiveAmplifier:
    """An injection voltage amplifier that is always on; it is made safe by its source alone.

    ``set_enabled`` and ``make_safe`` do nothing, because there is no line that could do it: a person switches it on
    before the run and off after it. It never reports a fault, so a fault shows as a level off its target.
    """

    ROLES: ClassVar[frozenset[Role]] = frozenset({Role.DRIVE_AMPLIFIER})
    MODELS: ClassVar[tuple[str, ...]] = ()
    NEEDS_LINK: ClassVar[bool] = False

    class Options(ConfigModel):
        """From data sheet and calibration certificate.

        Attributes:
            gain: output over input, linear.
            bandwidth: -3 dB.
            max_output: largest undistorted output, zero to peak.
            max_input: largest input that does no harm, zero to peak.
            manufacturer, model, serial: as on its label, for the record.
        """

        gain: float = Field(gt=0, allow_inf_nan=False)
        bandwidth: Frequency = Field(gt=0)
        max_output: Voltage = Field(gt=0)
        max_input: Voltage = Field(gt=0)
        manufacturer: str = ""
        model: str = ""
        serial: str = ""

    def __init__(self, name: str, link: Link | None, options: Options) -> None:  # noqa: ARG002 - it has no link
        self._name = name
        self._options = options

    def identify(self) -> Identity:
        """What the bench file says of it."""
        return Identity(self._options.manufacturer, self._options.model, self._options.serial, "")

    def initialise(self) -> None:
        """Nothing to do."""

    def rating(self) -> AmplifierRating:
        """What the bench file says it can do."""
        return AmplifierRating(
            gain=self._options.gain,
            bandwidth_hz=self._options.bandwidth,
            max_output=self._options.max_output,
            max_input_v=self._options.max_input,
            unit="V",
        )

    def set_enabled(self, on: bool) -> None:
        """Nothing: the amplifier has no enable line."""

    def fault(self) -> str:
        """Always "": the amplifier has no fault contact."""
        return ""

    def make_safe(self) -> None:
        """Nothing: without a signal at its input its output is zero."""
