"""``--calibration``: which detector a tracker's parameters are to suit, as a rule the one that it works behind."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from nanomot.trackers import create_tracker
from nanomot.trackers.calibration import NONE, calibration_of_model, load_calibration

_LOG = logging.getLogger("nanomot")


def add_calibration_option(group: Any) -> None:
    """Add ``--calibration``."""
    group.add_argument(
        "--calibration",
        metavar="NAME|YAML",
        help=f"parameters that belong to a detector: its name, a file, or {NONE!r} (default: that of --model, if any; "
        f"{NONE} for stored boxes)",
    )


def take_calibration(args: argparse.Namespace, *, model: str | None) -> None:
    """Set ``args.calibration`` to what :func:`nanomot.create_tracker` takes.

    Args:
        args: with ``calibration`` as the user gave it.
        model: the detector, None where nothing is known about it.

    Raises:
        NanomotError: there is no such calibration.
    """
    if args.calibration == NONE:
        args.calibration = None
    elif args.calibration is not None:
        load_calibration(args.calibration)
    elif model is not None:
        found = calibration_of_model(model)
        args.calibration = None if found is None else found.name


def values_in_use(tracker: str, calibration: str | None, **options: Any) -> dict[str, Any]:
    """What a tracker takes from a calibration: values that neither its other options nor its method replace.

    Args:
        tracker: its name.
        calibration: as :func:`take_calibration` leaves it.
        **options: all else that :func:`nanomot.create_tracker` is given.
    """
    if calibration is None:
        return {}
    stated = load_calibration(calibration).values.get(tracker, {})
    made = create_tracker(tracker, calibration=calibration, **options).parameters
    return {name: value for name, value in stated.items() if getattr(made, name, None) == value}


def tell_calibration(calibration: str | None, values: dict[str, Any]) -> None:
    """Say what :func:`values_in_use` found, if anything."""
    if values:
        said = ", ".join(f"{name} {value}" for name, value in sorted(values.items()))
        _LOG.info("calibration of %s: %s", calibration, said)
