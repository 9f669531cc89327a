"""A drive amplifier without any remote control: gain and ratings come from the bench file."""

from __future__ import annotations

from typing import ClassVar

from aimdlab.bench.driver import Identity, Link
from aimdlab.bench.roles import AmplifierRating, Role
from aimdlab_drivers.amplifier_data import VoltageAmplifierData


class PassiveAmplifier:
    """An injection voltage amplifier that is always on; it is made safe by its source alone.

    ``set_enabled`` and ``make_safe`` do nothing, because there is no line that could do it: a person switches it on
    before the run and off after it. It never reports a fault, so a fault shows as a level off its target.
    """

    ROLES: ClassVar[frozenset[Role]] = frozenset({Role.DRIVE_AMPLIFIER})
    MODELS: ClassVar[tuple[str, ...]] = ()
    NEEDS_LINK: ClassVar[bool] = False

    class Options(VoltageAmplifierData):
        """From data sheet and calibration certificate."""

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
        return self._options.rating()

    def set_enabled(self, on: bool) -> None:
        """Nothing: the amplifier has no enable line."""

    def fault(self) -> str:
        """Always "": the amplifier has no fault contact."""
        return ""

    def make_safe(self) -> None:
        """Nothing: without a signal at its input its output is zero."""
