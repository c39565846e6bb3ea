"""Detectors that answer from a file: stored detections, so that trackers can be compared on the same boxes."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.classes import COCO_NAMES, wanted_ids
from nanomot.boxes import tlwh_to_xyxy
from nanomot.detections import Detections, valid_rows
from nanomot.errors import NanomotError

_log = logging.getLogger("nanomot.detectors.replay")

_MOT_COLUMNS = 7
_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""The numbers that COCO's 91 category ids leave out; the 80 others are the usual class ids, in order."""


@dataclass(frozen=True, eq=False)
class _Table:
    """All rows of a file: frames (N,) from 1, boxes (N, 4) ``xyxy``, scores (N,), class ids (N,)."""

    frames: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    class_ids: NDArray[np.int64]
    class_names: tuple[str, ...] = ()


class ReplayDetector:
    """Answer with the stored detections of one frame after the other; the pictures are not looked at.

    Args:
        frames: (N,) frame numbers from 1, in any order.
        boxes: (N, 4) ``xyxy`` in pixels.
        scores: (N,) as stored; nothing scales them to [0, 1].
        class_ids: (N,) or None for class 0 throughout.
        class_names: what class ids mean; empty where that is not known.

    Attributes:
        frame_count: the highest frame number that has a detection.
    """

    def __init__(
        self,
        frames: NDArray[np.int64],
        boxes: NDArray[np.float64],
        scores: NDArray[np.float64],
        class_ids: NDArray[np.int64] | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        order = np.argsort(frames, kind="stable")
        self._frames = np.asarray(frames, np.int64)[order]
        self._all = Detections(boxes, scores, class_ids)[order]
        self.class_names: Sequence[str] = tuple(class_names)
        self.frame_count = int(self._frames[-1]) if len(order) else 0
        self._next = 0

    def __len__(self) -> int:
        """How many detections there are in all frames together."""
        return len(self._all)

    def seek(self, frame_index: int) -> None:
        """Make the next ``detect`` answer for the frame of this index (0 is the first)."""
        if frame_index < 0:
            raise NanomotError(f"replay: frame index {frame_index} is negative; the first frame has index 0.")
        self._next = frame_index

    def detect(self, frame: NDArray[np.uint8] | None = None) -> Detections:
        """The detections of the current frame, then move on by one; a frame without any gives none."""
        number = self._next + 1
        self._next = number
        begin, end = np.searchsorted(self._frames, (number, number + 1))
        return self._all[begin:end]


def load_replay(
    path: str | Path,
    conf: float = 0.1,
    classes: Sequence[int | str] | None = None,
    *,
    sequence: str | None = None,
    any_range: bool = False,
) -> ReplayDetector:
    """Load stored detections: MOTChallenge ``det.txt``, COCO results ``.json`` or ``.npz``.

    Args:
        path: the file, or a folder with one file per sequence (``<sequence>.txt``, ``.json``, ``.npz``, or
            ``<sequence>/det/det.txt``), or a MOTChallenge sequence folder.
        conf: detections with a lower score are dropped; scores are taken as they are stored, in any range.
        classes: classes to keep, by number or name; None keeps all.
        sequence: which file of a folder.
        any_range: scores outside 0 to 1 are expected (the caller scales them), so there is no warning of them.

    ``det.txt`` lines are ``frame, id, x, y, w, h, score`` and up to three more columns, which are not used. An ``.npz``
    holds ``frame`` from 1, ``boxes_xyxy``, ``scores`` and perhaps ``class_ids`` (COCO's eighty, unless it has
    ``class_names`` too). COCO results are a list of ``image_id``, ``category_id``, ``bbox`` (x, y, w, h) and ``score``,
    where the image id is the frame's number from 1; a mapping of such ``annotations`` with ``images`` and
    ``categories`` tables is read as well.

    Boxes that are not finite or have no size are dropped, and one warning says how many.

    Raises:
        NanomotError: the file is missing or malformed; the message names it and the line or the entry.
    """
    source = _find(Path(path), sequence)
    reader = _READERS.get(source.suffix.lower())
    if reader is None:
        raise NanomotError(f"{source}: stored detections are .txt, .json or .npz files, not {source.suffix or 'this'}.")
    table = reader(source)
    good = valid_rows(table.boxes, table.scores)
    if not good.all():
        _log.warning("%s: %d of %d boxes are NaN or inverted and were dropped.", source, np.sum(~good), len(good))
    if not len(good):
        _log.warning("%s: holds no detections.", source)
    if not any_range and ((table.scores[good] < 0.0) | (table.scores[good] > 1.0)).any():
        _log.warning(
            "%s: scores run from %.4g to %.4g, but trackers' thresholds are meant for 0 to 1; set them to suit.",
            *(source, table.scores[good].min(), table.scores[good].max()),
        )
    keep = good & (table.scores >= conf)
    count = len(table.class_names) or int(table.class_ids.max(initial=0)) + 1
    wanted = wanted_ids(classes, table.class_names, count, str(source))
    if wanted is not None:
        keep &= np.isin(table.class_ids, wanted)
    return ReplayDetector(
        table.frames[keep], table.boxes[keep], table.scores[keep], table.class_ids[keep], table.class_names
    )


def _find(path: Path, sequence: str | None) -> Path:
    """The file that ``path`` means, with ``sequence`` where it is a folder."""
    if not path.exists():
        raise NanomotError(f"{path}: there is no such file or folder of detections.")
    if not path.is_dir():
        return path
    if sequence is None and (path / "det" / "det.txt").is_file():
        return path / "det" / "det.txt"
    files = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in _READERS)
    if sequence is None:
        if len(files) == 1:
            return files[0]
        raise NanomotError(f"{path}: holds {len(files)} files of detections; say which sequence is meant.")
    candidates = [entry for entry in files if entry.stem == sequence] + [path / sequence / "det" / "det.txt"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    names = ", ".join(entry.stem for entry in files[:12]) or "none"
    raise NanomotError(f"{path}: has no detections of the sequence {sequence} (there are: {names}).")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise NanomotError(f"{path}: is not a text file.") from error


def _read_mot(path: Path) -> _Table:
    """MOTChallenge detections, comma or blank separated."""
    lines = _read_text(path).splitlines()
    delimiter = "," if any("," in line for line in lines[:5]) else None
    rows = _parse_rows(path, lines, delimiter)
    return _Table(
        rows[:, 0].astype(np.int64),
        _corners(rows[:, 2:6]),
        rows[:, 6],
        np.zeros(len(rows), np.int64),
        ("person",),
    )


def _parse_rows(path: Path, lines: list[str], delimiter: str | None) -> NDArray[np.float64]:
    """The first seven columns of all lines, (N, 7); a line that cannot be used is named."""
    if not any(line.split("#", 1)[0].strip() for line in lines):
        return np.empty((0, _MOT_COLUMNS))
    try:
        rows = np.loadtxt(lines, delimiter=delimiter, usecols=range(_MOT_COLUMNS), ndmin=2, dtype=np.float64)
    except (ValueError, IndexError) as error:
        raise NanomotError(_blame_line(path, lines, delimiter)) from error
    if not _are_frame_numbers(rows[:, 0]).all():
        raise NanomotError(_blame_line(path, lines, delimiter))
    return rows


def _are_frame_numbers(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    numbers: NDArray[np.bool_] = np.isfinite(values) & (values >= 1.0) & (values < 2**53) & (values == np.floor(values))
    return numbers


def _is_frame_number(value: float) -> bool:
    return bool(_are_frame_numbers(np.array([value], np.float64))[0])


def _blame_line(path: Path, lines: list[str], delimiter: str | None) -> str:
    """The sentence that names the first line which is not a detection."""
    for number, line in enumerate(lines, start=1):
        content = line.split("#", 1)[0].strip()
        fields = content.split(delimiter)
        if not content:
            continue
        if len(fields) < _MOT_COLUMNS:
            return (
                f"{path}, line {number}: has {len(fields)} columns instead of 7 to 10 (frame, id, x, y, w, h, score)."
            )
        try:
            values = [float(field) for field in fields[:_MOT_COLUMNS]]
        except ValueError:
            return f"{path}, line {number}: holds something that is not a number ({content[:60]!r})."
        if not _is_frame_number(values[0]):
            return f"{path}, line {number}: {fields[0].strip()} is not a frame number; frames are counted from 1."
    return f"{path}: is not a table of detections."


def _corners(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(tlwh_to_xyxy(boxes), np.float64)


def _read_npz(path: Path) -> _Table:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise NanomotError(f"{path}: is not a readable .npz archive.") from error
    missing = [name for name in ("frame", "boxes_xyxy", "scores") if name not in arrays]
    if missing:
        raise NanomotError(f"{path}: has no array named {' or '.join(missing)}.")
    count = len(arrays["frame"]) if arrays["frame"].ndim == 1 else -1
    class_ids = arrays.get("class_ids", np.zeros(max(count, 0), np.int64))
    for name, array, shape in (
        ("frame", arrays["frame"], (count,)),
        ("boxes_xyxy", arrays["boxes_xyxy"], (count, 4)),
        ("scores", arrays["scores"], (count,)),
        ("class_ids", class_ids, (count,)),
    ):
        if array.shape != shape or array.dtype.kind not in "iuf":
            raise NanomotError(f"{path}: {name} must hold numbers for {max(count, 0)} detections, not {array.shape}.")
    frames = arrays["frame"].astype(np.float64)
    if not _are_frame_numbers(frames).all():
        row = int(np.argmin(_are_frame_numbers(frames)))
        raise NanomotError(
            f"{path}: frame {frames[row]:g} in row {row} is not a frame number; they are counted from 1."
        )
    if not ((class_ids >= 0) & (class_ids < _MOST_CLASSES) & (class_ids == np.floor(class_ids))).all():
        raise NanomotError(f"{path}: class_ids must be whole numbers from 0 on.")
    return _Table(
        frames.astype(np.int64),
        arrays["boxes_xyxy"].astype(np.float64),
        arrays["scores"].astype(np.float64),
        class_ids.astype(np.int64),
        _npz_names(arrays, class_ids),
    )


def _npz_names(arrays: Mapping[str, NDArray[Any]], class_ids: NDArray[Any]) -> tuple[str, ...]:
    """The archive's own ``class_names``, else COCO's where the ids can be COCO's; boxes without a class are people."""
    if "class_names" in arrays:
        return tuple(str(name) for name in arrays["class_names"].ravel())
    if "class_ids" not in arrays:
        return ("person",)
    return COCO_NAMES if class_ids.max(initial=0) < len(COCO_NAMES) else ()


def _read_coco(path: Path) -> _Table:
    """COCO results: a list, or a mapping of tables with ``annotations``."""
    try:
        content = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise NanomotError(f"{path}, line {error.lineno}: is not valid JSON ({error.msg}).") from error
    except RecursionError as error:
        raise NanomotError(f"{path}: is nested too deeply to hold detections.") from error
    tables: Mapping[str, Any] = content if isinstance(content, dict) else {"annotations": content}
    entries = tables.get("annotations")
    if not isinstance(entries, list):
        raise NanomotError(f"{path}: must hold a list of detections, or a mapping with a list named annotations.")
    try:
        frame_of_image = _frames_of_images(tables.get("images"))
        categories = tables.get("categories")
        class_of_category = (
            {int(category["id"]): row for row, category in enumerate(categories)} if categories else _coco_classes()
        )
        names = tuple(str(category["name"]) for category in categories) if categories else COCO_NAMES
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NanomotError(f"{path}: its images or categories table is malformed ({error}).") from error
    rows = np.array(list(_coco_rows(path, entries, frame_of_image, class_of_category)), np.float64).reshape(-1, 7)
    return _Table(rows[:, 0].astype(np.int64), _corners(rows[:, 2:6]), rows[:, 6], rows[:, 1].astype(np.int64), names)


def _frames_of_images(images: Any) -> dict[Any, int] | None:
    """Frame number of each image id: its ``frame_id``, else its place in the table, from 1."""
    if images is None:
        return None
    return {image["id"]: int(image.get("frame_id", place)) for place, image in enumerate(images, start=1)}


def _coco_classes() -> dict[int, int]:
    ids = (number for number in range(1, 91) if number not in _COCO_GAPS)
    return {category: class_id for class_id, category in enumerate(ids)}


def _coco_rows(
    path: Path, entries: list[Any], frame_of_image: dict[Any, int] | None, class_of_category: dict[int, int]
) -> Iterable[tuple[float, ...]]:
    """Yield frame, class id, x, y, w, h, score; an entry that cannot be used is named."""
    for number, entry in enumerate(entries, start=1):
        try:
            image = entry["image_id"]
            frame = float(image) if frame_of_image is None else frame_of_image[image]
            class_id = class_of_category[int(entry["category_id"])]
            x, y, width, height = (float(value) for value in entry["bbox"])
            score = float(entry["score"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise NanomotError(
                f"{path}, entry {number}: is not a detection with a known image_id and category_id, a bbox of four "
                f"numbers and a score ({type(error).__name__}: {error})."
            ) from error
        if not _is_frame_number(frame):
            raise NanomotError(f"{path}, entry {number}: {frame:g} is not a frame number; they are counted from 1.")
        yield frame, class_id, x, y, width, height, score


_MOST_CLASSES = 1_000_000
_READERS = {".txt": _read_mot, ".json": _read_coco, ".npz": _read_npz}
