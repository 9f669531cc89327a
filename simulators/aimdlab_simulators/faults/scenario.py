"""The scenario file: which faults come when, listed or at random, checked against the world that they befall."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from aimdlab.config.base import ConfigModel
from aimdlab.config.loading import problem, validate
from aimdlab.config.units import Ratio
from aimdlab.config.yaml_source import KeyPath, YamlSource, read_yaml
from aimdlab_simulators.faults.fault import Fault
from aimdlab_simulators.faults.kinds import AnyFault

_UNTIL_RESET = ("trip", "overheat")
_RESET = "reset"


class RandomFaults(ConfigModel):
    """At most one fault per attempt, the same for the same seed, step and attempt.

    Attributes:
        probability: that an attempt has one drawn for it.
        faults: what is drawn from, each without saying where and when.
        instruments: whose links and messages are drawn from; every one if left out.
        messages: it strikes at a message up to this number of an instrument, if there are so many.
    """

    seed: int = Field(ge=0)
    probability: Ratio = Field(ge=0, le=1)
    faults: list[AnyFault] = Field(min_length=1)
    instruments: list[str] | None = Field(default=None, min_length=1)
    messages: int = Field(default=20, ge=1, le=100_000)

    @model_validator(mode="after")
    def _when_is_drawn(self) -> RandomFaults:
        for one in self.faults:
            said = {"step", "attempt", "after", "message", "times"} & one.model_fields_set
            if said:
                raise ValueError(f"when {one.fault} comes is drawn; leave out {', '.join(sorted(said))}")
        return self


class ScenarioFile(ConfigModel):
    """A scenario as its YAML file says it."""

    aimdlab: Literal["scenario/1"]
    faults: list[AnyFault] = Field(default_factory=list)
    random: RandomFaults | None = None


@dataclass(frozen=True)
class Places:
    """Where faults can strike in a world.

    Attributes:
        instruments: by name.
        nodes: kinds of fault that befall a node, by its name, and "reset" if the PC can reset it.
    """

    instruments: Collection[str]
    nodes: Mapping[str, Collection[str]]

    def befallen_by(self, kind: str) -> list[str]:
        """Nodes that a fault of ``kind`` can befall, in the order of the world file."""
        return [name for name, kinds in self.nodes.items() if kind in kinds]

    def drawn_for(self, kind: str) -> list[str]:
        """The same without amplifiers that would stay off for good: what nobody at the bench can reset is not drawn."""
        lasts = kind in _UNTIL_RESET
        return [name for name in self.befallen_by(kind) if not lasts or _RESET in self.nodes[name]]


@dataclass(frozen=True)
class Scenario:
    """What is injected.

    Attributes:
        text: the file, verbatim; "" if there is none.
        faults: that are listed.
        random: that are drawn.
    """

    text: str = ""
    faults: tuple[Fault, ...] = ()
    random: RandomFaults | None = field(default=None)


def load_scenario(path: Path, places: Places) -> Scenario:
    """Read a scenario; ConfigurationError names file, line and key of what is wrong or not in the world."""
    return _checked(read_yaml(path), places)


def fault_of(data: Mapping[str, object], places: Places) -> Fault:
    """One fault given as a mapping; ConfigurationError if it is none or its place is not in the world."""
    entry = {"aimdlab": "scenario/1", "faults": [dict(data)]}
    return _checked(YamlSource(Path("inject"), "", entry, {}), places).faults[0]


def _checked(source: YamlSource, places: Places) -> Scenario:
    file = validate(source, ScenarioFile)
    for number, one in enumerate(file.faults):
        _check_place(source, ("faults", number), one, places)
    if file.random is not None:
        _check_random(source, file.random, places)
    return Scenario(source.text, tuple(file.faults), file.random)


def _check_place(source: YamlSource, key: KeyPath, one: Fault, places: Places) -> None:
    if one.instrument is not None or not one.NEEDS_NODE or one.waits_for_message:
        _check_name(source, (*key, "instrument"), one.instrument, places.instruments)
    if one.NEEDS_NODE:
        _check_name(source, (*key, "node"), one.node, places.befallen_by(one.fault))


def _check_random(source: YamlSource, random: RandomFaults, places: Places) -> None:
    for number, name in enumerate(random.instruments or ()):
        _check_name(source, ("random", "instruments", number), name, places.instruments)
    for number, one in enumerate(random.faults):
        key = ("random", "faults", number)
        if one.instrument is not None:
            _check_name(source, (*key, "instrument"), one.instrument, places.instruments)
        if one.NEEDS_NODE and one.node is not None:
            _check_name(source, (*key, "node"), one.node, places.befallen_by(one.fault))


def _check_name(source: YamlSource, key: KeyPath, name: str | None, known: Collection[str]) -> None:
    here = f"known here: {', '.join(known) or 'none in this world'}."
    if name is None:
        raise problem(source, key, f"this key is missing; {here}")
    if name not in known:
        close = get_close_matches(name, list(known), n=1)
        raise problem(source, key, f"there is no {name!r}. " + (f"Did you mean {close[0]!r}?" if close else here))
