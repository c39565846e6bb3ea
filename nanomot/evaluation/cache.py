"""Detections computed once per model, sequence and settings, kept under a key made of their contents."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections
from nanomot.errors import NanomotError

_LOG = logging.getLogger("nanomot")

_DETECTIONS = ("frame", "boxes_xyxy", "scores", "class_ids", "class_names")


class DetectionCache:
    """A folder of ``.npz`` files with one sequence's detections each; entries are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str, key: Mapping[str, Any]) -> Path:
        """Where the entry for ``key`` lies: ``<name>-<hash of the key>.npz``."""
        text = json.dumps(key, sort_keys=True, default=str)
        return self.folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"

    def holds(self, path: Path) -> bool:
        """Whether the detections of an entry are there; a damaged one is told, and counts as absent."""
        return load_arrays(path, *_DETECTIONS) is not None

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


def load_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]] | None:
    """The named arrays of an entry; None where there is no such file, or a damaged one, which is told in a warning."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        _LOG.warning("%s: is a damaged entry of the cache (%s); it is computed again.", path, reason)
        return None
