"""What is known about named models: the entries of the zoo, read from YAML."""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError
from nanomot.resources import cache_dir, configs_dir, load_yaml

_log = logging.getLogger("nanomot.detectors.zoo")

KINDS = ("detector", "sot", "reid")
_MANIFEST_KEYS = ("color", "mean", "std")
_USUAL_REG_MAX = 7


@dataclass(frozen=True)
class ZooEntry:
    """One model of the zoo.

    Attributes:
        name: how users call it.
        kind: detector, sot or reid.
        files: accepted file names; a download is stored under the first.
        aliases: other names.
        backbone: the network's trunk.
        input: (height, width) in pixels.
        map: COCO mAP in percent as published.
        flops: floating point operations of one picture in 1e9 as published.
        params: parameters in 1e6 as published.
        licence: SPDX identifier of the weights' licence.
        color: order of the channels that the network takes.
        mean: subtracted per channel, in the order of ``color``.
        std: divided by, per channel.
        reg_max: largest distance bin of the head.
        manifest: further settings for the loader, which shapes cannot tell.
        url: official address of the file itself.
        size: bytes of the file at ``url``.
        sha256: digest of the file at ``url``.
        weight: official address or page of the training framework's weights.
        checkpoint: the same for weights with everything that training needs.
        source: the project's home.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    backbone: str | None = None
    input: tuple[int, int] | None = None
    map: float | None = None
    flops: float | None = None
    params: float | None = None
    licence: str | None = None
    color: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    reg_max: int | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None
    size: int | None = None
    sha256: str | None = None
    weight: str | None = None
    checkpoint: str | None = None
    source: str | None = None

    def loader_manifest(self) -> dict[str, Any]:
        """What the loader has to know: the normalisation, and whatever else shapes do not tell."""
        said = {key: getattr(self, key) for key in _MANIFEST_KEYS if getattr(self, key) is not None}
        # Some exports of a file have the distances integrated already: only an unusual number of bins is worth forcing.
        if self.reg_max not in (None, _USUAL_REG_MAX):
            said["reg_max"] = self.reg_max
        return {**said, **self.manifest}


def model_folders() -> list[Path]:
    """Folders in which model files are looked for: those of ``$NANOMOT_MODELS``, then the cache's ``models``."""
    named = [Path(part).expanduser() for part in os.environ.get("NANOMOT_MODELS", "").split(os.pathsep) if part.strip()]
    return [*named, cache_dir() / "models"]


def load_zoo() -> dict[str, ZooEntry]:
    """All entries by name: those that travel with nanomot, then the user's, which may replace them.

    The user's are the YAML files in :func:`model_folders` that hold a ``models`` mapping; a YAML file beside a model of
    the same name is that model's manifest and is left alone.

    Raises:
        NanomotError: a file is malformed; the message names the file, the model and the key.
    """
    zoo: dict[str, ZooEntry] = {}
    for path in sorted((configs_dir() / "models").glob("*.yaml")):
        zoo.update(_read_entries(path, load_yaml(path)))
    # The first folder has the last word, as it has for files.
    for folder in reversed(model_folders()):
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            if path.with_suffix(".onnx").exists():
                continue
            content = load_yaml(path)
            if "models" not in content:
                _log.warning("%s: has no models and is no model's manifest; it is not read.", path)
                continue
            zoo.update(_read_entries(path, content))
    return zoo


def find_entry(name: str, zoo: Mapping[str, ZooEntry]) -> ZooEntry | None:
    """The entry of this name, alias or file name, or None; case and the choice of ``-``, ``_`` do not matter."""
    wanted = _key(name)
    for entry in zoo.values():
        if wanted in {_key(known) for known in (entry.name, *entry.aliases, *entry.files)}:
            return entry
    return None


def nearest_names(name: str, zoo: Mapping[str, ZooEntry]) -> list[str]:
    """Up to three names of the zoo that look like ``name``."""
    names = {_key(known): entry.name for entry in zoo.values() for known in (*entry.aliases, entry.name)}
    close = difflib.get_close_matches(_key(name), list(names), n=6, cutoff=0.6)
    return list(dict.fromkeys(names[key] for key in close))[:3]


def _key(name: str) -> str:
    """A name without what people vary: case, separators and the file's ending."""
    lowered = name.lower().removesuffix(".onnx")
    return re.sub(r"[^a-z0-9.]+", "", lowered)


def _read_entries(path: Path, content: Mapping[str, Any]) -> dict[str, ZooEntry]:
    models = content.get("models")
    if not isinstance(models, dict):
        raise NanomotError(f"{path}: models must be a mapping from names to entries.")
    return {str(name): _read_entry(f"{path}: model {name}", str(name), entry) for name, entry in models.items()}


def _read_entry(origin: str, name: str, entry: Any) -> ZooEntry:
    if not isinstance(entry, dict):
        raise NanomotError(f"{origin}: must be a mapping of keys to values.")
    known = [one.name for one in fields(ZooEntry) if one.name != "name"]
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            raise NanomotError(f"{origin}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    values: dict[str, Any] = {"kind": "detector"}
    for key, value in entry.items():
        if value is None:
            continue
        if not _CHECKS[key](value):
            raise NanomotError(f"{origin}: {key} has the value {value!r}, which does not fit.")
        values[key] = tuple(value) if isinstance(value, list) else value
    if "files" not in values:
        raise NanomotError(f"{origin}: lacks files, the names under which the model is stored.")
    return ZooEntry(name=name, **values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"https?://[^\s/]+", value) is not None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(one) for one in value)


def _are_file_names(value: Any) -> bool:
    # A name with a folder in it could make a download land anywhere.
    return _are_texts(value) and bool(value) and all(re.fullmatch(r"[^/\\:]+", one) and one != ".." for one in value)


def _are_three_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_number(one) for one in value)


_CHECKS = {
    "kind": lambda value: value in KINDS,
    "files": _are_file_names,
    "aliases": _are_texts,
    "backbone": _is_text,
    "input": lambda value: isinstance(value, list) and len(value) == 2 and all(_is_count(one) for one in value),
    "map": _is_number,
    "flops": _is_number,
    "params": _is_number,
    "licence": _is_text,
    "color": lambda value: value in ("bgr", "rgb"),
    "mean": _are_three_numbers,
    "std": _are_three_numbers,
    "reg_max": _is_count,
    "manifest": lambda value: isinstance(value, dict),
    "url": _is_address,
    "size": _is_count,
    "sha256": lambda value: isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None,
    "weight": _is_address,
    "checkpoint": _is_address,
    "source": _is_address,
}
