"""Multi-object tracking for people who have a light detector and little compute."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nanomot.detections import Detections, Detector, Source, Tracks
    from nanomot.errors import NanomotError
    from nanomot.trackers import Tracker, create_tracker, tracker_names

__version__ = "0.1.0"

__all__ = [
    "Detections",
    "Detector",
    "NanomotError",
    "Source",
    "Tracker",
    "Tracks",
    "create_tracker",
    "tracker_names",
]

_HOMES = {
    "Detections": "nanomot.detections",
    "Detector": "nanomot.detections",
    "NanomotError": "nanomot.errors",
    "Source": "nanomot.detections",
    "Tracker": "nanomot.trackers",
    "Tracks": "nanomot.detections",
    "create_tracker": "nanomot.trackers",
    "tracker_names": "nanomot.trackers",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: SciPy takes a third of a second, which ``--help`` can spare."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
