"""What the run tells its guardian once: the instruments, its own process, and what to start in its place."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["shared", "takeover"]

LEAST_SILENCE_S = 2.0


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstrumentOrder(_Order):
    """One instrument that can be talked to.

    Attributes:
        name: in the bench file.
        driver: name of its entry point.
        resource: VISA resource.
        options: of the driver, as the bench file says them.
        timeout_s: longest wait for one reply.
        identity: the fields of the bench file that the answer to ``*IDN?`` must have; None is not compared.
        mode: "shared": a connection of the guardian's own, open all the time; "takeover": the instrument accepts one
            connection, so that the guardian connects for a moment before the run does, and again when the run is dead.
    """

    name: str
    driver: str
    resource: str
    options: dict[str, Any]
    timeout_s: float = Field(gt=0, allow_inf_nan=False)
    identity: dict[str, str | None]
    mode: Mode


class Orders(_Order):
    """Everything that a guardian needs to know.

    Attributes:
        instruments: those of the bench.
        pid, started: the run's process and its start mark (``_platform.process_started``).
        silence_s: how long an armed run may give no sign of life.
        replacement: the command that goes on in place of a run that hung or died; empty: none.
        folder: working folder of that command.
        locks: files that the guardian holds locked as long as it lives, so that there is one for each bench.
        lock_wait_s: how long it waits for them: the guardian of the run before may still be at work.
        give_up_s: how long it tries to make an instrument safe.
    """

    instruments: tuple[InstrumentOrder, ...]
    pid: int = Field(gt=0)
    started: str
    silence_s: float = Field(default=30.0, ge=LEAST_SILENCE_S, allow_inf_nan=False)
    replacement: tuple[str, ...] = ()
    folder: str = ""
    locks: tuple[str, ...] = ()
    lock_wait_s: float = Field(default=20.0, ge=0, allow_inf_nan=False)
    give_up_s: float = Field(default=60.0, gt=0, le=60.0)
