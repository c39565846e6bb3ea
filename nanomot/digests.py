"""SHA-256 of what files contain: a model with all its weights, a folder, a list of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError

_CHUNK = 1 << 20
_MODEL_SUFFIX = ".onnx"


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files directly in a folder, in the order of names.

    An ONNX model counts with the files beside it that hold weights of it; without such files it is the digest of the
    model's file alone.

    Raises:
        NanomotError: a file cannot be read.
    """
    try:
        if path.is_dir():
            return files_hash(sorted(entry for entry in path.iterdir() if entry.is_file()))
        digest = hashlib.sha256()
        _add_content(digest, path)
        if path.suffix.lower() == _MODEL_SUFFIX:
            for name in external_weights(path):
                _add_named(digest, name, path.parent / name)
        return digest.hexdigest()
    except OSError as error:
        raise NanomotError(f"{error.filename or path}: cannot be read ({error.strerror}).") from error


def files_hash(paths: Iterable[Path | None]) -> str:
    """SHA-256 of the names and contents of files, one after the other; None stands for one that is missing.

    Raises:
        NanomotError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            if path is None:
                digest.update(b"\0missing\0")
            else:
                _add_named(digest, path.name, path)
        except OSError as error:
            raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    return digest.hexdigest()


def external_weights(model: Path) -> list[str]:
    """The files that hold weights of an ONNX model, relative to its folder and below it, sorted; none where none are.

    What is no ONNX model has none: whoever loads it says what is wrong with it.
    """
    import onnx

    try:
        graph = onnx.load(str(model), load_external_data=False)
    except OSError:
        raise
    except Exception:  # protobuf's own error types differ between its releases
        return []
    places = {entry.value for tensor in _tensors(graph) for entry in tensor.external_data if entry.key == "location"}
    root = model.parent.resolve()
    inside = [place for place in places if (root / place).resolve().is_relative_to(root)]
    return sorted(place for place in inside if (root / place).is_file())


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor of a protobuf message of ONNX, at any depth: weights, constants, those of subgraphs."""
    import onnx

    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if isinstance(part, onnx.TensorProto):
                yield part
            else:
                yield from _tensors(part)


def _add_named(digest: Any, name: str, path: Path) -> None:
    digest.update(f"{name}\0{path.stat().st_size}\0".encode())
    _add_content(digest, path)


def _add_content(digest: Any, path: Path) -> None:
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
