"""Plots of a verdict: HOTA over the localisation threshold, and the main metrics of every sequence."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nanomot.evaluation.judge import COMBINED, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ALPHAS = np.arange(1, 20) * 0.05
_BARS = {"HOTA": "#2b6cb0", "MOTA": "#dd8a1b", "IDF1": "#3a9d5d"}
_MOST_NAMED_LINES = 12
_DPI = 110


def draw_plots(verdict: Verdict, title: str) -> dict[str, bytes]:
    """PNG files of a verdict by their names; ``title`` says what was measured."""
    figures = {
        "hota_over_alpha.png": hota_over_alpha(verdict.hota_curves, title),
        "per_sequence.png": per_sequence(verdict.rows, title),
    }
    pictures = {}
    for name, figure in figures.items():
        buffer = io.BytesIO()
        # No version of the drawing program in the file: the same results give the same bytes.
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        pictures[name] = buffer.getvalue()
    return pictures


def hota_over_alpha(curves: Mapping[str, list[float]], title: str) -> Figure:
    """HOTA in percent against the IoU from which boxes count as matched; all sequences together as a thick line."""
    figure = _figure(8.0, 5.0)
    axes = figure.add_subplot()
    names = [name for name in curves if name != COMBINED]
    for name in names:
        named = len(names) <= _MOST_NAMED_LINES
        style = {"label": name} if named else {"color": "0.7"}
        axes.plot(_ALPHAS, curves[name], linewidth=1.1, **style)  # type: ignore[arg-type]
    mean = float(np.mean(curves[COMBINED]))
    axes.plot(_ALPHAS, curves[COMBINED], color="black", linewidth=2.6, label=f"all sequences (mean {mean:.1f})")
    axes.set(
        xlim=(0.05, 0.95),
        ylim=(0, 100),
        title=f"HOTA over the localisation threshold: {title}",
        xlabel=r"localisation threshold $\alpha$ (IoU)",
        ylabel="HOTA (%)",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize=8)
    return figure


def per_sequence(rows: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """HOTA, MOTA and IDF1 in percent as bars, one group per sequence, all sequences together at the bottom."""
    figure = _figure(8.0, 1.3 + 0.55 * len(rows))
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    for number, (metric, colour) in enumerate(_BARS.items()):
        values = [row[metric] for row in rows.values()]
        bars = axes.barh(places + 0.27 * (number - 1), values, 0.25, color=colour, label=metric)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=7)
    axes.set_yticks(places, ["all sequences" if name == COMBINED else name for name in rows])
    axes.invert_yaxis()
    lowest = min(0.0, *(row[metric] for row in rows.values() for metric in _BARS))
    axes.set(xlim=(lowest * 1.1, 106), title=f"Per sequence: {title}", xlabel="percent")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    return figure


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, without the global state of pyplot, so that no display is needed."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
