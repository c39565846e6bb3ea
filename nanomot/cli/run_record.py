"""``run.json``: all that the figures of a run depend on, with the contents of files as SHA-256 digests."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from detectors.zoo import resolve_model
from nanomot.cli.boxes_of import StoredBoxes
from nanomot.cli.calibrations import values_in_use
from nanomot.digests import content_hash
from nanomot.evaluation.benchmarks import Benchmark, Sequence
from nanomot.evaluation.report import environment, write_json
from nanomot.evaluation.runner import TrackerSpec

_LOG = logging.getLogger("nanomot")

RECORD = "run.json"


def calibrated(spec: TrackerSpec) -> dict[str, Any]:
    """The parameters that a tracker has from its detector's calibration."""
    return values_in_use(spec.name, spec.calibration, mode=spec.mode, config=spec.config, **spec.overrides)


def record_tracking(folder: Path, args: argparse.Namespace, specs: list[TrackerSpec], boxes: StoredBoxes) -> None:
    """Begin a run's ``run.json`` with what its tracks depend on.

    Raises:
        NanomotError: a file cannot be read or written.
    """
    found = {
        **_program(args),
        "trackers": {
            spec.label: {
                "name": spec.name,
                "calibration": spec.calibration if calibrated(spec) else None,
                "parameters": plain(spec.make().parameters),
            }
            for spec in specs
        },
        "boxes": {name: _file(path) for name, path in boxes.paths.items()},
        "score_ranges": dict(boxes.score_ranges),
    }
    if args.detections == "model" and args.model != "motion":
        found["model"] = _file(resolve_model(args.model).path)
    if args.reid_model is not None:
        found["reid_model"] = _file(Path(args.reid_model).expanduser())
    write_json(folder / RECORD, found)


def record_judging(
    folder: Path,
    args: argparse.Namespace,
    benchmark: Benchmark,
    sequences: list[Sequence],
    results: Mapping[str, Path],
) -> None:
    """Add what a verdict depends on as ``judged``; what is known of the tracks stays.

    Args:
        folder: of the run.
        args: of this command, which need not be the one that tracked.
        benchmark: whose rules applied.
        sequences: those that were judged, or only tracked where they have no truth.
        results: label of a tracker -> the folder of its result files.

    Raises:
        NanomotError: a file cannot be read or written.
    """
    judged = {
        **_program(args),
        "benchmark": {"name": benchmark.name, "preprocessing": benchmark.preprocessing, **_file(benchmark.file)},
        "sequences": {
            sequence.name: {
                "length": sequence.length,
                "frame_rate": sequence.frame_rate,
                "offset": sequence.offset,
                "truth": _file(sequence.truth),
            }
            for sequence in sequences
        },
        "results": {
            label: {sequence.name: _file(place / f"{sequence.name}.txt") for sequence in sequences}
            for label, place in results.items()
        },
    }
    write_json(folder / RECORD, {**_known(folder / RECORD), "judged": judged})


def _program(args: argparse.Namespace) -> dict[str, Any]:
    arguments = {key: value for key, value in vars(args).items() if key not in ("run", "parser")}
    return {"environment": environment(), "arguments": arguments}


def _file(path: Path | None) -> dict[str, Any]:
    return {"path": path, "sha256": None if path is None else content_hash(path)}


def _known(path: Path) -> dict[str, Any]:
    """What the file says already: tracks that came from elsewhere have none."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict):
        return known
    _LOG.warning("%s: cannot be read, so it is written anew, without what the tracks depend on.", path)
    return {}


def plain(parameters: Any) -> Any:
    """A tracker's parameters as JSON can hold them; those of other packages need not be dataclasses."""
    return asdict(parameters) if is_dataclass(parameters) and not isinstance(parameters, type) else repr(parameters)
