"""`aimdlab run` in which things go wrong at chosen places: run as a program, with the arguments of the command line.

At 1/0001 the first exposure ends with an instrument's fault (INVALID, tried again), at 1/0002 the outputs cannot be
switched off at once after the exposure (a FAIL stays one, anything else is INVALID), and after it a person stops the run.
"""

import signal
from typing import Any

from aimdlab.cli import main
from aimdlab.errors import InstrumentError
from aimdlab.procedures.injection.procedure import InjectionProcedure

_expose, _finish = InjectionProcedure.expose, InjectionProcedure.finish
_faults: list[str] = []


def _expose_with_fault(self: Any) -> Any:
    if self._step.id == "1/0001" and "expose" not in _faults:
        _faults.append("expose")
        raise InstrumentError("the link broke", instrument="oscilloscope", command=":DIG")
    return _expose(self)


def _finish_with_fault(self: Any) -> None:
    _finish(self)
    if self._step.id == "1/0002" and "finish" not in _faults:
        _faults.append("finish")
        signal.raise_signal(signal.SIGINT)
        raise InstrumentError("it reports an over-temperature", instrument="amplifier")


if __name__ == "__main__":
    InjectionProcedure.expose = _expose_with_fault  # type: ignore[method-assign]
    InjectionProcedure.finish = _finish_with_fault  # type: ignore[method-assign]
    main()
