"""ID switches as picture strips: the person before, at and after the switch, with the boxes of tracks and truth."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import tlwh_to_xyxy
from nanomot.errors import NanomotError
from nanomot.evaluation.benchmarks import Sequence
from nanomot.evaluation.moments import IdSwitch, Rows, by_frame
from nanomot.evaluation.result_files import FRAME, ID, PLACE
from nanomot.video.colours import id_colour
from nanomot.video.frames import Frame, FrameSource, Image
from nanomot.video.images import ImageFilesSource
from nanomot.video.labels import LabelPlacer, Rectangle, put_text
from nanomot.video.sources import open_source

_LOG = logging.getLogger("nanomot")

_PANEL = (260, 320)
_CAPTION = 24
_GAP = 6
_PERSON_SHARE = 0.55
_LEAST_HEIGHT = 40.0
_SECONDS_AROUND = 0.5
_SCALE = 0.45
_EMPTY = 52
_TRUTH = (255, 255, 255)
_OTHERS = (150, 150, 150)
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class SequenceTracks:
    """What strips of one sequence are drawn from: its frames, and the (N, 7) rows of truth and result."""

    sequence: Sequence
    truth: Rows
    result: Rows


def frame_numbers(switch: IdSwitch, sequence: Sequence) -> list[int]:
    """The frames of a strip, from 1: half a second before, the last old one, the first new one, half a second after."""
    step = max(round(_SECONDS_AROUND * sequence.frame_rate), 1)
    numbers = {switch.last_frame - step, switch.last_frame, switch.frame, switch.frame + step}
    return sorted(min(max(number, 1), sequence.length) for number in numbers)


def draw_strips(
    switches: Iterable[IdSwitch], tracks: Mapping[str, SequenceTracks]
) -> tuple[dict[IdSwitch, bytes], frozenset[str]]:
    """A JPEG strip of every switch, and the names of sequences whose frames are not here or cannot be read.

    Their boxes are drawn on plain grey.
    """
    strips: dict[IdSwitch, bytes] = {}
    bare = set()
    chosen = list(switches)
    for name in dict.fromkeys(switch.sequence for switch in chosen):
        here = [switch for switch in chosen if switch.sequence == name]
        item = tracks[name]
        wanted = {number for switch in here for number in frame_numbers(switch, item.sequence)}
        pictures = _read_frames(item.sequence, wanted)
        if not pictures:
            bare.add(name)
        truth, result = by_frame(item.truth), by_frame(item.result)
        for switch in here:
            strips[switch] = _strip(switch, item, pictures, truth, result)
    return {switch: strips[switch] for switch in chosen}, frozenset(bare)


def _read_frames(sequence: Sequence, numbers: set[int]) -> dict[int, Image]:
    if sequence.frames is None:
        return {}
    pictures: dict[int, Image] = {}
    try:
        with open_source(sequence.frames, fps=sequence.frame_rate) as source:
            for frame in _wanted_at_least(source, sorted(number - 1 + sequence.offset for number in numbers)):
                number = frame.index + 1 - sequence.offset
                if number in numbers and frame.valid:
                    pictures[number] = frame.image
                if number >= max(numbers):
                    break
    except NanomotError as error:
        _LOG.warning("%s The page shows boxes alone for %s.", error, sequence.name)
    return pictures


def _wanted_at_least(source: FrameSource, indices: list[int]) -> Iterable[Frame]:
    """The frames of the ``indices`` where single ones can be had, else all of them."""
    if isinstance(source, ImageFilesSource):
        return (source.frame(index) for index in indices if index < (source.frame_count or 0))
    return source


def _strip(
    switch: IdSwitch,
    item: SequenceTracks,
    pictures: Mapping[int, Image],
    truth: Mapping[int, Rows],
    result: Mapping[int, Rows],
) -> bytes:
    person = item.truth[item.truth[:, ID] == switch.person]
    numbers = frame_numbers(switch, item.sequence)
    places = [person[np.argmin(np.abs(person[:, FRAME] - number))] for number in numbers]
    height = max(_LEAST_HEIGHT, *(float(place[PLACE][3]) for place in places)) / _PERSON_SHARE
    panels = []
    for number, place in zip(numbers, places, strict=True):
        window = _window(place[PLACE], height)
        panel = _cut(pictures.get(number), window)
        here = truth.get(number, item.truth[:0])
        _draw_truth(panel, here[here[:, ID] == switch.person], window)
        _draw_tracks(panel, result.get(number, item.result[:0]), window, (switch.old_id, switch.new_id))
        panels.append(_captioned(panel, f"frame {number}"))
    gap = np.full((panels[0].shape[0], _GAP, 3), 255, np.uint8)
    row = [part for panel in panels for part in (panel, gap)][:-1]
    done, encoded = cv2.imencode(".jpg", np.concatenate(row, axis=1), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise NanomotError("OpenCV cannot encode JPEG pictures, so the page has none; leave it out by --no-page.")
    return encoded.tobytes()


def _window(place: NDArray[np.float64], height: float) -> Rectangle:
    """The part of the picture, ``xyxy`` in whole pixels, that shows a person (left, top, width, height)."""
    width = height * _PANEL[0] / _PANEL[1]
    left, top = place[0] + 0.5 * (place[2] - width), place[1] + 0.5 * (place[3] - height)
    return round(left), round(top), round(left) + max(round(width), 1), round(top) + max(round(height), 1)


def _cut(picture: Image | None, window: Rectangle) -> Image:
    """The window as a panel; grey where there is no picture."""
    x1, y1, x2, y2 = window
    cut: Image = np.full((y2 - y1, x2 - x1, 3), _EMPTY, np.uint8)
    if picture is not None:
        left, top = max(x1, 0), max(y1, 0)
        part = picture[top : max(y2, 0), left : max(x2, 0)]
        cut[top - y1 : top - y1 + part.shape[0], left - x1 : left - x1 + part.shape[1]] = part
    shrinks = cut.shape[0] > _PANEL[1]
    panel: Image = np.asarray(
        cv2.resize(cut, _PANEL, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8
    )
    return panel


def _in_panel(rows: Rows, window: Rectangle) -> list[Rectangle]:
    x1, y1, x2, _ = window
    boxes = (tlwh_to_xyxy(rows[:, PLACE]) - [x1, y1, x1, y1]) * (_PANEL[0] / (x2 - x1))
    limit = 2 * max(_PANEL)
    return [(a, b, c, d) for a, b, c, d in np.rint(np.clip(boxes, -limit, limit)).astype(int).tolist()]


def _draw_truth(panel: Image, rows: Rows, window: Rectangle) -> None:
    for box in _in_panel(rows, window):
        cv2.rectangle(panel, box[:2], box[2:], _TRUTH, 1)


def _draw_tracks(panel: Image, rows: Rows, window: Rectangle, emphasised: tuple[int, int]) -> None:
    boxes = _in_panel(rows, window)
    ids = rows[:, ID].astype(int).tolist()
    shown = [row for row, box in enumerate(boxes) if _touches_panel(box)]
    # The tracks of the switch last: they lie on top of the others.
    shown.sort(key=lambda row: ids[row] in emphasised)
    looks = {row: (id_colour(ids[row]), 2) if ids[row] in emphasised else (_OTHERS, 1) for row in shown}
    for row in shown:
        colour, thickness = looks[row]
        cv2.rectangle(panel, boxes[row][:2], boxes[row][2:], colour, thickness)
    placer = LabelPlacer(panel, _SCALE)
    for row in reversed(shown):
        placer.put(boxes[row], [str(ids[row])], *looks[row])


def _touches_panel(box: Rectangle) -> bool:
    return box[0] < _PANEL[0] and box[1] < _PANEL[1] and box[2] > 0 and box[3] > 0


def _captioned(panel: Image, text: str) -> Image:
    bar = np.full((_CAPTION, panel.shape[1], 3), 255, np.uint8)
    put_text(bar, (0, 1), text, _SCALE, (40, 40, 40))
    return np.concatenate([panel, bar])
