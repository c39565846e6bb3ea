"""Calibrations: the parameters of trackers that belong to a detector, in ``configs/calibration/<model>.yaml``.

A file maps methods to values: ``nanotrack: {birth_threshold: 0.46}``; a tracker takes those of its own method.
``names`` and ``sha256`` say of which model it is: all that its file is called, and the digest of the one measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nanomot.digests import content_hash
from nanomot.errors import NanomotError
from nanomot.resources import configs_dir, load_yaml
from nanomot.trackers.parameters import nearest_name

NONE = "none"
"""The name that asks for no calibration."""

_MODEL_SUFFIX = ".onnx"


@dataclass(frozen=True)
class Calibration:
    """Values for trackers behind one detector.

    Attributes:
        name: what it is called: the model, or the file.
        path: its file.
        values: method -> parameter -> value.
        names: of the model and its files.
        sha256: digest of the model's file, empty where it is not known.
    """

    name: str
    path: Path
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    sha256: str = ""


def calibration_names() -> list[str]:
    """The models that have a shipped calibration."""
    return sorted(path.stem for path in _shipped_paths())


def load_calibration(name_or_path: str | Path) -> Calibration:
    """A shipped calibration by any name of its model, or a YAML file.

    Raises:
        NanomotError: there is neither such a name nor such a file, or the file is malformed.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix in (".yaml", ".yml"):
        return _read(path, str(name_or_path))
    found = _by_name(str(name_or_path))
    if found is None:
        known = calibration_names()
        raise NanomotError(
            f"There is no calibration {str(name_or_path)!r}, and it is no YAML file; {nearest_name(str(path), known)}"
        )
    return found


def calibration_of_model(model: str | Path) -> Calibration | None:
    """The shipped calibration of a model, given by name or by file; None where there is none.

    A file is known by its content, else by its name.
    """
    path = Path(model).expanduser()
    if path.is_dir() or (path.suffix and path.suffix.lower() != _MODEL_SUFFIX and path.is_file()):
        return None
    if path.is_file():
        digest = content_hash(path)
        for calibration in map(_read, _shipped_paths()):
            if calibration.sha256 == digest:
                return calibration
    return _by_name(path.name if path.is_file() else str(model))


def _shipped_paths() -> list[Path]:
    return sorted((configs_dir() / "calibration").glob("*.yaml"))


def _by_name(name: str) -> Calibration | None:
    wanted = _key(name)
    for calibration in map(_read, _shipped_paths()):
        if wanted in {_key(known) for known in (calibration.name, *calibration.names)}:
            return calibration
    return None


def _key(name: str) -> str:
    """A name without what people vary: case, separators and the file's ending, as in the zoo."""
    return re.sub(r"[^a-z0-9.]+", "", name.lower().removesuffix(_MODEL_SUFFIX))


def _read(path: Path, name: str | None = None) -> Calibration:
    content = load_yaml(path)
    names, digest = content.pop("names", None) or [], content.pop("sha256", None) or ""
    if not isinstance(names, list) or not isinstance(digest, str):
        raise NanomotError(f"{path}: names must be a list and sha256 a text.")
    for method, values in content.items():
        if not isinstance(values, dict):
            raise NanomotError(f"{path}: {method} must map parameters of that tracker to values, not be {values!r}.")
    return Calibration(name or path.stem, path, content, tuple(map(str, names)), digest)
