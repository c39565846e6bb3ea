"""What each part of a tracker is worth: the same tracker with one part after the other switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nanomot.evaluation.runner import TrackerSpec
from nanomot.trackers.base import Tracker
from nanomot.trackers.botsort import BotTracker
from nanomot.trackers.bytetrack import ByteTracker
from nanomot.trackers.nanotrack import NanoTracker
from nanomot.trackers.nanotrack_reference import PublishedNanoTracker
from nanomot.trackers.ocsort import ObservationTracker
from nanomot.trackers.sparsetrack import SparseTracker

_PARTS: dict[type[Tracker], dict[str, dict[str, Any]]] = {
    NanoTracker: {
        "RHD (low-score boxes)": {"rhd": False},
        "DTC (checked births)": {"dtc": False},
        "occlusion by pseudo-depth": {"occlusion": False},
        "existence": {"existence": False},
        "coasting": {"coast_ticks": 0.0},
        "suppression of part boxes": {"nms_iou": 1.0},
        "height in the similarity": {"height_power": 0.0},
        "growth with misses": {"grow_per_tick": 0.0},
        # BYTE's deviations: 1/20 of the size for positions, 1/160 for velocities, whatever the score.
        "noise of light boxes": {
            "process_position": 1 / 20,
            "process_velocity": 1 / 160,
            "initial_position": 2 / 20,
            "initial_velocity": 10 / 160,
            "centre_noise": 1 / 20,
            "centre_noise_by_score": 0.0,
            "size_noise": 1.0,
        },
        "camera shift from boxes": {"camera_shift": False},
    },
    PublishedNanoTracker: {
        "RHD": {"rhd": False},
        "DTC": {"dtc": False},
        "cascade": {"depth_levels": 1, "depth_levels_low": 1},
        "fallback": {"fallback": False},
    },
    SparseTracker: {"cascade": {"depth_levels": 1, "depth_levels_low": 1}},
    ByteTracker: {"score in the cost": {"fuse_score": False}, "duplicate tracks' removal": {"duplicate_iou": 1.0}},
    BotTracker: {"score in the cost": {"fuse_score": False}, "duplicate tracks' removal": {"duplicate_iou": 1.0}},
    ObservationTracker: {"momentum": {"inertia": 0.0}},
}


WITHOUT_CAMERA = " without camera motion"
"""How the label ends of the one that is to be given no motion of the camera."""


def ablated(spec: TrackerSpec, *, camera_motion: bool = False) -> list[TrackerSpec]:
    """``spec`` and, for each part that it has, the tracker without it, labelled ``<label> without <part>``.

    A part that is off already is left out, and so is everything of a tracker whose parts are not known.
    ``camera_motion`` says that trackers are told how the camera moves: one of them then is not to be.
    """
    tracker = spec.make()
    specs = [spec]
    for part, values in _PARTS.get(type(tracker), {}).items():
        if any(getattr(tracker.parameters, name) != value for name, value in values.items()):
            specs.append(_with(spec, f"{spec.label} without {part}", values))
    if camera_motion:
        specs.append(replace(spec, label=spec.label + WITHOUT_CAMERA))
    return specs


def _with(spec: TrackerSpec, label: str, values: Mapping[str, Any]) -> TrackerSpec:
    return replace(spec, label=label, overrides={**spec.overrides, **values})
