"""What is known of a session before its first step: plan, configuration, instruments, software, host, operator."""

from __future__ import annotations

import importlib.metadata
import platform
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py

import aimdlab
from aimdlab import _platform
from aimdlab.scoring.fingerprint import scoring_fingerprint
from aimdlab.session import canonical, pc_clock, shapes
from aimdlab.session.canonical import Encodable
from aimdlab.session.planned_steps import PlannedSteps

FORMAT_VERSION = 2

utc_now = pc_clock.utc_now

_SINCE = {"campaign_file": 2, "signing_key": 2}
"""Format version that a field came with, where it is not the first."""

_LIBRARIES = ("h5py", "hdf5plugin", "numpy", "pydantic", "pint", "pyserial", "pyvisa", "pyvisa-py", "PyYAML")


@dataclass(frozen=True)
class SessionHeader:
    """The head of the record; :func:`new_header` fills in what the computer knows.

    Attributes:
        title: the campaign's name.
        tests: one mapping per test: name, edition, clause, method, and how many sequences of the clause it covers.
        plan: one mapping per step, in order; ``step_id`` is required, ``kind`` and ``parameters`` are usual, and
            ``omitted`` holds the rationale of a step that is left out.
        configuration: every configuration file verbatim, by its name relative to the campaign.
        equipment: one mapping per instrument: role, model, serial number, calibration.
        operator: who runs it.
        bench_clock: "real" or "virtual".
        software: version by name; "aimdlab" is there.
        host: the computer, its boot and the state of its clock; of a simulated bench which world it was.
        created_utc: ISO 8601 with microseconds and "Z"; its monotonic companion stands in ``host``.
        session_id: a UUID.
        campaign_file: absolute path of the campaign file on the host; "" if there was none.
        signing_key: public Ed25519 key that the session will be signed with when it is sealed, base64 of its 32 bytes;
            "" if it will not be signed.
        format_version: version of ``docs/session-format.md``.
    """

    title: str
    tests: tuple[Mapping[str, Encodable], ...]
    plan: Sequence[Mapping[str, Encodable]]
    configuration: Mapping[str, str]
    equipment: tuple[Mapping[str, Encodable], ...]
    operator: str
    bench_clock: str
    software: Mapping[str, str]
    host: Mapping[str, str]
    created_utc: str
    session_id: str
    campaign_file: str = ""
    signing_key: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        """Take the plan in its compact form; ValueError if it cannot be reported on."""
        object.__setattr__(self, "plan", PlannedSteps.of(self.plan))

    @property
    def steps(self) -> PlannedSteps:
        """The plan, with what is quickly known of its steps."""
        return PlannedSteps.of(self.plan)

    def step_id(self, step: int) -> str:
        """The stable name of a step, by its index in the plan; IndexError if there is none."""
        if step < 0:
            raise IndexError(step)
        return str(self.plan[step]["step_id"])


def new_header(
    *,
    title: str,
    plan: Iterable[Mapping[str, Encodable]],
    configuration: Mapping[str, str],
    tests: tuple[Mapping[str, Encodable], ...] = (),
    equipment: tuple[Mapping[str, Encodable], ...] = (),
    operator: str = "",
    bench_clock: str = "real",
    campaign_file: str = "",
    signing_key: str = "",
    facts: Mapping[str, str] | None = None,
) -> SessionHeader:
    """A header with identity, time, software and host filled in; ``facts`` are kept with those of the host."""
    return SessionHeader(
        title=title,
        tests=tests,
        plan=PlannedSteps.of(plan),
        configuration=configuration,
        equipment=equipment,
        operator=operator,
        bench_clock=bench_clock,
        software=software_versions(),
        host={**_platform.describe_host(), **pc_clock.clock_texts(), **(facts or {})},
        created_utc=utc_now(),
        session_id=str(uuid.uuid4()),
        campaign_file=campaign_file,
        signing_key=signing_key,
    )


def software_versions() -> dict[str, str]:
    """Versions of everything whose arithmetic or bytes end up in the record; of the scoring code its fingerprint."""
    versions = {
        "aimdlab": aimdlab.__version__,
        "scoring code": scoring_fingerprint(),
        "Python": platform.python_version(),
        "HDF5": h5py.version.hdf5_version,
    }
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def header_record(header: SessionHeader) -> str:
    """The header's canonical text; the configuration's texts are in it by their SHA-256.

    That of a header that was read is the text it was read from, whatever version wrote it.
    """
    names = _fields(header.format_version)
    texts = {name: canonical.encode(getattr(header, name)) for name in names if name not in ("configuration", "plan")}
    hashes = {name: canonical.sha256(text) for name, text in header.configuration.items()}
    texts["configuration"] = canonical.encode(hashes)
    texts["plan"] = f"[{','.join(header.steps.texts())}]"
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"


def header_from_record(text: str, configuration: Mapping[str, str]) -> SessionHeader:
    """The header back from its canonical text and the configuration's texts; ValueError if it is none."""
    return HeaderText(text).header(configuration)


class HeaderText:
    """A header's canonical text, decoded once; ValueError if it is none.

    Attributes:
        configuration: SHA-256 of each configuration file by name.
    """

    def __init__(self, text: str) -> None:
        self._plan = PlannedSteps()
        self._record: dict[str, Any] = canonical.decode_in_parts(text, "plan", self._take)
        hashes = self._record.get("configuration")
        if not isinstance(hashes, dict):
            raise ValueError("the header lists no configuration")  # noqa: TRY004 - bad text, not a bad type
        self.configuration = {name: str(value) for name, value in hashes.items()}

    def _take(self, step: object, text: str) -> None:
        self._plan.add(shapes.planned_of(step), text)

    def header(self, configuration: Mapping[str, str]) -> SessionHeader:
        """The header with the texts of its configuration; ValueError if it is none."""
        record = self._record
        version = record.get("format_version")
        if not isinstance(version, int):
            raise ValueError("the header lacks format_version")  # noqa: TRY004 - bad text, not a bad type
        names = _fields(version)
        missing = set(names) - record.keys()
        if missing:
            raise ValueError(f"the header lacks {', '.join(sorted(missing))}")
        shapes.check_header(record)
        return SessionHeader(
            **{name: record[name] for name in names if name not in ("tests", "plan", "equipment", "configuration")},
            tests=tuple(record["tests"]),
            plan=self._plan,
            equipment=tuple(record["equipment"]),
            configuration=dict(configuration),
        )


def _fields(version: int) -> tuple[str, ...]:
    """The fields that a header of this version has."""
    return tuple(name for name in SessionHeader.__dataclass_fields__ if _SINCE.get(name, 1) <= version)
