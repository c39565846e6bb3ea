"""Other people's formats: plain arrays and ``supervision.Detections``."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanomot.detections import Detections, Tracks
from nanomot.errors import NanomotError


def detections_from_array(array: ArrayLike) -> Detections:
    """Detections from (N, 6) rows ``x1, y1, x2, y2, score, class``; a missing class column means class 0.

    Raises:
        NanomotError: the array has another shape, or a row is not a box with a score.
    """
    rows = np.asarray(array, dtype=np.float64)
    if rows.size == 0:
        return Detections.empty()
    if rows.ndim != 2 or rows.shape[1] not in (5, 6):
        raise NanomotError(f"detections_from_array: rows must have the shape (N, 6) or (N, 5), not {rows.shape}.")
    return Detections(rows[:, :4], rows[:, 4], _whole_numbers(rows[:, 5]) if rows.shape[1] == 6 else None)


def detections_to_array(detections: Detections) -> NDArray[np.float64]:
    """(N, 6) rows ``x1, y1, x2, y2, score, class``."""
    return np.column_stack([detections.boxes, detections.scores, detections.class_ids]).astype(np.float64)


def tracks_to_array(tracks: Tracks) -> NDArray[np.float64]:
    """(N, 8) rows ``x1, y1, x2, y2, id, score, class, detection index``; -1 where there is none."""
    columns = [tracks.boxes, tracks.ids, tracks.scores, tracks.class_ids, tracks.detection_indices]
    return np.column_stack(columns).astype(np.float64)


def detections_from_supervision(detections: Any) -> Detections:
    """Detections from a ``supervision.Detections``; a missing confidence counts as 1, a missing class as 0.

    Raises:
        NanomotError: a row is not a box with a score.
    """
    boxes = np.asarray(detections.xyxy, dtype=np.float64)
    scores = np.ones(len(boxes)) if detections.confidence is None else detections.confidence
    return Detections(boxes, scores, detections.class_id)


def detections_to_supervision(detections: Detections) -> Any:
    """A ``supervision.Detections`` with ``xyxy``, ``confidence`` and ``class_id``.

    Raises:
        NanomotError: the package ``supervision`` is not installed.
    """
    return _supervision().Detections(
        xyxy=detections.boxes.copy(), confidence=detections.scores.copy(), class_id=detections.class_ids.astype(int)
    )


def tracks_to_supervision(tracks: Tracks) -> Any:
    """A ``supervision.Detections`` whose ``tracker_id`` holds the tracks' ids.

    Raises:
        NanomotError: the package ``supervision`` is not installed.
    """
    return _supervision().Detections(
        xyxy=tracks.boxes.copy(),
        confidence=tracks.scores.copy(),
        class_id=tracks.class_ids.astype(int),
        tracker_id=tracks.ids.astype(int),
    )


def _supervision() -> Any:
    try:
        return importlib.import_module("supervision")
    except ImportError as error:
        raise NanomotError(
            f"The package supervision cannot be imported ({error}); install it: pip install supervision."
        ) from error


def _whole_numbers(classes: NDArray[np.float64]) -> NDArray[np.int64]:
    whole = np.isfinite(classes) & (classes == np.floor(classes))
    if not whole.all():
        row = int(np.argmin(whole))
        raise NanomotError(f"detections_from_array: row {row} has the class {classes[row]}, not a whole number.")
    return classes.astype(np.int64)
