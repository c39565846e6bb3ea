"""The whole program's rate beside the bare rate of its network, from one run, stage by stage.

    python scripts/bench_pipeline.py --model nanodet-plus-m_416.onnx --path vtest.avi

Bare and whole runs take turns, so that a noisy machine troubles both alike; medians are printed. "Bare" is
``session.run`` on one prepared input, again and again; "whole" is what ``nanomot track`` does without ``--save``:
decode, resize, infer, read boxes, track, write the result file. Stages are timed by their threads' CPU time while all
of it runs. The last line is the whole process less bare inference and decoding alone: it also holds what these two
cost more when they run side by side and share caches.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import cv2

from detectors import load_detector
from detectors.onnx_detector import OnnxDetector
from nanomot.cli.tracking import BURST
from nanomot.pipeline import run
from nanomot.timing import StageClock
from nanomot.video.frames import Frame, FrameSource
from nanomot.video.sinks import MotWriter
from nanomot.video.sources import open_source

STAGES = ("preprocess", "inference", "postprocess", "track", "write")


class FirstFrames(FrameSource):
    """The first frames of another source."""

    def __init__(self, source: FrameSource, count: int) -> None:
        super().__init__(source.name, fps=source.fps, frame_count=count)
        self._source, self._count = source, count

    def __iter__(self) -> Iterator[Frame]:
        return itertools.islice(iter(self._source), self._count)

    def close(self) -> None:
        """Close the other source."""
        self._source.close()


class Seconds:
    """Wall and process CPU seconds of a ``with`` body."""

    def __enter__(self) -> Seconds:
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu


def bare(detector: OnnxDetector, frame: Frame, count: int) -> tuple[float, float]:
    """Wall and CPU seconds a frame of ``session.run`` alone."""
    prepared = detector.prepare(frame.image)
    with Seconds() as seconds:
        for _ in range(count):
            prepared.engine.run(prepared.planes)
    return seconds.wall / count, seconds.cpu / count


def decode(path: str, count: int) -> float:
    """CPU seconds a frame of decoding alone."""
    with FirstFrames(open_source(path), count) as source, Seconds() as seconds:
        frames = sum(1 for _ in source)
    return seconds.cpu / frames


def whole(
    detector: OnnxDetector, path: str, tracker: str, count: int, burst: int
) -> tuple[float, float, dict[str, float]]:
    """Wall and CPU seconds a frame of the whole program, and thread CPU seconds a frame by stage."""
    clock = detector.clock
    for column in (clock.wall, clock.cpu, clock.counts):
        column.clear()
    frames = 0
    with ExitStack() as stack:
        writer = MotWriter(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "mot.txt")
        stack.callback(writer.close)
        seconds = stack.enter_context(Seconds())
        source = FirstFrames(open_source(path), count)
        for step in stack.enter_context(closing(run(source, detector, tracker, clock=clock, burst=burst))):
            with clock("write"):
                writer.write(step.frame, step.tracks)
            frames += 1
    by_stage = {stage: clock.cpu.get(stage, 0.0) / frames for stage in STAGES}
    return seconds.wall / frames, seconds.cpu / frames, by_stage


def report(args: argparse.Namespace, threads: int | None) -> None:
    """Measure with a number of threads and print one block."""
    detector = load_detector(
        args.model, conf=args.conf, classes=["person"], imgsz=args.imgsz, threads=threads, clock=StageClock()
    )
    assert isinstance(detector, OnnxDetector), "--model must be a network"
    with open_source(args.path) as source:
        frame = next(iter(source))
    detector.detect(frame.image)
    bares, wholes, decodes = [], [], []
    for _ in range(args.rounds):
        bares.append(bare(detector, frame, args.frames))
        wholes.append(whole(detector, args.path, args.tracker, args.frames, args.burst))
        decodes.append(decode(args.path, args.frames))
    bare_wall = statistics.median(wall for wall, _ in bares)
    # Turns are compared with their own neighbours: what slows both is no difference.
    ratio = statistics.median(b[0] / w[0] for b, w in zip(bares, wholes, strict=True))
    stages = {stage: statistics.median(w[2][stage] for w in wholes) for stage in STAGES}
    rest = statistics.median((w[1] - d) / b[1] - 1.0 for b, w, d in zip(bares, wholes, decodes, strict=True))
    named = sum(stages[stage] for stage in STAGES if stage != "inference")
    label = "default threads" if threads is None else f"{threads} thread"
    print(f"\n{Path(args.path).name}, {label}, input {'x'.join(map(str, detector.input_shape or ()))}")
    print(f"  bare session.run      {1 / bare_wall:7.1f} frames a second")
    print(f"  whole program         {ratio / bare_wall:7.1f} frames a second = {ratio:.3f} of the bare rate")
    print(f"  decoding alone        {1e3 * statistics.median(decodes):7.2f} ms CPU a frame")
    for stage in STAGES:
        print(f"  {stage:21s} {1e3 * stages[stage]:7.2f} ms CPU a frame")
    if threads == 1:
        print(f"  stages but inference  {named / stages['inference']:7.1%} of session.run's CPU time")
        print(f"  beyond both alone     {rest:7.1%} (whole process less bare inference and decoding alone)")


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="zoo name or ONNX file")
    parser.add_argument("--path", required=True, nargs="+", help="videos or folders of pictures")
    parser.add_argument("--tracker", default="nanotrack")
    parser.add_argument("--imgsz", default="auto")
    parser.add_argument("--conf", type=float, default=0.1)
    parser.add_argument("--frames", type=int, default=300, help="frames a turn")
    parser.add_argument("--burst", type=int, default=BURST, help="frames that pass the network before they are tracked")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{Path(args.model).name}, {args.tracker}; medians of {args.rounds} turns of {args.frames} frames")
    cv2.setNumThreads(1)  # as nanomot track does
    for path in args.path:
        args.path = path
        for threads in (1, None):
            report(args, threads)


if __name__ == "__main__":
    main()
