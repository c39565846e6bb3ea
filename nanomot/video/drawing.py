"""Tracks drawn into a picture: boxes, labels, trails, and what else helps to see what the tracker does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.detections import Source, Tracks
from nanomot.video.colours import Colour, id_colour, text_colour
from nanomot.video.frames import Frame, Image
from nanomot.video.labels import LabelPlacer, Rectangle, label_size, put_text
from nanomot.video.trails import Trails

_ASSUMED_FPS = 30.0
_SHADOW: Colour = (25, 25, 25)
_REGION_COLOUR: Colour = (230, 230, 230)
_OUTLINE_COLOUR: Colour = (80, 220, 255)


class Drawer:
    """Draws the tracks of consecutive frames; line widths and text follow the size of the picture.

    ``class_names`` gives class ids their names. ``trail_seconds`` is the length of the trails, 0 for none. Boxes with
    a score below ``low_score``, and boxes that no detection supports, are dashed. ``outlines`` gives the polygons to
    draw into a picture of some width and height, (M, 2) in pixels: ``RegionOfInterest.outlines``, for instance.
    """

    def __init__(
        self,
        class_names: Sequence[str] = (),
        *,
        trail_seconds: float = 1.0,
        low_score: float = 0.3,
        outlines: Callable[[int, int], Sequence[NDArray[Any]]] | None = None,
    ) -> None:
        self._names = list(class_names)
        self._low_score = low_score
        self._outlines = outlines
        self._trails = Trails(trail_seconds) if trail_seconds > 0.0 else None
        self._drawn = 0

    def draw(
        self,
        image: Image,
        tracks: Tracks,
        *,
        time: float | None = None,
        caption: str = "",
        regions: NDArray[np.float64] | None = None,
    ) -> Image:
        """A new (H, W, 3) BGR picture with the tracks drawn in.

        ``time`` in seconds fades the trails (30 frames per second where it is None), ``caption`` is written into the
        left upper corner, ``regions`` are (K, 4) ``xyxy`` search regions. Tracks with an id below 0 are detections:
        they are coloured by class and have no trail.
        """
        canvas: Image = np.array(image)
        height, width = canvas.shape[:2]
        thickness = max(round((height + width) / 1200), 1)
        scale = min(max((height + width) / 5200, 0.36), 1.5)
        if self._outlines is not None:
            polygons = [np.rint(outline).astype(np.int32) for outline in self._outlines(width, height)]
            cv2.polylines(canvas, polygons, True, _OUTLINE_COLOUR, max(thickness - 1, 1), cv2.LINE_AA)
        if self._trails is not None:
            tracked = tracks.ids >= 0
            self._trails.update(tracks.ids[tracked], tracks.boxes[tracked], self._seconds(time))
            self._trails.draw(canvas, thickness + 1)
        if regions is not None:
            for region in _integer_boxes(regions, width, height):
                _dashed_rectangle(canvas, region, _REGION_COLOUR, 1, 4)
        taken = [_draw_caption(canvas, caption, scale * 1.15)] if caption else []
        self._draw_boxes(canvas, tracks, thickness, LabelPlacer(canvas, scale, taken))
        self._drawn += 1
        return canvas

    def _seconds(self, time: float | None) -> float:
        return self._drawn / _ASSUMED_FPS if time is None else time

    def _draw_boxes(self, canvas: Image, tracks: Tracks, thickness: int, placer: LabelPlacer) -> None:
        tracks = tracks[_in_picture(tracks.boxes, canvas)]
        # Lower in the picture is nearer to the camera, in most scenes: near boxes and labels go on top of far ones.
        tracks = tracks[np.argsort(tracks.boxes[:, 3], kind="stable")]
        dashed = ((tracks.scores < self._low_score) | (tracks.sources != Source.DETECTED)).tolist()
        keys = np.where(tracks.ids < 0, tracks.class_ids, tracks.ids).tolist()
        colours = [id_colour(key) for key in keys]
        boxes = _integer_boxes(tracks.boxes, canvas.shape[1], canvas.shape[0])
        for box, colour, dash in zip(boxes, colours, dashed, strict=True):
            if dash:
                _dashed_rectangle(canvas, box, colour, thickness, 4 * thickness + 2)
            else:
                cv2.rectangle(canvas, box[:2], box[2:], _SHADOW, thickness + 2)
                cv2.rectangle(canvas, box[:2], box[2:], colour, thickness)
        # The nearest track has the first choice of a place for its label.
        for row in reversed(range(len(tracks))):
            placer.put(boxes[row], self._texts(tracks, row), colours[row], thickness)

    def _texts(self, tracks: Tracks, row: int) -> tuple[str, ...]:
        """What a label may say, from the full text to the shortest."""
        track_id, class_id = int(tracks.ids[row]), int(tracks.class_ids[row])
        name = self._names[class_id] if 0 <= class_id < len(self._names) else f"class {class_id}"
        score = f"{tracks.scores[row]:.2f}"
        if track_id < 0:
            return f"{name} {score}", score
        return f"{track_id} {name} {score}", f"{track_id} {score}", f"{track_id}"


def hud_text(frame: Frame, tracks: Tracks, fps: float | None = None) -> str:
    """A caption for :meth:`Drawer.draw`: frame number, time, speed in frames per second and number of tracks."""
    minutes, seconds = divmod(frame.time, 60.0)
    speed = "" if fps is None else f"  {fps:.1f} fps"
    return f"frame {frame.index + 1}  {int(minutes):02d}:{seconds:05.2f}{speed}  {len(tracks)} tracks"


def _in_picture(boxes: NDArray[np.float64], canvas: Image) -> NDArray[np.bool_]:
    """Which of the (N, 4) ``xyxy`` boxes can be seen at all, shape (N,)."""
    height, width = canvas.shape[:2]
    inside = np.column_stack([boxes[:, :2] < [width, height], boxes[:, 2:] > 0.0])
    visible: NDArray[np.bool_] = np.all(inside, axis=1)
    return visible


def _integer_boxes(boxes: NDArray[np.float64], width: int, height: int) -> list[Rectangle]:
    """(N, 4) boxes in whole pixels, brought near the picture: OpenCV's coordinates overflow far outside."""
    limit = np.array([width, height, width, height])
    rounded = np.rint(np.clip(boxes, -limit, 2 * limit)).astype(int)
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in rounded.tolist()]


def _dashed_rectangle(canvas: Image, box: Rectangle, colour: Colour, thickness: int, dash: int) -> None:
    """Dashes of about ``dash`` pixels with gaps nearly as long, spread so that every corner is drawn."""
    x1, y1, x2, y2 = box
    for start, end in _dashes(x1, x2, dash):
        cv2.line(canvas, (start, y1), (end, y1), colour, thickness)
        cv2.line(canvas, (start, y2), (end, y2), colour, thickness)
    for start, end in _dashes(y1, y2, dash):
        cv2.line(canvas, (x1, start), (x1, end), colour, thickness)
        cv2.line(canvas, (x2, start), (x2, end), colour, thickness)


def _dashes(start: int, end: int, dash: int) -> list[tuple[int, int]]:
    pieces = 2 * max(round((end - start) / (2 * dash)), 1) + 1
    edges = np.rint(np.linspace(start, end, pieces + 1)).astype(int).tolist()
    return list(zip(edges[0::2], edges[1::2], strict=True))


def _draw_caption(canvas: Image, text: str, scale: float) -> Rectangle:
    width, height, _ = label_size(text, scale)
    strip = canvas[:height, :width]
    strip[:] = strip // 3
    put_text(canvas, (0, 0), text, scale, text_colour(_SHADOW))
    return 0, 0, width, height
