"""From a YAML file to a checked model; what is wrong is named by file, line, key and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from aimdlab.config.yaml_source import KeyPath, YamlSource, read_yaml
from aimdlab.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


def load_model(path: Path, model: type[Model]) -> Model:
    """Read ``path`` as ``model``; ConfigurationError lists everything that is wrong, each with line and key."""
    return validate(read_yaml(path), model)


def validate(source: YamlSource, model: type[Model]) -> Model:
    """Check what was read against ``model``."""
    return validate_part(source, (), source.data, model)


def validate_part(source: YamlSource, key: KeyPath, data: Any, model: type[Model]) -> Model:
    """Check ``data``, which stands at ``key`` of ``source``, against ``model``."""
    if not isinstance(data, dict):
        where = f", key {_dotted(key)}" if key else ""
        raise ConfigurationError(f"{source.path}{where}: expected keys and values, found {_kind(data)}.")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_describe(source, key, data, dict(found), model) for found in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(dict.fromkeys(lines))) from None


def problem(source: YamlSource, key: KeyPath, what: str) -> ConfigurationError:
    """The error for ``key`` of a file, for checks that need more than the file alone."""
    return ConfigurationError(f"{source.path}, line {source.line_of(key)}, key {_dotted(key)}: {what}")


def _describe(source: YamlSource, above: KeyPath, data: Any, found: dict[str, Any], model: type[BaseModel]) -> str:
    part = _in_file(data, found["loc"])
    key = (*above, *part)
    kind, value = found["type"], found.get("input")
    if kind == "extra_forbidden":
        known = sorted(_fields_at(model, found["loc"][:-1]))
        close = get_close_matches(str(key[-1]), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else (f" Known here: {', '.join(known)}." if known else "")
        what = f"unknown key.{hint}"
    elif kind == "missing":
        what = "this key is missing."
    elif kind == "union_tag_invalid":
        key = (*key, _unquoted(found["ctx"]["discriminator"]))
        what = f"expected {found['ctx']['expected_tags']}, got {found['ctx']['tag']!r}."
    elif kind == "union_tag_not_found":
        key = (*key, _unquoted(found["ctx"]["discriminator"]))
        what = "this key is missing."
    elif kind in ("model_type", "dict_type"):
        what = f"expected keys and values, found {_kind(value)}."
    elif kind == "value_error":
        what = str(found["ctx"]["error"]) + "."
    elif kind in ("literal_error", "enum"):
        what = f"expected {found['ctx']['expected']}, got {value!r}."
    else:
        what = f"{found['msg'][0].lower()}{found['msg'][1:]}, got {value!r}."
    return f"{source.path}, line {source.line_of(key)}, key {_dotted(key)}: {what}"


def _in_file(data: Any, location: Iterable[str | int]) -> KeyPath:
    """The key path without the names that pydantic adds for the members of a union."""
    path: KeyPath = ()
    parts = list(location)
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if isinstance(data, dict) and (part in data or last):
            data = data.get(part)
        elif isinstance(data, dict) and isinstance(part, str) and part.isdigit() and int(part) in data:
            data, part = data[int(part)], int(part)  # noqa: PLW2901
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            continue
        path = (*path, part)
    return path


def _fields_at(model: Any, location: Iterable[str | int]) -> list[str]:
    """Names of the fields of the model at pydantic's ``location``, as far as it can be told."""
    within = [model]
    for part in location:
        tagged = [found for found in within if _has_tag(found, part)]
        fields = [found.model_fields[str(part)] for found in within if str(part) in found.model_fields]
        if not tagged and not fields:
            continue  # a place in a list, or a key of a dictionary
        within = tagged or [found for field in fields for found in _models_within(field.annotation)]
    return [field.alias or name for name, field in within[0].model_fields.items()] if within else []


def _has_tag(model: type[BaseModel], tag: str | int) -> bool:
    """Is ``model`` the member of a union that ``tag`` chooses, e.g. by kind: annex_d?"""
    return any(
        get_origin(field.annotation) is Literal and tag in get_args(field.annotation)
        for field in model.model_fields.values()
    )


def _models_within(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_within(argument)]


def _unquoted(name: str) -> str:
    return name.strip("'")


def _dotted(key: KeyPath) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) and text else f"{'.' if text else ''}{part}"
    return text or "(top of the file)"


def _kind(value: object) -> str:
    return {"list": "a list", "str": "text", "NoneType": "nothing"}.get(type(value).__name__, repr(value))
