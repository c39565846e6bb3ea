"""Result files smoothed into another folder: raw tracks are never lost, and smoothed ones never smoothed again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from nanomot.errors import NanomotError
from nanomot.evaluation.smoothing import smoothed_text
from nanomot.evaluation.whole_file import write_whole

_LOG = logging.getLogger("nanomot")

RECORD = "smoothed.json"
"""Beside the raw files: sequence -> SHA-256 of every file that was made of its raw one."""


def smooth_files(raw: Path, out: Path, lengths: Mapping[str, int], method: str) -> None:
    """Fill ``out`` with the smoothed tracks of ``raw``; a file of ``out`` that was not made so is raw itself.

    Args:
        raw: folder of ``<sequence>.txt`` as trackers wrote them, and of the record of what was made of them.
        out: folder of the smoothed ones.
        lengths: sequence -> its number of frames.
        method: one of :data:`nanomot.evaluation.smoothing.METHODS`.

    Raises:
        NanomotError: a result is missing or malformed, or there are two and nobody knows which is the raw one.
    """
    made = _read_record(raw / RECORD)
    for name, length in lengths.items():
        source, target = raw / f"{name}.txt", out / f"{name}.txt"
        if not target.is_file():
            if not source.is_file():
                raise NanomotError(f"{target}: this result file is missing.")
            made[name] = []
        elif not source.is_file() or _is_another(source, target, made.get(name, [])):
            write_whole(source, target.read_bytes())
            made[name] = []
        content = smoothed_text(source, length, method).encode()
        digest = hashlib.sha256(content).hexdigest()
        # All that ever was made, and before it is written: a crash between the two leaves nothing unknown.
        made[name] = [*(known for known in made.get(name, []) if known != digest), digest]
        write_whole(raw / RECORD, (json.dumps(made, indent=2) + "\n").encode())
        write_whole(target, content)


def _is_another(source: Path, target: Path, made: list[str]) -> bool:
    """Whether somebody has put other tracks into the place of the smoothed ones."""
    if hashlib.sha256(target.read_bytes()).hexdigest() in made:
        return False
    if not made:
        raise NanomotError(
            f"{target}: it is not known whether these are the smoothed tracks of {source} or others; remove one of "
            "the two files."
        )
    _LOG.warning("%s: is not what smoothing left here, so it is taken for raw tracks in place of %s.", target, source)
    return True


def _read_record(path: Path) -> dict[str, list[str]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [str(digest) for digest in digests] for name, digests in known.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise NanomotError(f"{path}: cannot be read ({error}); remove it and one of each two results.") from error
