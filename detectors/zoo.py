"""From the name of a model to its file: explicit path, the user's folders, the cache, the official address."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detectors.catalogue import ZooEntry, find_entry, load_zoo, model_folders, nearest_names
from detectors.download import download
from nanomot.errors import NanomotError
from nanomot.resources import cache_dir

_log = logging.getLogger("nanomot.detectors.zoo")


@dataclass(frozen=True)
class ResolvedModel:
    """A model's file, and what the zoo knows about it.

    Attributes:
        path: the file; it exists.
        manifest: settings for the loader; empty for a file that the zoo does not know.
        entry: the zoo's entry, or None.
    """

    path: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)
    entry: ZooEntry | None = None


def resolve_model(name_or_path: str | Path, kind: str = "detector") -> ResolvedModel:
    """Find the file of a model, fetching it from its official address where it is nowhere on this machine.

    An existing path is taken as it is. A name of the zoo is looked up in the folders of ``$NANOMOT_MODELS``, then in
    the cache (``<cache>/models``), under every file name that its entry accepts. A path or a file whose name an entry
    lists gets that entry's manifest.

    Raises:
        NanomotError: there is neither such a file nor such a name (near names are suggested), it is of another
            ``kind``, or it cannot be fetched; then one sentence says what to fetch and where to put it.
    """
    text = str(name_or_path)
    path = Path(text).expanduser()
    zoo = load_zoo()
    if path.is_file():
        entry = _entry_of_file(path, zoo)
        return ResolvedModel(path, entry.loader_manifest() if entry else {}, entry)
    if path.is_dir():
        raise NanomotError(f"{path}: is a folder, not a model file.")
    loose = _in_folders((path.name,)) if path.name == text else None
    entry = find_entry(text, zoo) if path.name == text else None
    if entry is None:
        if loose is not None:
            return ResolvedModel(loose)
        raise NanomotError(_unknown(text, zoo, kind))
    if entry.kind != kind:
        raise NanomotError(f"{entry.name}: is a {entry.kind} model, not a {kind}.")
    return ResolvedModel(loose or local_file(entry) or fetch_model(entry), entry.loader_manifest(), entry)


def local_file(entry: ZooEntry) -> Path | None:
    """The entry's file on this machine, or None."""
    return _in_folders(entry.files)


def fetch_model(entry: ZooEntry) -> Path:
    """Download the entry's file into the cache and return its place, even if another copy lies elsewhere.

    Raises:
        NanomotError: it has no direct address, or the download fails; the message says what to do by hand.
    """
    target = cache_dir() / "models" / entry.files[0]
    if entry.url is None:
        page = entry.weight or entry.source
        where = f"get the weights from {page}, export them to ONNX and " if page else "get it from its authors and "
        raise NanomotError(
            f"{entry.name}: has no address from which the file can be fetched directly; {where}put {target.name} into "
            f"{target.parent} or a folder named in NANOMOT_MODELS."
        )
    _log.info("fetching %s from %s", entry.name, entry.url)
    try:
        return download(entry.url, target, size=entry.size, sha256=entry.sha256)
    except NanomotError as error:
        reason = str(error).removeprefix(f"{entry.url}: ").rstrip(".")
        raise NanomotError(
            f"{entry.name}: is not on this machine and cannot be downloaded ({reason}); fetch {entry.url} yourself and "
            f"put it into {target.parent} or a folder named in NANOMOT_MODELS."
        ) from error


def _in_folders(names: tuple[str, ...]) -> Path | None:
    for folder in model_folders():
        for name in names:
            if name and (folder / name).is_file():
                return folder / name
    return None


def _entry_of_file(path: Path, zoo: Mapping[str, ZooEntry]) -> ZooEntry | None:
    """The entry that lists exactly this file name."""
    return next((entry for entry in zoo.values() if path.name in entry.files), None)


def _unknown(text: str, zoo: Mapping[str, ZooEntry], kind: str) -> str:
    """The sentence for a name that means nothing."""
    if Path(text).suffix or Path(text).name != text:
        near = nearest_names(Path(text).stem, zoo)
        hint = f"; the zoo knows {' and '.join(near)}" if near else ""
        return f"{text}: there is no such model file{hint}."
    near = nearest_names(text, {name: entry for name, entry in zoo.items() if entry.kind == kind})
    hint = f"did you mean {' or '.join(near)}?" if near else "`nanomot models list` shows the names."
    return f"{text}: is neither a file nor the name of a {kind} in the zoo; {hint}"
