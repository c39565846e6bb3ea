"""What an evaluation leaves behind: a table for the terminal, JSON and CSV files, and what the run depended on."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nanomot.evaluation.judge import COMBINED, Row, Verdict
from nanomot.video.part_file import PartFile

TABLE_METRICS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "FP", "FN", "MT", "ML", "Frag")
MORE_METRICS = ("LocA", "recall", "precision", "IDP", "IDR")
_PACKAGES = ("nanomot", "numpy", "scipy", "filterpy", "lap", "trackeval", "motmetrics", "onnxruntime", "opencv-python")
_ROUNDING = 1e-6
"""Percent that two programs may differ by for the order of their sums alone."""


def text_table(rows: Mapping[str, Row], metrics: Sequence[str] = TABLE_METRICS) -> str:
    """Rows as aligned text: percentages with two decimals, counts without."""
    width = max(len(name) for name in rows)
    columns = {metric: max(len(metric) + 2, 9) for metric in metrics}
    lines = [" " * width + "".join(f"{metric:>{columns[metric]}}" for metric in metrics)]
    for name, row in rows.items():
        cells = (f"{row[m]:{columns[m]}{'d' if isinstance(row[m], int) else '.2f'}}" for m in metrics)
        lines.append(f"{name:{width}}" + "".join(cells))
    return "\n".join(lines)


def both_tables(rows: Mapping[str, Row]) -> str:
    """All metrics of the rows as text, in two tables that fit on a screen."""
    return f"{text_table(rows)}\n\n{text_table(rows, MORE_METRICS)}"


def disagreements(verdict: Verdict) -> dict[str, Row]:
    """Sequence or ``COMBINED`` -> metric -> what motmetrics says less what TrackEval says, where they differ."""
    found = {}
    for name, second in verdict.second.items():
        less = {metric: value - verdict.rows[name][metric] for metric, value in second.items()}
        # Written so that what is not a number counts as another one.
        differing = {metric: value for metric, value in less.items() if not abs(value) <= _ROUNDING}
        if differing:
            found[name] = differing
    return found


def second_opinion(verdict: Verdict) -> str:
    """Where motmetrics and TrackEval differ and by how much, line by line; empty without a second judge."""
    if not verdict.second:
        return ""
    first, second = verdict.rows[COMBINED], verdict.second[COMBINED]
    parts = (f"{metric} {second[metric]:.4g} ({second[metric] - first[metric]:+.4g})" for metric in second)
    lines = ["motmetrics, and its difference to TrackEval: " + ", ".join(parts)]
    found = {name: row for name, row in disagreements(verdict).items() if name != COMBINED}
    for name, row in found.items():
        lines.append(f"  {name}: " + ", ".join(f"{metric} {less:+.4g}" for metric, less in row.items()))
    return "\n".join(lines if found else [*lines, "  no sequence differs"])


def results_of(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """The content of ``results.json``: TrackEval's row of each sequence, with motmetrics' under ``motmetrics``."""
    return {
        name: {**row, **({"motmetrics": _finite(verdict.second[name])} if verdict.second else {})}
        for name, row in verdict.rows.items()
    }


def _finite(row: Row) -> dict[str, float | None]:
    """JSON has no nan and no infinity, which motmetrics gives for a sequence without truth."""
    return {metric: value if math.isfinite(value) else None for metric, value in row.items()}


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that a crash leaves the old file or the new one."""
    _write(path, json.dumps(content, indent=2, default=str) + "\n")


def write_csv(path: Path, verdict: Verdict) -> None:
    """Write one line per sequence, all metrics as columns, those of motmetrics as ``motmetrics MOTA`` and so on."""
    metrics, others = list(verdict.rows[COMBINED]), list(verdict.second.get(COMBINED, ()))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["sequence", *metrics, *(f"motmetrics {metric}" for metric in others)])
    for name, row in verdict.rows.items():
        table.writerow([name, *(row[metric] for metric in metrics), *(verdict.second[name][key] for key in others)])
    _write(path, text.getvalue())


def write_comparison(path: Path, rows: Mapping[str, Row]) -> None:
    """Write one line per tracker, all metrics as columns."""
    metrics = list(next(iter(rows.values())))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["tracker", *metrics])
    table.writerows([name, *(row[metric] for metric in metrics)] for name, row in rows.items())
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
