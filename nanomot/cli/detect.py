"""``nanomot detect``: a model's boxes on a benchmark's frames, computed once and kept for later evaluations."""

from __future__ import annotations

import argparse
from typing import Any

from detectors import PERSON_IF_KNOWN
from nanomot.cli.benchmark_options import add_benchmark_options, chosen_sequences
from nanomot.cli.boxes_of import model_boxes
from nanomot.cli.crew_options import add_crew_options, check_crew_options, crew_of
from nanomot.cli.detector_options import add_detector_options, check_detector_options
from nanomot.cli.interruption import graceful_stop
from nanomot.cli.options import parse_classes
from nanomot.cli.profiles import add_profile_option, take_profile

_EPILOG = """\
examples:
  nanomot detect --benchmark MOT17 --data-root data --model nanodet-plus-m_416
  nanomot detect --benchmark MOT17 --data-root data --sequences MOT17-09 --model yolox-nano --conf 0.05
  nanomot detect --benchmark MOT17 --data-root /shared/data --cluster tcp://host:8786

`nanomot val` with the same flags takes these boxes and runs no model. They lie in the cache folder ($NANOMOT_CACHE),
under a name made of what the model, the frames and the settings contain."""


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = verbs.add_parser(
        "detect",
        help="find boxes on a benchmark and keep them",
        description="Run a detector on the sequences of a benchmark and keep its boxes for nanomot val.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_benchmark_options(parser.add_argument_group("benchmark"))
    detector = parser.add_argument_group("detector")
    add_profile_option(detector)
    add_detector_options(detector, default_model="nanodet-plus-m_416")
    add_crew_options(parser.add_argument_group("who does it"))
    parser.set_defaults(run=run, config=None)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nanomot detect``."""
    take_profile(args)
    check_detector_options(args)
    check_crew_options(args)
    _, sequences = chosen_sequences(args)
    with graceful_stop() as stop, crew_of(args, len(sequences), stop) as crew:
        boxes = model_boxes(args, sequences, parse_classes(args.classes, PERSON_IF_KNOWN), crew=crew, stop=stop)
    for sequence in sequences:
        count = sum(len(found) for found in boxes(sequence))
        print(f"{sequence.name}: {count} boxes in {sequence.length} frames, {boxes.paths[sequence.name]}")
    return 0
