"""The flags of a detector, the same in every verb that runs one."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import Any

from detectors import PERSON_IF_KNOWN, load_detector
from nanomot.cli.options import parse_classes
from nanomot.detections import Detector
from nanomot.errors import NanomotError
from nanomot.timing import StageClock

_LOG = logging.getLogger("nanomot")

DEFAULT_CONF = 0.1
DEFAULT_NMS = 0.6


def add_detector_options(group: Any, *, default_model: str) -> None:
    """Add ``--model`` and what belongs to it to an argument group."""
    group.add_argument(
        "--model",
        default=default_model,
        help="zoo name (nanomot models list), ONNX file, stored detections (det.txt, COCO JSON, npz), or 'motion': "
        "background subtraction for static cameras (default: %(default)s)",
    )
    group.add_argument("--conf", type=float, default=DEFAULT_CONF, help="detection floor (%(default)s)")
    group.add_argument(
        "--nms", type=float, default=DEFAULT_NMS, help="IoU above which the weaker box goes (%(default)s)"
    )
    group.add_argument("--classes", nargs="+", metavar="CLASS", help="names or ids to keep, or 'all' (default: person)")
    group.add_argument(
        "--imgsz",
        default="auto",
        help="input shape: auto (the model's pixels at the video's aspect), auto*2 (twice as many), native or HxW",
    )
    group.add_argument("--tiles", metavar="CxR", help="overlapping tiles plus the full frame, e.g. 3x1")
    group.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (%(default)s)")
    group.add_argument("--threads", type=int, help="threads of the model (default: onnxruntime's choice)")
    group.add_argument("--reid-model", metavar="ONNX", help="appearance model; checked, and not used yet")


def check_detector_options(args: argparse.Namespace) -> None:
    """Make sure that numbers are in their ranges and files are there.

    Raises:
        NanomotError: a flag's value makes no sense.
    """
    if not 0.0 <= args.conf < 1.0:
        raise NanomotError(f"--conf must lie in [0, 1), not at {args.conf}.")
    if not 0.0 < args.nms <= 1.0:
        raise NanomotError(f"--nms must lie in (0, 1], not at {args.nms}.")
    cores = os.cpu_count() or 1
    if args.threads is not None and not 1 <= args.threads <= cores:
        raise NanomotError(f"--threads must lie between 1 and this machine's {cores} cores, not at {args.threads}.")
    for name in ("config", "reid_model"):
        path = getattr(args, name)
        if path is not None and not Path(path).expanduser().is_file():
            raise NanomotError(f"{path}: there is no such file, which --{name.replace('_', '-')} names.")
    if args.reid_model is not None:
        _check_reid_model(Path(args.reid_model).expanduser())


def load_from(args: argparse.Namespace, clock: StageClock | None = None) -> Detector:
    """The detector that the flags ask for; it adds its stages to ``clock``."""
    detector: Detector = load_detector(
        args.model,
        conf=args.conf,
        nms=args.nms,
        imgsz=args.imgsz,
        classes=parse_classes(args.classes, PERSON_IF_KNOWN),
        tiles=args.tiles,
        threads=args.threads,
        device=args.device,
        clock=clock,
    )
    return detector


def _check_reid_model(path: Path) -> None:
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
        if not model.graph.node:
            raise ValueError("it has no layers")
    except Exception as error:  # protobuf and onnx raise many kinds
        raise NanomotError(f"{path}: is not an ONNX model, which --reid-model names.") from error
    _LOG.warning("--reid-model %s is not used: appearance is not built in yet.", path)
