"""Every error that aimdlab raises on purpose.

Each speaks to a technician: what happened, where (file and key, or instrument and command), what to do. ::

    AimdlabError                     exit status of the command line
    ├── ConfigurationError           2   a file, a key or an option is wrong; nothing was switched on
    ├── SessionExistsError           2   the session path is taken; nothing recorded is ever overwritten
    ├── InUseError                   2   the bench or the session is in the hands of another run
    ├── BenchError                   3   the bench cannot do what is asked
    │   ├── InstrumentError          3   one instrument, with the command in hand
    │   │   ├── LinkError            3   it does not answer, not in time, or not as the protocol says
    │   │   ├── InstrumentRestartedError 3  it was switched off and on, so that its settings are lost
    │   │   ├── IdentityError        3   another instrument than the bench file says
    │   │   ├── InstrumentRefusal    3   it reported an error of its own
    │   │   ├── AmplifierTripError   3   an amplifier reports a fault: its protection has switched it off
    │   │   └── ProbeLostError       3   a probe or monitor gives no reading any more
    │   ├── SafeStateError           3   something could not be switched off
    │   ├── CeilingError             3   what was about to be sent is above a ceiling; it was not sent
    │   ├── GuardianError            3   the guardian cannot watch over the run, or is lost
    │   ├── FaultStopError           3   the campaign's fault policy says to stop here
    │   └── SimulationError          3   the simulated bench failed
    ├── StoppedByPersonError         4   Ctrl-C or a command of a person
    ├── WorkerLostError             70   a process of aimdlab's own was lost; says nothing of the record
    └── RecordError                  5   a session cannot be read, written or sealed
        ├── NoSessionError           2   there is no session at the path that was given
        └── RecordAlteredError       5   a record is not what was written
"""

from __future__ import annotations

from typing import ClassVar


class AimdlabError(Exception):
    """Anything that aimdlab reports to a person; ``exit_status`` is what the command line returns."""

    exit_status: ClassVar[int] = 3


class ConfigurationError(AimdlabError):
    """A configuration file, one of its keys or an option is wrong; raised before anything is switched on."""

    exit_status = 2


class SessionExistsError(AimdlabError):
    """The session path is already there; sessions are never overwritten."""

    exit_status = 2


class InUseError(AimdlabError):
    """The bench or the session is in the hands of another run; nothing was switched on."""

    exit_status = 2


class BenchError(AimdlabError):
    """The bench cannot do what is asked of it."""


class InstrumentError(BenchError):
    """A fault of one instrument.

    Attributes:
        instrument: its name in the bench file.
        command: the command in hand when it happened, or "" if none was.
    """

    def __init__(self, message: str, *, instrument: str, command: str = "") -> None:
        self.instrument = instrument
        self.command = command
        where = f"{instrument}: " if not command else f"{instrument}, command {command!r}: "
        super().__init__(where + message)


class LinkError(InstrumentError):
    """The instrument cannot be reached, does not answer in time, or its reply is not what the protocol says."""


class InstrumentRestartedError(InstrumentError):
    """The instrument was switched off and on since it was set up: what it was set to is lost."""


class IdentityError(InstrumentError):
    """The instrument that answered is not the one of the bench file."""


class InstrumentRefusal(InstrumentError):  # noqa: N818 - it is the instrument that refuses
    """The instrument reported errors of its own after a group of commands."""


class AmplifierTripError(InstrumentError):
    """A drive amplifier reports a fault; its output stage is off until that is reset."""


class ProbeLostError(InstrumentError):
    """A probe, or the monitor that watches a point, gives no reading any more."""


class SafeStateError(BenchError):
    """One or more instruments could not be made safe; the message lists each."""


class CeilingError(BenchError):
    """What was about to be sent is above a ceiling, or was never checked; nothing of it was sent."""


class GuardianError(BenchError):
    """The guardian cannot watch over the run: not started, an instrument out of its reach, or lost."""


class FaultStopError(BenchError):
    """The campaign's fault policy says to stop here; the bench is safe and the session can be gone on with."""


class SimulationError(BenchError):
    """The simulated bench could not be started, or its process does not answer."""


class StoppedByPersonError(AimdlabError):
    """A person stopped the run."""

    exit_status = 4


class WorkerLostError(AimdlabError):
    """A process that shares the work ended without a word; a crash, so never a verdict."""

    exit_status = 70


class RecordError(AimdlabError):
    """A session cannot be read, written or sealed."""

    exit_status = 5


class NoSessionError(RecordError):
    """There is no session at the path that a person gave; says nothing of any record."""

    exit_status = 2


class RecordAlteredError(RecordError):
    """A record is not what was written; the message names the first one."""
