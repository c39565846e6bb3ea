"""Parameters of trackers: declared with ranges in a frozen dataclass, valued in ``configs/trackers/<name>.yaml``."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from nanomot.errors import NanomotError
from nanomot.resources import configs_dir, load_yaml

_P = TypeVar("_P")


@dataclass(frozen=True)
class Range:
    """The values that a number may take, both ends included."""

    low: float
    high: float


Fraction = Annotated[float, Range(0.0, 1.0)]
"""A score or an overlap."""
Levels = Annotated[int, Range(1, 100)]
"""A number of pseudo-depth levels."""
Frames = Annotated[int, Range(0, 1_000_000)]
"""A number of frames."""


def nearest_name(name: str, known: typing.Iterable[str]) -> str:
    """``Did you mean 'x'?`` for a misspelt name, or the list of known names where none is near."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}."


def config_path(name: str) -> Path:
    """The shipped YAML file of the tracker ``name``."""
    return configs_dir() / "trackers" / f"{name}.yaml"


def load_values(name: str, config: str | Path | None, mode: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Values from the shipped file, then its ``mode``, then the user's file, then ``overrides``: later ones win.

    A file may hold ``modes``, named sets of values; the user's file may choose one by ``mode``, as ``overrides`` do.

    Raises:
        NanomotError: a file cannot be read, or there is no such mode.
    """
    shipped = load_yaml(config_path(name))
    own = load_yaml(config) if config is not None else {}
    own_modes = own.pop("modes", None) or {}
    if not isinstance(own_modes, dict) or not all(isinstance(values, dict) for values in own_modes.values()):
        raise NanomotError(f"{config}: modes must map names to parameters, not be {own_modes!r}.")
    modes: dict[str, Any] = {"default": {}, **(shipped.pop("modes", None) or {}), **own_modes}
    chosen = str(mode or own.pop("mode", None) or "default")
    own.pop("mode", None)
    if chosen not in modes:
        raise NanomotError(f"{name}: there is no mode {chosen!r}; {nearest_name(chosen, modes)}")
    return {**shipped, **modes[chosen], **own, **overrides}


def build(parameter_class: type[_P], values: Mapping[str, Any], owner: str) -> _P:
    """Make a parameter object, checking every name, type and range.

    Raises:
        NanomotError: a name is unknown or missing, or a value has the wrong type or lies outside its range.
    """
    hints = typing.get_type_hints(parameter_class, include_extras=True)
    names = [field.name for field in fields(parameter_class)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            raise NanomotError(f"{owner}: there is no parameter {name!r}; {nearest_name(name, names)}")
    missing = [name for name in names if name not in values]
    if missing:
        raise NanomotError(f"{owner}: no value is given for {', '.join(missing)}.")
    return parameter_class(**{name: _checked(values[name], hints[name], f"{owner}: {name}") for name in names})


def _checked(value: Any, hint: Any, label: str) -> Any:
    limits = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Range)]
    kind = typing.get_args(hint)[0] if limits else hint
    if kind is bool:
        if not isinstance(value, bool):
            raise NanomotError(f"{label} must be true or false, not {value!r}.")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise NanomotError(f"{label} must be a {kind.__name__}, not {value!r}.")
    for limit in limits:
        if not limit.low <= value <= limit.high:
            raise NanomotError(f"{label} must lie between {limit.low:g} and {limit.high:g}, not at {value!r}.")
    return value
