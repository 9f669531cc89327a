"""The campaign file, and everything it names, loaded and checked together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import Field, StrictBool

from aimdlab.config.base import ConfigModel
from aimdlab.config.bench import BenchFile
from aimdlab.config.bench_place import Ambient
from aimdlab.config.device import DeviceFile
from aimdlab.config.faults import Faults
from aimdlab.config.justification import Justification
from aimdlab.config.loading import problem, validate
from aimdlab.config.omission import Omission
from aimdlab.config.test import TestFile
from aimdlab.config.words import Words
from aimdlab.config.yaml_source import KeyPath, YamlSource, read_yaml

File = TypeVar("File", bound=ConfigModel)


class TestEntry(ConfigModel):
    """One test of a campaign, by path relative to the campaign file, and what of it is left out."""

    __test__ = False

    test: str
    omit: list[Omission] = Field(default_factory=list)


class Person(ConfigModel):
    """Somebody who takes part in the tests, and as what."""

    name: Words
    role: Words


class Record(ConfigModel):
    """How the session is kept.

    Attributes:
        compression: of the captures: "zstandard", or "gzip" for archives that must open with nothing but HDF5.
    """

    compression: Literal["zstandard", "gzip"] = "zstandard"


class Unattended(ConfigModel):
    """What may happen while nobody is there.

    Attributes:
        resume: a run that hung or died, or whose computer restarted, is gone on with by itself.
    """

    resume: StrictBool = False


class CampaignFile(ConfigModel):
    """A campaign as its YAML file says it.

    Attributes:
        personnel: who takes part.
        ambient: at the bench when the tests begin; None if the operator is to be asked then.
        justification: the reasons that the standard asks for; :mod:`aimdlab.config.answers` says which are missing.
        record: how the session is kept.
        faults: what is done about faults of instruments.
        unattended: what may happen while nobody is there.
    """

    aimdlab: Literal["campaign/1"]
    name: str = Field(min_length=1)
    bench: str
    device: str
    personnel: list[Person] = Field(default_factory=list)
    ambient: Ambient | None = None
    justification: Justification = Field(default_factory=Justification)
    record: Record = Field(default_factory=Record)
    faults: Faults = Field(default_factory=Faults)
    unattended: Unattended = Field(default_factory=Unattended)
    tests: list[TestEntry] = Field(min_length=1)


@dataclass(frozen=True)
class Loaded(Generic[File]):
    """A checked file together with its source, for errors that need more than one file."""

    file: File
    source: YamlSource


@dataclass(frozen=True)
class Campaign:
    """A campaign with its bench, device and tests."""

    campaign: Loaded[CampaignFile]
    bench: Loaded[BenchFile]
    device: Loaded[DeviceFile]
    tests: tuple[Loaded[TestFile], ...]

    def texts(self) -> dict[str, str]:
        """Every file verbatim, by its path relative to the campaign's folder (with "/")."""
        start = self.campaign.source.path.parent
        sources = [self.campaign.source, self.bench.source, self.device.source, *(test.source for test in self.tests)]
        return {_relative(source.path, start): source.text for source in sources}

    def pictures(self) -> dict[str, Path]:
        """Every photograph and drawing that bench and device file name, by its path relative to the campaign's folder.

        Raises:
            ConfigurationError: one of them is not there.
        """
        start = self.campaign.source.path.parent
        description = self.device.file.description
        found: dict[str, Path] = {}
        for source, key, names in (
            (self.bench.source, ("photographs",), self.bench.file.photographs),
            (self.device.source, ("description", "photographs"), description.photographs),
            (self.device.source, ("description", "drawings"), description.drawings),
        ):
            for place, name in enumerate(names):
                path = resolve(source, (*key, place), name)
                found[_relative(path, start)] = path
        return found


def load_campaign(path: Path) -> Campaign:
    """Read a campaign and all that it names; ConfigurationError names the file, line and key that is wrong."""
    source = read_yaml(path)
    campaign = Loaded(validate(source, CampaignFile), source)
    bench = _load_named(source, ("bench",), campaign.file.bench, BenchFile)
    device = _load_named(source, ("device",), campaign.file.device, DeviceFile)
    return Campaign(
        campaign=campaign,
        bench=bench,
        device=device,
        tests=tuple(
            _load_named(source, ("tests", index, "test"), entry.test, TestFile)
            for index, entry in enumerate(campaign.file.tests)
        ),
    )


def load_bench(path: Path) -> Loaded[BenchFile]:
    """Read a bench file alone."""
    source = read_yaml(path)
    return Loaded(validate(source, BenchFile), source)


def resolve(source: YamlSource, key: KeyPath, named: str) -> Path:
    """The file that ``key`` of ``source`` names, relative to it; ConfigurationError if there is none."""
    path = _tidy(source.path.parent / named)
    if not path.is_file():
        raise problem(source, key, f"there is no file {path}. Paths are relative to the file that names them.")
    return path


def _tidy(path: Path) -> Path:
    """``path`` without "..", for people to read; as it is where a symbolic link would make that another file."""
    tidy = Path(os.path.normpath(path))
    return tidy if tidy.resolve() == path.resolve() else path


def _load_named(source: YamlSource, key: KeyPath, named: str, model: type[File]) -> Loaded[File]:
    found = read_yaml(resolve(source, key, named))
    return Loaded(validate(found, model), found)


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()
