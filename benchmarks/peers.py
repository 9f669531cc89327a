"""How other programs set, ask and fetch over one TCP socket; those that do not come with the product by an extra.

All of them talk through PyVISA-py, with Nagle's algorithm off: as PyVISA-py leaves a socket, it costs each of them 40
ms and more per step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import pyvisa
from numpy.typing import NDArray

from benchmarks.step import open_as_found


class Client(Protocol):
    """One instrument, as a program holds it."""

    def set(self, setting: str) -> None:
        """Send a setting and read what is in the error queue."""
        ...

    def fetch(self) -> NDArray[Any]:
        """Ask for a block of 16-bit words."""
        ...


Opening = Callable[[str], AbstractContextManager[Client]]


class _Asking:
    """``write`` and ``ask`` of an object, ``query_binary_values`` of its VISA resource."""

    def __init__(self, write: Callable[[str], object], ask: Callable[[str], object], visa: Any) -> None:
        self._write, self._ask, self._visa = write, ask, visa

    def set(self, setting: str) -> None:
        self._write(setting)
        self._ask("SYST:ERR?")

    def fetch(self) -> NDArray[Any]:
        codes: NDArray[Any] = self._visa.query_binary_values("DATA?", datatype="H", container=np.ndarray)
        return codes


@contextmanager
def _opened(resource: str) -> Iterator[Any]:
    with closing(open_as_found(pyvisa.ResourceManager("@py"), resource)) as visa:
        yield visa


@contextmanager
def by_hand(resource: str) -> Iterator[Client]:
    """PyVISA alone."""
    with _opened(resource) as visa:
        yield _Asking(visa.write, visa.query, visa)


@contextmanager
def pymeasure(resource: str) -> Iterator[Client]:
    """PyMeasure's ``Instrument``."""
    instruments, adapters = import_module("pymeasure.instruments"), import_module("pymeasure.adapters")
    with _opened(resource) as visa:
        adapter = adapters.VISAAdapter(resource, visa_library="@py", read_termination="\n", write_termination="\n")
        adapter.close()
        adapter.connection = visa
        own = instruments.Instrument(adapter, "bench", includeSCPI=False)
        yield _Asking(own.write, own.ask, visa)


@contextmanager
def qcodes(resource: str) -> Iterator[Client]:
    """QCoDeS's ``VisaInstrument``."""
    with _opened(resource) as visa:
        instrument = import_module("qcodes.instrument").VisaInstrument
        with closing(instrument("bench", resource=visa, terminator="\n", device_clear=False)) as own:
            yield _Asking(own.write, own.ask, visa)


BY_EXTRA: Mapping[str, Opening] = {
    name: opening
    for name, module, opening in (("PyMeasure", "pymeasure", pymeasure), ("QCoDeS", "qcodes", qcodes))
    if find_spec(module) is not None
}
"""Those that are installed here, by name."""
