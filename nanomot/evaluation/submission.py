"""The zip file that MOTChallenge takes: one result file per sequence, checked before anything is written.

Format: https://motchallenge.net/instructions/ (a file per sequence in the archive's root, ten values a line).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Benchmark, Sequence
from nanomot.evaluation.result_files import ID, PLACE, read_tracks, result_text, sorted_by_frame
from nanomot.evaluation.whole_file import write_whole

# The earliest time that a zip file can hold: the bytes must not depend on when they were written.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16
_UNIX = 3


def plan_submission(
    benchmark: Benchmark, split: str, sequences: list[Sequence], *, share: bool = True
) -> dict[str, Sequence]:
    """Which sequence's result is handed in under which name, sorted by name.

    A benchmark with copies per public detector wants all of them. With ``share`` a copy that is not here gets the
    result of one that is, which is right where boxes are the tracker's own; public boxes differ from copy to copy.

    Raises:
        NanomotError: the benchmark takes no results of this split, or a sequence of it has no result that may stand for
            it; the message names it.
    """
    if benchmark.sequences and split not in benchmark.sequences:
        taken = " and ".join(benchmark.sequences)
        raise NanomotError(f"submission: {benchmark.name} takes results of {taken}, not of {split}.")
    own = {sequence.name: sequence for sequence in sequences}
    by_base = {sequence.base_name: sequence for sequence in reversed(sequences)}
    plan, missing = {}, []
    for base in benchmark.sequences.get(split) or list(by_base):
        for name in [f"{base}-{detector}" for detector in benchmark.detectors] or [base]:
            sequence = own.get(name) or (by_base.get(base) if share else None)
            if sequence is None:
                missing.append(name)
            else:
                plan[name] = sequence
    if missing:
        hint = "" if share else " (public boxes differ from copy to copy, so none can stand for another)"
        raise NanomotError(
            f"submission: {benchmark.name} {split} needs a result of every sequence, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not here{hint}."
        )
    return dict(sorted(plan.items()))


def write_submission(path: Path, plan: Mapping[str, Sequence], results: Path) -> None:
    """Write the zip of the results of a plan; the same results give the same bytes.

    Args:
        path: the zip; it is there whole or not at all.
        plan: name in the zip -> sequence.
        results: folder of ``<sequence>.txt``.

    Raises:
        NanomotError: a result is missing or breaks the format, or the zip cannot be written.
    """
    texts = {f"{name}.txt": _checked(results / f"{item.name}.txt", item.length) for name, item in plan.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in sorted(texts.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr, entry.create_system = _READABLE_FILE, _UNIX
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED, 9)
    write_whole(path, buffer.getvalue())


def _checked(path: Path, length: int) -> str:
    """A result file's text as it is handed in: integer frames and ids, sorted, ten values a line."""
    rows = read_tracks(path, length)
    wrong = (rows[:, PLACE][:, 2:].round(2) <= 0).any(axis=1)
    if wrong.any():
        frame, track = rows[np.argmax(wrong), : ID + 1].astype(int)
        raise NanomotError(
            f"{path}: width and height must be above 0 when rounded to hundredths, unlike in frame {frame}, id {track}."
        )
    return result_text(sorted_by_frame(rows))
