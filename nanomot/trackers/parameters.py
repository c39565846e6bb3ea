"""Parameters of trackers: declared with ranges in a frozen dataclass, valued in ``configs/trackers/<name>.yaml``."""

from __future__ import annotations

import difflib
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from nanomot.errors import NanomotError
from nanomot.resources import configs_dir, load_yaml

_P = TypeVar("_P")


@dataclass(frozen=True)
class Range:
    """The values that a number may take, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Search:
    """Where ``nanomot tune`` looks for a number, where that is less than all of its range; ``log`` for scales."""

    low: float
    high: float
    log: bool = False


Fraction = Annotated[float, Range(0.0, 1.0)]
"""A score or an overlap."""
Levels = Annotated[int, Range(1, 100), Search(1, 10)]
"""A number of pseudo-depth levels."""
Frames = Annotated[int, Range(0, 1_000_000), Search(1, 120, log=True)]
"""A number of frames."""

_WIDEST = 1000.0
"""Ranges beyond this say what is allowed, not where it is worth looking."""


@dataclass(frozen=True)
class SearchRange:
    """Where the best value of one parameter is looked for.

    Attributes:
        kind: ``float``, ``int`` or ``bool``.
        low, high: ends of the search, both included; of no meaning for ``bool``.
        log: whether ratios count, not differences.
        limits: the values that the parameter may take at all.
    """

    kind: type
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    limits: Range = Range(0.0, 1.0)

    @property
    def narrow(self) -> bool:
        """Whether the range is worth searching; one of a million frames is not."""
        return self.high - self.low <= _WIDEST

    def holding(self, value: float) -> SearchRange:
        """The same range, widened where ``value`` lies outside of it."""
        low, high = min(self.low, value), max(self.high, value)
        return replace(self, low=low, high=high, log=self.log and low > 0)


def search_ranges(parameter_class: type[Any]) -> dict[str, SearchRange]:
    """Where each number and each switch among the parameters can be searched: its :class:`Search`, else its range."""
    hints = typing.get_type_hints(parameter_class, include_extras=True)
    found = {field.name: _search_range(hints[field.name]) for field in fields(parameter_class)}
    return {name: where for name, where in found.items() if where is not None}


def _search_range(hint: Any) -> SearchRange | None:
    limits = Range(-math.inf, math.inf)
    search: Search | None = None
    for extra in getattr(hint, "__metadata__", ()):
        limits = extra if isinstance(extra, Range) else limits
        search = extra if isinstance(extra, Search) else search
    kind = _plain_type(hint)
    if kind is bool:
        return SearchRange(bool)
    if kind not in (int, float):
        return None
    where = search or limits
    return SearchRange(kind, where.low, where.high, search is not None and search.log, limits)


def _plain_type(hint: Any) -> Any:
    """``float`` for ``Annotated[float, ...]``."""
    return typing.get_args(hint)[0] if hasattr(hint, "__metadata__") else hint


def nearest_name(name: str, known: typing.Iterable[str]) -> str:
    """``Did you mean 'x'?`` for a misspelt name, or the list of known names where none is near."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}."


def config_path(name: str) -> Path:
    """The shipped YAML file of the tracker ``name``."""
    return configs_dir() / "trackers" / f"{name}.yaml"


def load_values(
    name: str,
    config: str | Path | None,
    mode: str | None,
    overrides: Mapping[str, Any],
    calibration: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> tuple[str, dict[str, Any]]:
    """Values from the shipped file, ``calibration``, ``mode``, the user's file, ``overrides``: later ones win.

    A file may hold ``modes``, named sets of values; the user's file may choose one by ``mode``, as ``overrides`` do.
    A shipped file may give the name of another one in place of a set of values: a mode that is a method of its own.
    Of ``calibration``, which maps methods to values, only those of the tracker's method count.

    Returns:
        The name of the shipped file whose parameters these are, and the values.

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
    if isinstance(modes[chosen], str):
        name, shipped = modes[chosen], load_yaml(config_path(modes[chosen]))
        return name, {**shipped, **calibration.get(name, {}), **own, **overrides}
    return name, {**shipped, **calibration.get(name, {}), **modes[chosen], **own, **overrides}


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
    kind = _plain_type(hint)
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
