"""The region of interest: where in the picture objects count, as a polygon or a mask image."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Detections
from nanomot.errors import NanomotError

_LOG = logging.getLogger("nanomot.roi")

_EXAMPLE = "a polygon is written like this: 100,400 800,400 900,700 50,700"


class RegionOfInterest:
    """A part of the picture; an object is inside when its feet are (the bottom centre of its box).

    Make one with :meth:`parse`. Polygons are in pixels, or in fractions of width and height where no number exceeds 1;
    their border belongs to them. A mask image is stretched to the picture; what is not black is inside.
    """

    def __init__(self, *, polygon: NDArray[np.float64] | None = None, mask: NDArray[np.uint8] | None = None) -> None:
        if (polygon is None) == (mask is None):
            raise NanomotError("RegionOfInterest: needs either a polygon or a mask.")
        self._polygon = polygon
        self._source_mask = mask
        # One attribute, so that threads that share the region never see a size with the mask of another.
        self._rastered: tuple[int, int, NDArray[np.uint8]] = (0, 0, np.empty((0, 0), np.uint8))

    @classmethod
    def parse(cls, text: str | Path) -> RegionOfInterest:
        """Read ``"x1,y1 x2,y2 x3,y3 ..."`` or the path of a mask image.

        Raises:
            NanomotError: neither a polygon of at least three points nor a picture that can be read.
        """
        words = str(text)
        if Path(words).is_file():
            return cls(mask=_read_mask(Path(words)))
        return cls(polygon=_parse_polygon(words))

    def keep(self, detections: Detections, width: int, height: int) -> NDArray[np.bool_]:
        """Which of the N detections are inside, shape (N,), in a picture of ``width`` x ``height`` pixels.

        Feet outside the picture count as being on its border.
        """
        mask = self._mask_for(height, width)
        boxes = detections.boxes
        column = np.clip(np.floor((boxes[:, 0] + boxes[:, 2]) * 0.5), 0, mask.shape[1] - 1).astype(np.intp)
        row = np.clip(np.floor(boxes[:, 3]), 0, mask.shape[0] - 1).astype(np.intp)
        inside: NDArray[np.bool_] = mask[row, column] != 0
        return inside

    def outlines(self, width: int, height: int) -> list[NDArray[Any]]:
        """The borders, each an (M, 2) polygon in pixels of a picture of ``width`` x ``height``."""
        if self._polygon is not None:
            return [_to_pixels(self._polygon, height, width)]
        contours, _ = cv2.findContours(self._mask_for(height, width), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        return [contour.reshape(-1, 2) for contour in contours]

    def _mask_for(self, height: int, width: int) -> NDArray[np.uint8]:
        last_height, last_width, last = self._rastered
        if (last_height, last_width) == (height, width):
            return last
        if self._polygon is not None:
            mask = np.zeros((height, width), np.uint8)
            corners = np.clip(np.rint(_to_pixels(self._polygon, height, width)), -(2**14), 2**14)
            cv2.fillPoly(mask, [corners.astype(np.int32)], 255)
        else:
            assert self._source_mask is not None
            resized = cv2.resize(self._source_mask, (width, height), interpolation=cv2.INTER_NEAREST)
            mask = np.asarray(resized, np.uint8)
        if not mask.any():
            _LOG.warning(
                "The region of interest covers no part of the %d x %d picture: nothing is kept.", width, height
            )
        self._rastered = (height, width, mask)
        return mask


def _to_pixels(polygon: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    return polygon * [width, height] if polygon.max() <= 1.0 else polygon


def _parse_polygon(text: str) -> NDArray[np.float64]:
    words = re.split(r"[\s,;]+", text.strip(" \t\r\n,;"))
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        raise NanomotError(f"roi: {text!r} is neither an existing file nor a polygon; {_EXAMPLE}.") from None
    if not np.isfinite(numbers).all() or len(numbers) % 2:
        raise NanomotError(f"roi: {text!r} is not a list of points x,y; {_EXAMPLE}.")
    polygon = numbers.reshape(-1, 2)
    if len(polygon) < 3:
        raise NanomotError(f"roi: {text!r} has {len(polygon)} points, a polygon needs at least 3; {_EXAMPLE}.")
    if np.linalg.matrix_rank(polygon - polygon[0]) < 2:
        raise NanomotError(f"roi: {text!r} encloses no area, its points lie on one line; {_EXAMPLE}.")
    return polygon


def _read_mask(path: Path) -> NDArray[np.uint8]:
    try:
        content = np.fromfile(path, dtype=np.uint8)
        mask = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
    except (OSError, cv2.error):
        mask = None
    if mask is None:
        raise NanomotError(f"{path}: is not a picture that can be read as the mask of a region of interest.")
    return np.asarray(mask, np.uint8)
