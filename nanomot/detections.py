"""One frame's arrays: what a detector gives and what a tracker returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanomot.errors import NanomotError

_FARTHEST, _SMALLEST = 1e9, 1e-6
"""Pixels; squares of what lies beyond leave the range in which filters can compute."""

_Rows = TypeVar("_Rows", "Detections", "Tracks")


class Source(IntEnum):
    """What supports a track's box in this frame."""

    DETECTED = 0
    HELD = 1
    """Followed by a single-object tracker while its detections fail."""
    PREDICTED = 2
    """Moved by the motion model alone."""


def _select(rows: _Rows, index: Any) -> _Rows:
    """The rows of ``index`` (mask, slice or integers) as a new object; nothing is validated again."""
    out = object.__new__(type(rows))
    for field in fields(rows):
        value = getattr(rows, field.name)
        object.__setattr__(out, field.name, None if value is None else value[index])
    return out


def _as_array(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise NanomotError(f"Detections: {name} must be numbers in rows of one length ({error}).") from error


def _column(values: ArrayLike, dtype: type, count: int, name: str) -> NDArray[Any]:
    array: NDArray[Any] = _as_array(values, name)
    if np.issubdtype(dtype, np.integer) and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise NanomotError(f"Detections: {name} must be whole numbers.")
    array = array.astype(dtype, copy=False)
    if array.shape != (count,):
        raise NanomotError(f"Detections: {name} has shape {array.shape}, but there are {count} boxes.")
    return array


@dataclass(frozen=True, init=False, eq=False)
class Detections:
    """The boxes of one frame.

    Attributes:
        boxes: (N, 4) float64, ``xyxy`` in pixels.
        scores: (N,) float64 confidences.
        class_ids: (N,) int64.
        embeddings: (N, D) float appearance vectors, or None.

    The arrays are checked here, once: shapes must agree, boxes and scores be finite and boxes have a positive size,
    or :class:`NanomotError` is raised. Inside nanomot they are trusted and never changed in place.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    class_ids: NDArray[np.int64]
    embeddings: NDArray[np.floating[Any]] | None

    def __init__(
        self,
        boxes: ArrayLike,
        scores: ArrayLike,
        class_ids: ArrayLike | None = None,
        embeddings: ArrayLike | None = None,
    ) -> None:
        box_array = _as_array(boxes, "boxes")
        if box_array.size == 0:
            box_array = box_array.reshape(0, 4)
        if box_array.ndim != 2 or box_array.shape[1] != 4:
            raise NanomotError(f"Detections: boxes must have the shape (N, 4), not {box_array.shape}.")
        count = len(box_array)
        score_array = _column(scores, np.float64, count, "scores")
        class_array = _column(np.zeros(count) if class_ids is None else class_ids, np.int64, count, "class_ids")
        good = valid_rows(box_array, score_array)
        if not good.all():
            row = int(np.argmin(good))
            raise NanomotError(
                f"Detections: row {row} is not a box with a score "
                f"(xyxy {box_array[row].tolist()}, score {score_array[row]}); coordinates must be finite with "
                "x2 > x1 and y2 > y1."
            )
        vectors = None
        if embeddings is not None:
            vectors = np.asarray(embeddings)
            if vectors.ndim != 2 or len(vectors) != count:
                raise NanomotError(f"Detections: embeddings must have the shape ({count}, D), not {vectors.shape}.")
        for name, value in zip(
            ("boxes", "scores", "class_ids", "embeddings"),
            (box_array, score_array, class_array, vectors),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def trusted(
        cls,
        boxes: NDArray[np.float64],
        scores: NDArray[np.float64],
        class_ids: NDArray[np.int64],
        embeddings: NDArray[np.floating[Any]] | None = None,
    ) -> Detections:
        """Detections from arrays of the right types that the caller has already checked; nothing is looked at."""
        made = object.__new__(cls)
        made.__dict__.update(boxes=boxes, scores=scores, class_ids=class_ids, embeddings=embeddings)
        return made

    @classmethod
    def empty(cls) -> Detections:
        """No detection: what a tracker is given on a frame where nothing was found."""
        return cls(np.empty((0, 4)), np.empty(0), np.empty(0))

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """The rows of all ``parts``, in order; embeddings are kept only where every part has them."""
        if not parts:
            return cls.empty()
        vectors = [part.embeddings for part in parts if part.embeddings is not None]
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.class_ids for part in parts]),
            np.concatenate(vectors) if len(vectors) == len(parts) else None,
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Detections:
        """Rows by boolean mask, integer array or slice."""
        return _select(self, index)


def valid_rows(boxes: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the (N, 4) ``xyxy`` boxes and (N,) scores are finite and sane, with a positive width and height."""
    good: NDArray[np.bool_] = (
        (np.abs(boxes) <= _FARTHEST).all(axis=1)
        & np.isfinite(scores)
        & (boxes[:, 2] > boxes[:, 0] + _SMALLEST)
        & (boxes[:, 3] > boxes[:, 1] + _SMALLEST)
    )
    return good


@dataclass(frozen=True, eq=False)
class Tracks:
    """The tracks of one frame.

    Attributes:
        boxes: (N, 4) float64, ``xyxy`` in pixels.
        ids: (N,) int64, from 1, never given twice by one tracker.
        scores: (N,) float64, of the latest detection.
        class_ids: (N,) int64, of the latest detection.
        detection_indices: (N,) int64, the row of this frame's detections that supports the track, -1 where none does.
        sources: (N,) int8, values of :class:`Source`.
        ages: (N,) int64, frames since birth.
    """

    boxes: NDArray[np.float64]
    ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    class_ids: NDArray[np.int64]
    detection_indices: NDArray[np.int64]
    sources: NDArray[np.int8]
    ages: NDArray[np.int64]

    @classmethod
    def empty(cls) -> Tracks:
        """No track."""
        integers = np.empty(0, np.int64)
        return cls(np.empty((0, 4)), integers, np.empty(0), integers, integers, np.empty(0, np.int8), integers)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Tracks:
        """Rows by boolean mask, integer array or slice."""
        return _select(self, index)

    def __iter__(self) -> Iterator[tuple[NDArray[np.float64], int, float, int]]:
        """Yield (box, id, score, class id) row by row; for drawing and printing, not for hot paths."""
        for row in range(len(self)):
            yield self.boxes[row], int(self.ids[row]), float(self.scores[row]), int(self.class_ids[row])


@runtime_checkable
class Detector(Protocol):
    """Whatever turns a picture into detections."""

    class_names: Sequence[str]
    """What each class id means; empty where that is not known."""

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find objects in one BGR uint8 picture of shape (H, W, 3); boxes are in its pixels."""
        ...


@runtime_checkable
class SeekableDetector(Detector, Protocol):
    """A detector whose answer depends on the frame's number, not on its picture: stored detections."""

    def seek(self, frame_index: int) -> None:
        """Make the next ``detect`` answer for the frame of this index (0 is the first)."""
        ...


@runtime_checkable
class ResettableDetector(Detector, Protocol):
    """A detector that remembers earlier pictures of a video, such as background subtraction."""

    def reset(self) -> None:
        """Forget them: the next picture begins another video."""
        ...


@runtime_checkable
class PhasedDetector(Detector, Protocol):
    """A detector whose work has a heavy middle part, so that the rest can hide behind it in other threads.

    ``detect(frame)`` is ``finish(infer(prepare(frame)))``.
    """

    def prepare(self, frame: NDArray[np.uint8]) -> Any:
        """Turn the picture into the network's input."""
        ...

    def infer(self, prepared: Any) -> Any:
        """Run the network."""
        ...

    def finish(self, inferred: Any) -> Detections:
        """Read boxes from the network's outputs."""
        ...
