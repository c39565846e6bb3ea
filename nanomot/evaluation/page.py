"""One self-contained HTML page about an evaluation: the table, the plots, the worst moments."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from nanomot.evaluation.judge import COMBINED, Verdict
from nanomot.evaluation.moments import IdSwitch
from nanomot.evaluation.report import disagreements

_METRICS = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "IDP", "IDR", "recall", "precision")
_COUNTS = ("IDSW", "FP", "FN", "MT", "ML", "Frag")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; max-width: 1120px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: .3em .55em; text-align: right; border-bottom: 1px solid #dde3ea; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.all td { font-weight: 600; border-top: 2px solid #1c2430; }
img { max-width: 100%; height: auto; }
figure { margin: 1.2em 0; } figcaption { color: #45505e; font-size: 13px; }
.note { color: #45505e; }
"""


def make_page(
    verdict: Verdict,
    *,
    title: str,
    plots: Mapping[str, bytes],
    switches: int,
    strips: Mapping[IdSwitch, bytes],
    without_frames: frozenset[str] = frozenset(),
) -> str:
    """The page as text.

    Args:
        verdict: what the judges say.
        title: what was measured.
        plots: PNG files by name.
        switches: how many ID switches were found, drawn or not.
        strips: JPEG picture of each switch that is shown, the worst first.
        without_frames: names of sequences whose strips show boxes alone.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        _table(verdict),
        _second_opinion(verdict),
        "<h2>Plots</h2>" if plots else "",
        *(_image("png", content, name) for name, content in plots.items()),
        _moments(verdict, switches, strips, without_frames),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(filter(None, parts)) + "\n</body>\n</html>\n"
    )


def _table(verdict: Verdict) -> str:
    head = "".join(f"<th>{escape(metric)}</th>" for metric in ("", *_METRICS, *_COUNTS))
    lines = []
    for name, row in verdict.rows.items():
        cells = [escape("all sequences" if name == COMBINED else name)]
        cells += [f"{row[metric]:.2f}" for metric in _METRICS] + [f"{row[metric]:,.0f}" for metric in _COUNTS]
        marked = ' class="all"' if name == COMBINED else ""
        lines.append(f"<tr{marked}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n' + "\n".join(lines) + "\n</table></div>"


def _second_opinion(verdict: Verdict) -> str:
    """What motmetrics says of every sequence, and in brackets where TrackEval says something else."""
    if not verdict.second:
        return ""
    found = disagreements(verdict)
    head = "".join(f"<th>{escape(metric)}</th>" for metric in ("", *verdict.second[COMBINED]))
    lines = []
    for name, row in verdict.second.items():
        cells = [escape("all sequences" if name == COMBINED else name)]
        for metric, value in row.items():
            less = found.get(name, {}).get(metric)
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
            cells.append(shown if less is None else f"{shown} ({less:+.4g})")
        marked = ' class="all"' if name == COMBINED else ""
        lines.append(f"<tr{marked}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    differing = len(found.keys() - {COMBINED})
    note = f"In brackets: its difference to TrackEval ({differing} of {len(verdict.rows) - 1} sequences differ)."
    table = f'<div class="scroll"><table>\n<tr>{head}</tr>\n' + "\n".join(lines) + "\n</table></div>"
    return f'<h2>motmetrics, the second judge</h2>\n{table}\n<p class="note">{note}</p>'


def _moments(verdict: Verdict, switches: int, strips: Mapping[IdSwitch, bytes], without_frames: frozenset[str]) -> str:
    counted = int(verdict.rows[COMBINED]["IDSW"])
    if not strips:
        return f"<h2>Worst moments</h2>\n<p>No ID switch was found; TrackEval counts {counted}.</p>"
    parts = [
        "<h2>Worst moments</h2>",
        f'<p class="note">ID switches that part the longest pieces of a track: {len(strips)} of {switches} found by '
        f"matching each frame once more, as an illustration; TrackEval counts {counted}. White: the person in the "
        "ground truth. Coloured: the two tracks of the switch. Grey: other tracks.</p>",
    ]
    if without_frames:
        names = ", ".join(sorted(without_frames))
        parts.append(f'<p class="note">The frames of {escape(names)} are not here: boxes alone are drawn.</p>')
    parts += [_figure(switch, picture) for switch, picture in strips.items()]
    return "\n".join(parts)


def _figure(switch: IdSwitch, picture: bytes) -> str:
    text = (
        f"{switch.sequence}: person {switch.person} is track {switch.old_id} until frame {switch.last_frame} and track "
        f"{switch.new_id} from frame {switch.frame}; each is held for at least {switch.held} "
        f"frame{'' if switch.held == 1 else 's'}."
    )
    return f"<figure>{_image('jpeg', picture, text)}<figcaption>{escape(text)}</figcaption></figure>"


def _image(kind: str, content: bytes, text: str) -> str:
    return f'<img src="data:image/{kind};base64,{base64.b64encode(content).decode()}" alt="{escape(text)}">'
