"""The SCPI engine: what an instrument simulator is made from."""

from aimdlab_simulators.scpi.argument import Argument
from aimdlab_simulators.scpi.command import Answer, Call, command
from aimdlab_simulators.scpi.errors import ScpiError
from aimdlab_simulators.scpi.instrument import ScpiInstrument
from aimdlab_simulators.scpi.response import Response, Stream

__all__ = ["Answer", "Argument", "Call", "Response", "ScpiError", "ScpiInstrument", "Stream", "command"]
