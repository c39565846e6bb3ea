"""Detections computed once per model, sequence and settings, kept under a key made of their contents."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections
from nanomot.errors import NanomotError

_CHUNK = 1 << 20


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files directly in a folder, in the order of names."""
    digest = hashlib.sha256()
    for file in sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
    return digest.hexdigest()


class DetectionCache:
    """A folder of ``.npz`` files with one sequence's detections each; entries are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str, key: Mapping[str, Any]) -> Path:
        """Where the entry for ``key`` lies: ``<name>-<hash of the key>.npz``."""
        text = json.dumps(key, sort_keys=True, default=str)
        return self.folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"

    def store(self, path: Path, frames: Iterable[Detections], class_names: Iterable[str]) -> None:
        """Write one item of ``frames`` per frame, in the form that stored detections are replayed from.

        Raises:
            NanomotError: the folder or the file cannot be written.
        """
        found = list(frames)
        everything = Detections.concatenate([Detections.empty(), *found])
        numbers = np.repeat(np.arange(1, len(found) + 1), [len(item) for item in found])
        store_arrays(
            path,
            frame=numbers,
            boxes_xyxy=everything.boxes,
            scores=everything.scores,
            class_ids=everything.class_ids,
            class_names=np.array(list(class_names), dtype=np.str_),
        )


def store_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write named arrays as a compressed ``.npz`` file, whole or not at all.

    Raises:
        NanomotError: the folder or the file cannot be written.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            np.savez_compressed(stream, **cast("dict[str, Any]", arrays))
        os.replace(part, path)  # noqa: PTH105  # the name of the operation, atomic on every system
    except OSError as error:
        part.unlink(missing_ok=True)
        raise NanomotError(f"{path}: cannot be written ({error.strerror}).") from error
