"""Every tracker on the same stored boxes, judged by TrackEval: the README's accuracy table.

    python scripts/bench_accuracy.py --detections detections/nanodet-plus-m_416 --truth mot/MOT17/train

``--detections`` holds one file of boxes per sequence (npz, det.txt or COCO JSON, see detectors/replay.py), ``--truth``
the MOTChallenge folders of the same names. All sequences that both have are used unless ``--sequences`` names some.
"""

from __future__ import annotations

import argparse
import configparser
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from detectors.replay import load_replay
from nanomot import create_tracker
from nanomot.evaluation import COMBINED, SequenceFiles, judge
from nanomot.video.frames import Frame
from nanomot.video.sinks import MotWriter

METHODS = (
    ("sort", {}),
    ("bytetrack", {}),
    ("sparsetrack", {}),
    ("nanotrack", {"mode": "reference"}),
    ("nanotrack", {"mode": "reference", "rhd": False}),
    ("nanotrack", {"mode": "reference", "dtc": False}),
    ("nanotrack", {}),
)
METRICS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


def sequence_info(folder: Path) -> tuple[int, float]:
    """Number of frames and frames per second from ``seqinfo.ini``."""
    ini = configparser.ConfigParser()
    ini.read(folder / "seqinfo.ini", encoding="utf-8")
    return ini.getint("Sequence", "seqLength"), ini.getfloat("Sequence", "frameRate")


def track(boxes: Path, truth: Path, result: Path, name: str, options: dict[str, object], floor: float) -> float:
    """Track one sequence into ``result``; returns the seconds spent in ``update``."""
    length, rate = sequence_info(truth)
    replay = load_replay(str(boxes), conf=floor)
    tracker = create_tracker(name, **options)  # type: ignore[arg-type]
    spent = 0.0
    writer = MotWriter(result)
    for index in range(length):
        found = replay.detect(_NO_PICTURE)
        started = time.perf_counter()
        tracks = tracker.update(found, time=index / rate)
        spent += time.perf_counter() - started
        writer.write(Frame(index, index / rate, _NO_PICTURE), tracks)
    writer.close()
    return spent


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detections", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--sequences", nargs="+")
    parser.add_argument("--benchmark", default="MOT17", help="whose preprocessing applies (%(default)s)")
    parser.add_argument("--floor", type=float, default=0.1, help="boxes below this score are not used (%(default)s)")
    args = parser.parse_args()

    stored = {path.stem: path for path in sorted(args.detections.iterdir()) if (args.truth / path.stem / "gt").is_dir()}
    unknown = sorted(set(args.sequences or ()) - set(stored))
    if unknown:
        parser.error(f"no boxes or no ground truth of {', '.join(unknown)}")
    if args.sequences:
        stored = {name: stored[name] for name in args.sequences}
    if not stored:
        parser.error(f"no sequence has both boxes in {args.detections} and ground truth in {args.truth}")
    frames = sum(sequence_info(args.truth / name)[0] for name in stored)
    print(
        f"{', '.join(stored)}: {frames} frames, boxes from {args.floor} on; Python {platform.python_version()}, ",
        end="",
    )
    print(f"{platform.processor() or platform.machine()}\n")
    print("| tracker | " + " | ".join(METRICS) + " | µs a frame |")
    print("|---|" + "---|" * (len(METRICS) + 1))
    for name, options in METHODS:
        with tempfile.TemporaryDirectory() as folder:
            files, spent = {}, 0.0
            for sequence, boxes in stored.items():
                truth, result = args.truth / sequence, Path(folder) / f"{sequence}.txt"
                spent += track(boxes, truth, result, name, dict(options), args.floor)
                files[sequence] = SequenceFiles(truth / "gt" / "gt.txt", result, sequence_info(truth)[0])
            row = judge(files, benchmark=args.benchmark)[COMBINED]
        label = name + "".join(f", {key} {value}" for key, value in options.items())
        cells = [f"{row[metric]:.0f}" if metric == "IDSW" else f"{row[metric]:.2f}" for metric in METRICS]
        print(f"| {label} | {' | '.join(cells)} | {1e6 * spent / frames:.0f} |", flush=True)


if __name__ == "__main__":
    main()
