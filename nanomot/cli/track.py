"""``nanomot track``: follow objects through a video, a folder of pictures or a camera."""

from __future__ import annotations

import argparse
import io
import logging
import sys
from typing import Any

from nanomot.cli.calibrations import add_calibration_option, take_calibration, tell_calibration, values_in_use
from nanomot.cli.crew_options import add_crew_options, check_crew_options
from nanomot.cli.detector_options import add_detector_options, check_detector_options
from nanomot.cli.options import parse_assignments
from nanomot.cli.profiles import add_profile_option, take_profile
from nanomot.cli.shared_options import add_camera_option, add_folder_options, add_parameter_options
from nanomot.errors import NanomotError
from nanomot.trackers import tracker_names
from nanomot.video.sources import matching_sources

DEFAULT_MODEL = "motion"
_LOG = logging.getLogger("nanomot")

SCENE = "scene"
"""The path that names the built-in scene."""

_DESCRIPTION = """\
Follow objects through a video. Without arguments: the built-in scene of walking people, tracked by motion alone, with
its result judged against the scene's ground truth; nothing is downloaded."""

_EPILOG = """\
examples:
  nanomot track
  nanomot track --path walk.mp4 --model nanodet-plus-m-416 --save
  nanomot track --path rtsp://camera/stream --model nanodet-plus-m_416.onnx --show --save-csv
  nanomot track --path 'clips/*.mp4' --model nanodet-plus-m_416 --workers 4
  nanomot track --path MOT17-09-FRCNN --model det.npz --tracking-method bytetrack --set match_threshold=0.7

results, in <project>/<name>/:
  mot/<sequence>.txt   MOTChallenge lines: frame,id,left,top,width,height,score,-1,-1,-1; frames count from 1
  <sequence>.mp4       with --save: the video with boxes, labels and trails
  <sequence>.csv       with --save-csv: a line per track and frame, with time, class and score
  <sequence>.jsonl     with --save-jsonl: an object per frame, empty frames included
Several videos have a folder each in there, by their names.

exit status: 0 done, 2 a problem (named in one sentence; what was written until then is kept), 130 interrupted"""


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = verbs.add_parser(
        "track",
        help="follow objects through a video, pictures or a camera",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_input(parser.add_argument_group("what to track"))
    detector = parser.add_argument_group("detector")
    add_profile_option(detector)
    add_detector_options(detector, default_model=DEFAULT_MODEL)
    _add_tracker(parser.add_argument_group("tracker"))
    _add_output(parser.add_argument_group("results"))
    add_crew_options(parser.add_argument_group("who does it, where --path names several videos"))
    parser.set_defaults(run=run)


def _add_input(group: Any) -> None:
    group.add_argument(
        "--path",
        "--source",
        metavar="PATH",
        help="video file, folder of pictures, MOT sequence folder, picture, webcam index, RTSP or HTTP URL, "
        f"{SCENE!r} for the built-in scene (default), or a pattern in quotes that names several: 'clips/*.mp4'",
    )
    group.add_argument("--demo", choices=("image", "video", "webcam"), help="kind of --path (default: as it looks)")
    group.add_argument("--fps", type=float, default=30.0, help="rate of pictures without a time of their own")
    group.add_argument(
        "--roi", metavar="POLYGON|MASK", help='keep detections whose feet stand inside: "x,y x,y x,y" or a mask image'
    )
    group.add_argument(
        "--reconnect-limit",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long a stream may be gone",
    )


def _add_tracker(group: Any) -> None:
    group.add_argument(
        "--tracking-method",
        "--tracker",
        default="nanotrack",
        metavar="NAME",
        help=f"{', '.join(tracker_names())} (default: %(default)s)",
    )
    add_parameter_options(group)
    add_calibration_option(group)
    add_camera_option(group)
    group.add_argument("--per-class", action="store_true", help="never match across classes")
    group.add_argument("--only-detect", action="store_true", help="no tracking: every box with the id -1")


def _add_output(group: Any) -> None:
    add_folder_options(group, project="runs/track")
    group.add_argument("--save", action="store_true", help="write the annotated video")
    group.add_argument("--save-mot", action="store_true", help="accepted for old commands' sake: always done")
    group.add_argument("--save-csv", action="store_true", help="write a CSV table")
    group.add_argument("--save-jsonl", action="store_true", help="write JSON lines")
    group.add_argument("--show", action="store_true", help="show the video while it is tracked; q or Esc ends it")


def run(args: argparse.Namespace) -> int:
    """Carry out ``nanomot track``."""
    from nanomot.cli.many import track_many
    from nanomot.cli.tracking import track

    if args.path is None:
        if args.demo in ("image", "video"):
            raise NanomotError(f"--demo {args.demo} needs --path.")
        args.path = "0" if args.demo == "webcam" else SCENE
        # Without any arguments the result is there to be looked at.
        args.save = args.save or args.demo is None
    take_profile(args)
    check_detector_options(args)
    check_crew_options(args)
    for flag, value in (("--fps", args.fps), ("--reconnect-limit", args.reconnect_limit)):
        if not 0.0 <= value < float("inf") or (flag == "--fps" and value == 0.0):
            raise NanomotError(f"{flag} must be a positive number, not {value}.")
    if args.model == DEFAULT_MODEL:
        _LOG.info(
            "--model %s: everything that moves counts as a person, found by background subtraction; the camera must "
            "stand still. A network tells people from other things: nanomot models list.",
            DEFAULT_MODEL,
        )
    args.overrides = parse_assignments(args.set)
    if args.per_class:
        args.overrides["per_class"] = True
    take_calibration(args, model=args.model)
    if not args.only_detect:
        options = {"mode": args.mode, "config": args.config, **args.overrides}
        tell_calibration(args.calibration, values_in_use(args.tracking_method, args.calibration, **options))
    out = sys.stdout or io.StringIO()
    places = None if args.path == SCENE else matching_sources(args.path)
    if places is not None:
        return track_many(args, places, out)
    if args.workers is not None or args.cluster is not None:
        raise NanomotError("--workers and --cluster share out several videos: --path 'clips/*.mp4', in quotes.")
    return track(args, out)
