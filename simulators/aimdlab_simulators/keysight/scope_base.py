"""What the command groups of the simulated InfiniiVision oscilloscopes share."""

from __future__ import annotations

from typing import Any

from aimdlab.errors import ConfigurationError
from aimdlab_simulators.keysight.acquisition import Acquisition
from aimdlab_simulators.keysight.scope_settings import VARIANTS, InputSettings, ScopeSettings
from aimdlab_simulators.scpi import Argument, Call, ScpiError, ScpiInstrument
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.instrument import Setting
from aimdlab_simulators.world.scope_input import InputErrors, ScopeInput


class ScopeBase(ScpiInstrument):
    """Inputs, settings, the acquisition, and how a setting is set and asked for."""

    def __init__(self, setting: Setting) -> None:
        if setting.variant not in VARIANTS:
            raise ConfigurationError(f"there is no variant {setting.variant!r}; known: {', '.join(VARIANTS)}.")
        self.variant = VARIANTS[setting.variant]
        super().__init__(
            name=setting.name,
            maker=setting.maker or "KEYSIGHT TECHNOLOGIES",
            model=self.variant.idn,
            serial=setting.serial,
            firmware=setting.firmware,
            timebase=setting.timebase,
        )
        self.inputs = {
            number: ScopeInput(
                setting.inputs.get(number, InputErrors()), seed=setting.seed, name=f"{setting.name}.{number}"
            )
            for number in range(1, self.variant.channels + 1)
        }
        self.external = ScopeInput(InputErrors(), seed=setting.seed, name=f"{setting.name}.ext")
        self.connector_inputs = {"ext": self.external}
        self.outputs: dict[int, GeneratorOutput] = {}
        self.world_lock = setting.past.lock
        self.settings = ScopeSettings.default(self.variant)
        self.acquisition = Acquisition(
            self.variant,
            self.inputs,
            self.external,
            timebase=setting.timebase,
            past=setting.past,
            acquisitions=setting.acquisitions,
            arming_s=setting.delays.arming_s,
        )
        self.acquisition.use(self.settings)
        self.trigger_outputs = {"trig_out": self.acquisition.trigger_out}

    def render(self, value: str | bytes | int | float) -> bytes:
        """Floats with nine digits, as the family prints them; whole numbers with a sign only where text has one."""
        return number_text(value).encode() if isinstance(value, float) else super().render(value)

    def input_settings(self, call: Call) -> InputSettings:
        """The settings of the channel that the first suffix of a header names."""
        return self.settings.inputs[call.suffix(0, self.variant.channels)]

    def settle(self) -> None:
        """Bring the acquisition up to the present."""
        self.acquisition.settle(self.timebase.now_s())

    def changed(self) -> None:
        """What is being acquired begins again with the new setting."""
        self.acquisition.restart()

    def boolean(self, call: Call, target: object, key: str) -> int | None:
        """Set or ask for an on/off setting."""
        if call.query:
            return int(getattr(target, key))
        self._set(target, key, call.argument().boolean())
        return None

    def word(self, call: Call, target: object, key: str, *words: str) -> str | None:
        """Set or ask for one of ``words``."""
        if call.query:
            return str(getattr(target, key))
        self._set(target, key, call.argument().word(*words))
        return None

    def number(
        self, call: Call, target: object, key: str, limits: tuple[float, float], *, unit: str | tuple[str, ...] = ()
    ) -> float | None:
        """Set or ask for a number between ``limits``."""
        if call.query:
            return float(getattr(target, key))
        self._set(target, key, call.argument().number(unit, *limits))
        return None

    def channel_number(self, argument: Argument, *others: str) -> str:
        """A source: ``CHAN1`` and so on, or one of ``others``; -224 for a channel that is not there."""
        name = argument.word("CHANnel#", *others)
        if name.startswith("CHAN") and not 1 <= int(name[4:]) <= self.variant.channels:
            raise ScpiError(-224, "Illegal parameter value")
        return name

    def _set(self, target: object, key: str, value: Any) -> None:
        self.settle()
        setattr(target, key, value)
        self.changed()


def number_text(value: float) -> str:
    """A float as the family prints it: nine significant digits."""
    return f"{value:+.8E}"
