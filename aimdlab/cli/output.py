"""How commands print: JSON alone, or rich text for people."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from aimdlab.cli.visible import visible
from aimdlab.errors import ConfigurationError


class _Console(Console):
    """A console whose reader may go away: a run goes on without it. Texts are shown, never obeyed."""

    def render_str(self, text: str, **options: Any) -> Text:
        """See rich."""
        return super().render_str(visible(text), **options)

    def on_broken_pipe(self) -> None:
        """Say no more; rich's own answer would end the process with status 1, which means a verdict here."""
        self.quiet = True


# A file or a pipe has no width of its own; tables there need not fold.
console = _Console(highlight=False, width=None if sys.stdout.isatty() else 120)
status = _Console(stderr=True, highlight=False)


def new_folder(folder: Path) -> None:
    """Make ``folder``, or take it if it is empty; ConfigurationError if it is not or cannot be made."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigurationError(f"{folder} is there already and not empty. Choose a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the folder {folder} cannot be made: {error.strerror or error}.") from error


def print_json(data: Mapping[str, Any], long: str = "", items: Iterable[Mapping[str, Any]] = ()) -> None:
    """One JSON object on standard output; NaN, which JSON lacks, becomes null.

    Args:
        data: the object.
        long: the key in it of an empty list, if that list is long.
        items: what is in that list; written one by one.
    """
    text = _json(data)
    if long:
        before, mark, text = text.partition(f'\n  "{long}": [')
        sys.stdout.write(before + mark)
        separator = "\n"
        for item in items:
            sys.stdout.write(separator + textwrap.indent(_json(item), "    "))
            separator = ",\n"
        sys.stdout.write("" if separator == "\n" else "\n  ")
    sys.stdout.write(text + "\n")


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(_plain(data), indent=2, allow_nan=False)


def covers(test: Mapping[str, Any]) -> str:
    """How much of its clause a test covers, in words; a partial test says so."""
    done, full, left_out = test["sequences"], test["sequences_of_the_clause"], test.get("sequences_omitted", 0)
    run = test.get("sequences_run", done)  # unknown before the run
    some = f"{run} of the {full} sequences that the clause asks for with this device"
    if test.get("scenario") or test.get("faults_struck"):
        how = "as a scenario says" if test.get("scenario") else "by hand"
        return f"{some}: [bold yellow]training[/], faults struck {how}; it shows nothing of compliance"
    if test.get("demonstration"):
        return f"{some}: [yellow]not a complete test[/], a demonstration; it shows nothing of compliance"
    if run < done:
        return f"{some}: [yellow]not a complete test[/], {done} were planned"
    if done == full:
        return f"all {full} sequences of the clause"
    if done + left_out == full:
        return f"{some}; {left_out} left out, each with its rationale"
    return f"{some}: [yellow]not a complete test[/]"


def duration(seconds: float) -> str:
    """ "2 min 30 s", "30 h 20 min", "15 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min} min"


def size(count: float) -> str:
    """ "12.3 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def prefix_for(value: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which ``value`` reads well: 0.0005 s is shown in ms. Counts and ratios keep theirs."""
    if unit == "1" or value != value or value == 0:  # noqa: PLR0124 - NaN
        return 1.0, "" if unit == "1" else unit
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.1:
            return factor, prefix + unit
    return 1.0, unit


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
        return None
    return value
