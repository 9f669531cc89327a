"""What the bench file says of an amplifier that cannot be asked: the same for all that have no remote control."""

from __future__ import annotations

from pydantic import Field

from aimdlab.bench.roles import AmplifierRating
from aimdlab.config.base import ConfigModel
from aimdlab.config.units import Frequency, Voltage


class VoltageAmplifierData(ConfigModel):
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

    def rating(self) -> AmplifierRating:
        """The same as a drive amplifier's driver tells it."""
        return AmplifierRating(
            gain=self.gain,
            bandwidth_hz=self.bandwidth,
            max_output=self.max_output,
            max_input_v=self.max_input,
            unit="V",
        )
