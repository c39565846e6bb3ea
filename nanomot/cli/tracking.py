"""One run of ``nanomot track``: from the parsed arguments to files and a summary."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TextIO

import cv2

from nanomot.camera_estimator import CameraMotion
from nanomot.camera_motion import create_camera_motion
from nanomot.cli.detector_options import load_from
from nanomot.cli.interruption import graceful_stop
from nanomot.cli.main import EXIT_INTERRUPTED, EXIT_OK
from nanomot.cli.outputs import Outputs, run_folder
from nanomot.cli.progress import Progress, TrackCount, stage_line
from nanomot.cli.scene import DemoScene
from nanomot.cli.track import SCENE
from nanomot.cli.window import Window
from nanomot.detections import Detector, PhasedDetector
from nanomot.jobs import Turn
from nanomot.pipeline import run
from nanomot.roi import RegionOfInterest
from nanomot.timing import StageClock
from nanomot.trackers import Tracker, create_tracker
from nanomot.video.drawing import Drawer
from nanomot.video.frames import FrameSource
from nanomot.video.sinks import CsvWriter, JsonlWriter, MotWriter
from nanomot.video.sources import open_source
from nanomot.video.video_writer import VideoWriter

_LOG = logging.getLogger("nanomot")

BURST = 8
"""Frames that pass the network before they are tracked, unless somebody watches."""


def track(args: argparse.Namespace, out: TextIO, *, folder: Path | None = None, turn: Turn | None = None) -> int:
    """Track what ``args`` name, print a summary to ``out`` and return the exit status.

    Args:
        args: of ``nanomot track``.
        out: takes the summary.
        folder: where results go; None: a new one, as ``--project`` and ``--name`` say.
        turn: of the job that this run is; its ``stop`` ends the run as Ctrl-C does otherwise.
    """
    # Whatever can be wrong with the arguments is found before anything is written.
    tracker = (
        None
        if args.only_detect
        else create_tracker(
            args.tracking_method,
            mode=args.mode,
            config=args.config,
            calibration=args.calibration,
            **args.overrides,
        )
    )
    clock = StageClock()
    detector = load_from(args, clock)
    if isinstance(detector, PhasedDetector):
        # The stages are threads already: OpenCV's own, for one small resize a frame, cost more CPU time than they save.
        cv2.setNumThreads(1)
    scene = DemoScene() if args.path == SCENE else None
    source = (
        scene.source()
        if scene
        else open_source(args.path, demo=args.demo, fps=args.fps, reconnect_limit=args.reconnect_limit)
    )
    with source:
        roi = RegionOfInterest.parse(args.roi) if args.roi else None
        folder = folder or run_folder(args.project, args.name, exist_ok=args.exist_ok)
        outputs = Outputs([args.path, args.model, args.config, args.calibration, args.roi, args.reid_model])
        session = _Session(source, detector, tracker, roi, outputs, clock, create_camera_motion(args.camera_motion))
        status = EXIT_OK
        with graceful_stop() if turn is None else nullcontext(turn.stop) as stop:
            try:
                _add_outputs(args, outputs, folder, source, detector, session.drawer)
                window = Window(source.name) if args.show else None
                if session.play(window, stop, visible=turn is None or turn.visible):
                    status = EXIT_INTERRUPTED
            finally:
                # A failed frame must not cost the frames before it, nor a full disk the account of them.
                try:
                    outputs.close()
                finally:
                    session.print_summary(out, interrupted=status == EXIT_INTERRUPTED)
    if scene is not None and not args.only_detect and status == EXIT_OK:
        row = scene.judge(folder / "mot" / f"{source.name}.txt")
        out.write("against the scene's ground truth: ")
        out.write(", ".join(f"{metric} {row[metric]:.1f}" for metric in ("HOTA", "MOTA", "IDF1")) + "\n")
    return status


class _Session:
    """The frames' way through the pipeline into the outputs, with all that is counted on it."""

    def __init__(
        self,
        source: FrameSource,
        detector: Detector,
        tracker: Tracker | None,
        roi: RegionOfInterest | None,
        outputs: Outputs,
        clock: StageClock,
        camera: CameraMotion | None,
    ) -> None:
        self.source, self.detector, self.tracker, self.roi = source, detector, tracker, roi
        self.outputs, self.clock, self.camera = outputs, clock, camera
        self.drawer = Drawer(detector.class_names, outlines=roi.outlines if roi else None)
        self.progress: Progress | None = None
        self.tracks_shown = TrackCount()

    def play(self, window: Window | None, stop: threading.Event, *, visible: bool = True) -> bool:
        """Run to the end of the source, or until the window is closed; True where ``stop`` ended it."""
        burst = BURST if window is None else 1
        chain = run(
            self.source,
            self.detector,
            self.tracker,
            roi=self.roi,
            camera_motion=self.camera,
            clock=self.clock,
            stop=stop,
            burst=burst,
        )
        with Progress(self.source.frame_count, visible=visible) as self.progress, closing(chain) as running:
            for step in running:
                self.tracks_shown.add(step.tracks.ids)
                with self.clock("draw+write"):
                    self.outputs.write(step.frame, step.tracks)
                self.progress.step(len(step.tracks))
                if stop.is_set():
                    return True
                if window is not None and not window.show(step, self.drawer):
                    return False
        return stop.is_set()

    def print_summary(self, out: TextIO, *, interrupted: bool) -> None:
        """Say what was done, how fast, and where the results are."""
        if self.progress is None:
            return
        frames, fps = self.progress.frames, self.progress.fps
        what = "no tracks asked for" if self.tracker is None else f"{self.tracks_shown.total} tracks"
        stopped = " (interrupted)" if interrupted else ""
        out.write(f"{self.source.name}: {frames} frames{stopped}, {what}, {fps:.1f} frames per second\n")
        out.write(f"frames per second by stage: {stage_line(self.clock)}\n")
        for path in self.outputs.paths:
            out.write(f"  {path}\n")
        out.flush()


def _add_outputs(
    args: argparse.Namespace,
    outputs: Outputs,
    folder: Path,
    source: FrameSource,
    detector: Detector,
    drawer: Drawer,
) -> None:
    names: Sequence[str] = detector.class_names
    outputs.add(folder / "mot" / f"{source.name}.txt", MotWriter)
    if args.save_csv:
        outputs.add(folder / f"{source.name}.csv", lambda path: CsvWriter(path, class_names=names))
    if args.save_jsonl:
        outputs.add(folder / f"{source.name}.jsonl", lambda path: JsonlWriter(path, class_names=names))
    if args.save:
        outputs.add(
            folder / f"{source.name}.mp4",
            lambda path: VideoWriter(
                path,
                fps=source.fps,
                draw=lambda frame, tracks: drawer.draw(frame.image, tracks, time=frame.time),
            ),
        )
