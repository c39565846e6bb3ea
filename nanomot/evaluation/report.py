"""What an evaluation leaves behind: a table for the terminal, JSON and CSV files, and what the run depended on."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nanomot.evaluation.judge import COMBINED, Row, Verdict
from nanomot.video.part_file import PartFile

TABLE_METRICS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "FP", "FN", "MT", "ML", "Frag")
_PACKAGES = ("nanomot", "numpy", "scipy", "filterpy", "trackeval", "motmetrics", "onnxruntime", "opencv-python")


def text_table(rows: Mapping[str, Row], metrics: Sequence[str] = TABLE_METRICS) -> str:
    """Rows as aligned text: percentages with two decimals, counts without."""
    width = max(len(name) for name in rows)
    lines = [" " * width + "".join(f"{metric:>9}" for metric in metrics)]
    for name, row in rows.items():
        cells = (f"{row[m]:9d}" if isinstance(row[m], int) else f"{row[m]:9.2f}" for m in metrics)
        lines.append(f"{name:{width}}" + "".join(cells))
    return "\n".join(lines)


def second_opinion(verdict: Verdict) -> str:
    """Where motmetrics and TrackEval differ over all sequences, and by how much; empty without a second judge."""
    if not verdict.second:
        return ""
    first, second = verdict.rows[COMBINED], verdict.second[COMBINED]
    parts = (f"{metric} {second[metric]:.4g} ({second[metric] - first[metric]:+.4g})" for metric in second)
    return "motmetrics, and its difference to TrackEval: " + ", ".join(parts)


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that a crash leaves the old file or the new one."""
    _write(path, json.dumps(content, indent=2, default=str) + "\n")


def write_csv(path: Path, rows: Mapping[str, Row]) -> None:
    """Write one line per sequence, all metrics as columns."""
    metrics = list(rows[COMBINED])
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["sequence", *metrics])
    for name, row in rows.items():
        table.writerow([name, *(row[metric] for metric in metrics)])
    _write(path, text.getvalue())


def _write(path: Path, text: str) -> None:
    file = PartFile(path)
    file.write(text)
    file.close()


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, and the machine."""
    found = {"python": platform.python_version(), "machine": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return found
