"""Accuracy and speed of every detector at every input shape: a table, and a plot of one against the other.

Average precision at IoU 0.5 (AP50) of persons, from boxes that score 0.05 or more. Ground truth of the MOTChallenge
format, clipped to the picture: pedestrians visible more than 0.3 count, everything else in the file is ignored.
Milliseconds are medians of the bare session run and of the rest of the detection, on one thread, with the settings
taking turns frame by frame, so that all see the same load.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detectors.onnx_detector import OnnxDetector
from nanomot.boxes import clip_boxes, iou_matrix, tlwh_to_xyxy
from nanomot.detections import Detections
from nanomot.errors import NanomotError

SHAPES = ("native", "auto", "256x448", "320x544", "352x480", "448x800")
MANIFESTS = {"stretch": {"resize": "stretch"}, "letterbox": {"resize": "letterbox"}, "default": None}
MIN_VISIBILITY = 0.3
CONF = 0.05


@dataclass(frozen=True)
class Clip:
    """Frames of one sequence with ground truth.

    Attributes:
        name: for the table.
        source: a video, or a folder of pictures numbered from 1.
        truth: MOTChallenge gt.txt.
        step: every how many frames one is taken, beginning with the first.
    """

    name: str
    source: Path
    truth: Path
    step: int

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """(frame number from 1, picture) of every ``step``-th frame."""
        if self.source.is_dir():
            for number, path in enumerate(sorted(self.source.glob("*.jpg")), 1):
                if (number - 1) % self.step == 0:
                    yield number, cv2.imread(str(path))
            return
        video = cv2.VideoCapture(str(self.source))
        number = 0
        while video.grab():
            number += 1
            if (number - 1) % self.step == 0:
                yield number, video.retrieve()[1]


@dataclass
class Setting:
    """One model at one input shape, and what was measured of it."""

    model: str
    shape: str
    resize: str
    detector: OnnxDetector
    found: dict[str, list[Detections]] = field(default_factory=dict)
    run_ms: list[float] = field(default_factory=list)
    rest_ms: list[float] = field(default_factory=list)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def detect(self, clip: str, frame: np.ndarray) -> None:
        """Detect in one frame and note the time."""
        clock = self.detector.clock
        before = dict(clock.wall)
        self.sizes[clip] = frame.shape[:2]
        self.found.setdefault(clip, []).append(self.detector.detect(frame))
        spent = {stage: 1e3 * (clock.wall[stage] - before.get(stage, 0.0)) for stage in clock.wall}
        self.run_ms.append(spent["inference"])
        self.rest_ms.append(spent["preprocess"] + spent["postprocess"])


def read_truth(path: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Per frame (N, 4) ``xyxy`` boxes and (N,) whether a box counts; the others are ignored."""
    rows = np.loadtxt(path, delimiter=",", ndmin=2)
    counts = (rows[:, 6] == 1) & (rows[:, 7] == 1) & (rows[:, 8] > MIN_VISIBILITY)
    boxes = tlwh_to_xyxy(rows[:, 2:6])
    return {int(frame): (boxes[rows[:, 0] == frame], counts[rows[:, 0] == frame]) for frame in np.unique(rows[:, 0])}


def average_precision(
    found: Sequence[Detections], truth: Sequence[tuple[np.ndarray, np.ndarray]], threshold: float = 0.5
) -> float:
    """Area under the precision envelope over recall (all points) of detections pooled over frames.

    In each frame the best-scored detection takes the unclaimed truth of the highest IoU; one that only reaches an
    ignored box is left out of the count.
    """
    scores, hits, total = [], [], 0
    for detections, (boxes, counts) in zip(found, truth, strict=True):
        total += int(counts.sum())
        overlaps = iou_matrix(detections.boxes, boxes)
        for row in np.argsort(-detections.scores, kind="stable"):
            open_truth = np.where(counts, overlaps[row], 0.0)
            best = int(open_truth.argmax()) if len(boxes) else -1
            if best >= 0 and open_truth[best] >= threshold:
                overlaps[:, best] = 0.0
            elif len(boxes) and np.where(counts, 0.0, overlaps[row]).max() >= threshold:
                continue
            else:
                best = -1
            scores.append(detections.scores[row])
            hits.append(best >= 0)
    order = np.argsort(-np.array(scores), kind="stable")
    true = np.cumsum(np.array(hits, dtype=float)[order])
    precision = true / np.arange(1, len(true) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(envelope * np.diff(true, prepend=0.0)) / max(total, 1))


def make_settings(models: Sequence[Path], shapes: Sequence[str], resizes: Sequence[str]) -> list[Setting]:
    """Every model at every shape; what cannot be loaded or reshaped is said and left out."""
    settings = []
    for path in models:
        for shape in shapes:
            for resize in resizes:
                try:
                    detector = OnnxDetector(
                        path, conf=CONF, imgsz=shape, classes=[0], threads=1, manifest=MANIFESTS[resize]
                    )
                except NanomotError as error:
                    print(f"left out: {error}", file=sys.stderr)
                    continue
                settings.append(Setting(path.stem, shape, resize, detector))
    return settings


def table(settings: Sequence[Setting], clips: Sequence[Clip]) -> list[dict[str, object]]:
    """One row per setting."""
    truths = {clip.name: read_truth(clip.truth) for clip in clips}
    nothing = (np.empty((0, 4)), np.empty(0, dtype=bool))
    rows = []
    for setting in settings:
        row: dict[str, object] = {"model": setting.model, "imgsz": setting.shape, "resize": setting.resize}
        size = setting.detector.input_shape
        row["input"] = "x".join(map(str, size)) if size else "-"
        for clip in clips:
            found = setting.found[clip.name]
            height, width = setting.sizes[clip.name]
            truth = [truths[clip.name].get(1 + index * clip.step, nothing) for index in range(len(found))]
            truth = [(clip_boxes(boxes, width, height), counts) for boxes, counts in truth]
            row[f"AP50 {clip.name}"] = round(average_precision(found, truth), 3)
        row["run ms"] = round(float(np.median(setting.run_ms)), 1)
        row["rest ms"] = round(float(np.median(setting.rest_ms)), 2)
        rows.append(row)
    return rows


def plot(rows: Sequence[dict[str, object]], clips: Sequence[Clip], path: Path) -> None:
    """AP50 over milliseconds: one panel per clip, one colour per model, one marker per input shape."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    figure, axes = pyplot.subplots(1, len(clips), figsize=(6.5 * len(clips), 6.0), squeeze=False)
    models = sorted({str(row["model"]) for row in rows})
    shapes = sorted({str(row["imgsz"]) for row in rows})
    colours = {model: pyplot.colormaps["tab20"](index % 20) for index, model in enumerate(models)}
    markers = {shape: "osD^vP*X<>"[index % 10] for index, shape in enumerate(shapes)}
    for axis, clip in zip(axes[0], clips, strict=True):
        for row in rows:
            colour, marker = colours[str(row["model"])], markers[str(row["imgsz"])]
            axis.plot(row["run ms"], row[f"AP50 {clip.name}"], marker, color=colour, markersize=7, alpha=0.85)
        axis.set(title=clip.name, xlabel="session run, ms (1 thread)", ylabel="person AP50", xscale="log")
        for ticks in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
            ticks("{x:g}")
        axis.grid(alpha=0.3, which="both")
    handles = [Line2D([], [], marker="s", linestyle="", color=colours[model], label=model) for model in models]
    handles += [Line2D([], [], marker=markers[shape], linestyle="", color="grey", label=shape) for shape in shapes]
    figure.legend(handles=handles, loc="lower center", ncol=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.16, 1, 1))
    figure.savefig(path, dpi=130)


def default_clips(shared: Path) -> list[Clip]:
    """MOT17-09's pictures and MOT17-02's video in the ``shared`` folder."""
    mot = shared / "data" / "mot" / "MOT17" / "train"
    nine, two = mot / "MOT17-09-FRCNN", mot / "MOT17-02-FRCNN"
    return [
        Clip("MOT17-09", nine / "img1", nine / "gt" / "gt.txt", 15),
        Clip("MOT17-02", shared / "data" / "video" / "MOT17-02.mp4", two / "gt" / "gt.txt", 20),
    ]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--shared", type=Path, default=shared, help="folder that holds models/ and data/")
    parser.add_argument("--models", type=Path, nargs="+", help="ONNX files or folders (default: shared models)")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), metavar="IMGSZ", help="native, auto, or HxW")
    parser.add_argument(
        "--resize", nargs="+", default=["default"], choices=sorted(MANIFESTS), help="conventions to try"
    )
    parser.add_argument(
        "--clip", nargs=4, action="append", metavar=("NAME", "FRAMES", "GT", "STEP"), help="replaces the two clips"
    )
    parser.add_argument("--plot", type=Path, help="write a PNG here")
    parser.add_argument("--json", type=Path, help="write the table here")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    cv2.setNumThreads(1)
    given = arguments.models or [arguments.shared / "models" / "detectors"]
    models = [file for path in given for file in (sorted(path.glob("*.onnx")) if path.is_dir() else [path])]
    clips = default_clips(arguments.shared)
    if arguments.clip:
        clips = [Clip(name, Path(source), Path(truth), int(step)) for name, source, truth, step in arguments.clip]
    settings = make_settings(models, arguments.shapes, arguments.resize)
    for clip in clips:
        for _, frame in clip.frames():
            for setting in settings:
                setting.detect(clip.name, frame)
    rows = table(settings, clips)
    print(
        f"machine: {platform.machine()} {platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    print(f"command: python {shlex.join(sys.argv)}\n")
    headings = list(rows[0])
    print("| " + " | ".join(headings) + " |\n|" + "---|" * len(headings))
    for row in rows:
        print("| " + " | ".join(str(row[heading]) for heading in headings) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if arguments.plot:
        plot(rows, clips, arguments.plot)


if __name__ == "__main__":
    main()
