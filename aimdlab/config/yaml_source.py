"""YAML text to plain data, with the line of every key, and nothing that YAML can do to harm.

Only the JSON-like part of YAML is read: mappings, lists, strings, ``true``/``false``, ``null``, decimal numbers.
Refused, each with file and line: tags (they would construct objects), aliases (a "billion laughs" bomb is made of
them), a key that stands twice, a key that is no string or whole number, a second document, files beyond the limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aimdlab.errors import ConfigurationError

KeyPath = tuple[str | int, ...]

MAX_BYTES = 2_000_000
MAX_NODES = 100_000
MAX_DEPTH = 50

_INTEGER = re.compile(r"[-+]?[0-9]+$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class YamlSource:
    """One file as read.

    Attributes:
        path: where it was read from.
        text: the text, verbatim (what a session records).
        data: dict, list, str, int, float, bool and None only.
        lines: line (from 1) of every key path that stands in the file.
    """

    path: Path
    text: str
    data: Any
    lines: dict[KeyPath, int]

    def line_of(self, key: KeyPath) -> int:
        """The line of ``key``, or of the nearest key above it that stands in the file."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def read_yaml(path: Path) -> YamlSource:
    """Read ``path``; ConfigurationError names file and line of what is wrong."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file. Check the path and the working folder.") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{path}: {len(raw)} bytes; a configuration file has at most {MAX_BYTES}.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> YamlSource:
    """Parse ``text`` as if read from ``path``."""
    reader = _Reader(path)
    try:
        reader.refuse_dangers(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise ConfigurationError(f"{path}{line}: not valid YAML: {problem}.") from error
    if node is None:
        raise ConfigurationError(f"{path}: the file is empty.")
    data = reader.plain(node, ())
    return YamlSource(path=path, text=text, data=data, lines=reader.lines)


class _Reader:
    """Walks events and nodes of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}

    def refuse_dangers(self, text: str) -> None:
        """Go through the events before anything is built, so that a bomb costs nothing."""
        depth = count = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            count += isinstance(event, yaml.NodeEvent)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                self._refuse(line, "anchors (&) and aliases (*) are not used here. Write the value out")
            if (tag := getattr(event, "tag", None)) is not None:
                self._refuse(line, f"the tag {tag!r} is not used here: only plain values are. Remove it")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH or count > MAX_NODES:
                self._refuse(line, f"more than {MAX_DEPTH} levels or {MAX_NODES} values")

    def plain(self, node: yaml.Node, key: KeyPath) -> Any:
        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            result: dict[str | int, Any] = {}
            for name_node, value_node in node.value:
                name = self._key(name_node)
                line = name_node.start_mark.line + 1
                if name in result:
                    self._refuse(line, f"the key {name!r} stands twice in the same place. Remove one")
                self.lines[(*key, name)] = line
                result[name] = self.plain(value_node, (*key, name))
            return result
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*key, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _key(self, node: yaml.Node) -> str | int:
        if isinstance(node, yaml.ScalarNode):
            if node.style is None and _INTEGER.match(node.value):
                return int(node.value)
            return str(node.value)
        self._refuse(node.start_mark.line + 1, "a key must be a plain word")
        raise AssertionError  # pragma: no cover - _refuse raises

    def _refuse(self, line: int, what: str) -> None:
        raise ConfigurationError(f"{self.path}, line {line}: {what}.")


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text) if len(text) < 100 else text
    if _FLOAT.match(text):
        return float(text)
    return text
