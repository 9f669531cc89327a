"""Command patterns as manuals print them, and the tree in which a received header is looked up.

``[SOURce#:]FREQuency[:FIXed]``: capitals are the short form, brackets an optional node, ``#`` a numeric suffix that
is 1 when left out (SCPI 1999.0 vol. 1, 6.2.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[\[\]:]|\*?[A-Za-z_][A-Za-z0-9_]*#?")
_MNEMONIC = re.compile(r"(\*?[A-Z_][A-Z0-9_]*)([a-z0-9_]*)")
_SUFFIXED = re.compile(r"(.*?[A-Z_])(\d{1,6})")


@dataclass(frozen=True)
class Mnemonic:
    """One keyword in its two spellings, both upper case; ``suffix`` is the place of its number in the pattern."""

    short: str
    long: str
    suffix: int | None = None

    def match(self, text: str) -> int | None:
        """The numeric suffix (1 if left out) with which ``text`` spells this keyword, None if it does not."""
        name = text.upper()
        if name in (self.short, self.long):
            return 1
        if self.suffix is not None and (parts := _SUFFIXED.fullmatch(name)) and parts[1] in (self.short, self.long):
            return int(parts[2])
        return None


def mnemonic(text: str, suffix: int | None = None) -> Mnemonic:
    """``SINusoid`` as a Mnemonic; ValueError if it does not begin with its short form in capitals."""
    parts = _MNEMONIC.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is not a keyword: capitals for the short form, then the rest in small letters")
    return Mnemonic(parts[1], text.upper(), suffix)


Path = tuple[Mnemonic, ...]


@dataclass(frozen=True)
class Pattern:
    """A header pattern.

    Attributes:
        paths: every sequence of nodes that spells it, with the optional nodes and without.
        suffixes: how many numeric suffixes it has.
        query: whether it ends in a question mark.
    """

    paths: tuple[Path, ...]
    suffixes: int
    query: bool


def parse_pattern(text: str) -> Pattern:
    """Read a pattern; ValueError if it is not one."""
    body = text.removesuffix("?")
    tokens = _TOKEN.findall(body)
    if not tokens or "".join(tokens) != body:
        raise ValueError(f"{text!r} is not a command pattern")
    names = [name for name in tokens if name not in ("[", "]", ":")]
    suffixed = iter(range(len(names)))
    nodes = iter([mnemonic(name.rstrip("#"), next(suffixed) if name.endswith("#") else None) for name in names])
    paths, rest = _expand(tokens, nodes)
    if rest:
        raise ValueError(f"{text!r} has a closing bracket too many")
    return Pattern(tuple(dict.fromkeys(paths)), sum(name.endswith("#") for name in names), text.endswith("?"))


def _expand(tokens: Sequence[str], nodes: Iterator[Mnemonic]) -> tuple[list[Path], Sequence[str]]:
    paths: list[Path] = [()]
    while tokens:
        part, tokens = tokens[0], tokens[1:]
        if part == "]":
            return paths, ["]", *tokens]
        if part == "[":
            inner, tokens = _expand(tokens, nodes)
            if not tokens:
                raise ValueError("a command pattern has an opening bracket too many")
            tokens = tokens[1:]
            paths = [path + more for path in paths for more in (*inner, ())]
        elif part != ":":
            node = next(nodes)
            paths = [(*path, node) for path in paths]
    return paths, []


_MOST_KEPT = 4096  # spellings, for whoever sends nonsense for days


@dataclass
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    ends: list[tuple[Path, Pattern, str]] = field(default_factory=list)


class CommandTree:
    """All patterns of an instrument, looked up node by node."""

    def __init__(self) -> None:
        self._root = _Node()
        self._found: dict[tuple[str, ...], tuple[str, tuple[int, ...]] | None] = {}

    def add(self, pattern: Pattern, target: str) -> None:
        """Let every spelling of ``pattern`` lead to ``target``; what was added last wins."""
        self._found.clear()
        for path in pattern.paths:
            node = self._root
            for keyword in path:
                known = {
                    id(child): child for name in (keyword.short, keyword.long) if (child := node.children.get(name))
                }
                if len(known) > 1:
                    raise ValueError(f"{keyword.long} and its short form {keyword.short} stand for two other keywords")
                child = next(iter(known.values()), None) or _Node()
                node.children[keyword.long] = node.children[keyword.short] = child
                node = child
            node.ends.insert(0, (path, pattern, target))

    def find(self, header: Sequence[str], *, query: bool) -> tuple[str, tuple[int, ...]] | None:
        """Target and suffixes for a header given as nodes (``("SOUR1", "freq")``); None if nothing is spelled so."""
        spelling = (*header, "?") if query else (*header,)
        if spelling not in self._found:
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            self._found[spelling] = self._look_up(header, query=query)
        return self._found[spelling]

    def _look_up(self, header: Sequence[str], *, query: bool) -> tuple[str, tuple[int, ...]] | None:
        node = self._root
        for text in header:
            name = text.upper()
            child = node.children.get(name)
            if child is None and (parts := _SUFFIXED.fullmatch(name)):
                child = node.children.get(parts[1])
            if child is None:
                return None
            node = child
        for path, pattern, target in node.ends:
            numbers = [keyword.match(text) for keyword, text in zip(path, header, strict=True)]
            if pattern.query != query or None in numbers:
                continue
            suffixes = [1] * pattern.suffixes
            for keyword, number in zip(path, numbers, strict=True):
                if keyword.suffix is not None and number is not None:
                    suffixes[keyword.suffix] = number
            return target, tuple(suffixes)
        return None
