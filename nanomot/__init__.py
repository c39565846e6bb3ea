"""Multi-object tracking for people who have a light detector and little compute."""

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
