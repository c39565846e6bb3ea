"""Trackers by name: one file and one line here per published method."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError
from nanomot.resources import load_yaml
from nanomot.trackers.base import BUFFER_RATE, Tracker
from nanomot.trackers.botsort import BotTracker
from nanomot.trackers.bytetrack import ByteTracker
from nanomot.trackers.calibration import load_calibration
from nanomot.trackers.nanotrack import NanoTracker
from nanomot.trackers.nanotrack_reference import PublishedNanoTracker
from nanomot.trackers.ocsort import ObservationTracker
from nanomot.trackers.parameters import build, config_path, load_values, nearest_name
from nanomot.trackers.sort import SortTracker
from nanomot.trackers.sparsetrack import SparseTracker

TRACKERS: dict[str, type[Tracker]] = {
    "nanotrack": NanoTracker,
    "bytetrack": ByteTracker,
    "sparsetrack": SparseTracker,
    "botsort": BotTracker,
    "ocsort": ObservationTracker,
    "sort": SortTracker,
}

MODES: dict[str, type[Tracker]] = {"nanotrack-reference": PublishedNanoTracker}
"""Modes that are methods with parameters of their own; their name is that of their file."""

ENTRY_POINT_GROUP = "nanomot.trackers"

__all__ = ["ENTRY_POINT_GROUP", "MODES", "TRACKERS", "Tracker", "create_tracker", "method_of_its_own", "tracker_names"]


def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def tracker_names() -> list[str]:
    """Names that :func:`create_tracker` takes: ours, then those of installed plug-ins."""
    return [*TRACKERS, *sorted(set(_plugins()) - set(TRACKERS))]


def create_tracker(
    name: str = "nanotrack",
    *,
    mode: str | None = None,
    config: str | Path | None = None,
    calibration: str | Path | None = None,
    frame_rate: float = BUFFER_RATE,
    **overrides: Any,
) -> Tracker:
    """Make a tracker by its name.

    Args:
        name: one of :func:`tracker_names`.
        mode: a named set of parameters in the tracker's YAML file, such as ``"reference"`` for ``nanotrack``.
        config: a YAML file whose values replace the shipped ones and those of ``calibration``.
        calibration: the detector that the tracker works behind, or a YAML file; what the tracker's method has of its
            own in there replaces shipped values (:func:`nanomot.trackers.calibration.load_calibration`).
        frame_rate: frames per second where ``update`` is not given the time.
        **overrides: any parameter by name; these win over files.

    Raises:
        NanomotError: name, mode, calibration or a parameter is unknown, or a value is out of its range.

    Plug-ins (entry-point group ``nanomot.trackers``) are called with all keyword arguments but ``name`` and
    ``calibration``.
    """
    if name in TRACKERS:
        known_values = load_calibration(calibration).values if calibration is not None else {}
        method, values = load_values(name, config, mode, overrides, known_values)
        kind = MODES.get(method) or TRACKERS[method]
        return kind(build(kind.parameter_class, values, method), frame_rate=frame_rate)
    plugins = _plugins()
    if name in plugins:
        try:
            factory = plugins[name].load()
        except Exception as error:  # whatever another package does when it is imported
            raise NanomotError(f"The package that offers the tracker {name!r} cannot be loaded ({error}).") from error
        made: Tracker = factory(mode=mode, config=config, frame_rate=frame_rate, **overrides)
        return made
    known = tracker_names()
    raise NanomotError(f"There is no tracker {name!r} among {', '.join(known)}; {nearest_name(name, known)}")


def method_of_its_own(name: str, mode: str | None, config: str | Path | None) -> str | None:
    """The mode that is chosen, where it is another method than the tracker's; others are no more than values.

    Whoever stores a made tracker's parameters needs this beside them to make the same tracker again.
    """
    if name not in TRACKERS:
        return None
    method, _ = load_values(name, config, mode, {})
    modes = load_yaml(config_path(name)).get("modes") or {}
    return next((chosen for chosen, stands_for in modes.items() if stands_for == method), None)
