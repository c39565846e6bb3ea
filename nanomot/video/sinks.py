"""What takes results: MOTChallenge, CSV and JSON-lines files behind one protocol."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from nanomot.boxes import xyxy_to_tlwh
from nanomot.detections import Source, Tracks
from nanomot.video.frames import Frame
from nanomot.video.part_file import PartFile

CSV_COLUMNS = ("frame", "time", "id", "class_id", "class_name", "score", "x1", "y1", "x2", "y2", "source")

_SOURCE_NAMES = {int(source): source.name.lower() for source in Source}


class Sink(Protocol):
    """Whatever takes the tracks of every frame, in order, frames without tracks too."""

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Take one frame's tracks."""
        ...

    def close(self) -> None:
        """Finish the output; safe to call twice."""
        ...


class _TextSink:
    """A sink that writes a text file through :class:`PartFile`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = PartFile(self.path)

    def close(self) -> None:
        """Finish the file under its own name; safe to call twice."""
        self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MotWriter(_TextSink):
    """MOTChallenge results: one line ``frame,id,x,y,w,h,score,-1,-1,-1`` per track, frames counted from 1.

    Coordinates are pixels with two decimals, scores have four. An existing file is replaced, never added to. Other
    columns than the first seven are not used by the challenge (Milan et al. 2016, section 4).
    """

    def __enter__(self) -> MotWriter:
        return self

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Write one frame's tracks."""
        count = len(tracks)
        if not count:
            return
        rows = np.empty((count, 6))
        rows[:, 0] = tracks.ids
        rows[:, 1:5] = xyxy_to_tlwh(tracks.boxes)
        rows[:, 5] = tracks.scores
        line = f"{frame.index + 1},%d,%.2f,%.2f,%.2f,%.2f,%.4f,-1,-1,-1\n"
        self._file.write(line * count % tuple(rows.ravel().tolist()))


class CsvWriter(_TextSink):
    """A table with one row per track and a header, see ``CSV_COLUMNS``; frames are counted from 1.

    ``class_names`` gives each class id its name; a class without one has an empty cell. ``source`` tells what supports
    the box: detected, held or predicted.
    """

    def __init__(self, path: str | Path, *, class_names: Sequence[str] = ()) -> None:
        super().__init__(path)
        self._cells = [_csv_cell(name) for name in class_names]
        self._file.write(",".join(CSV_COLUMNS) + "\n")

    def __enter__(self) -> CsvWriter:
        return self

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Write one frame's tracks."""
        start = f"{frame.index + 1},{frame.time:.4f}"
        self._file.write(
            "".join(
                f"{start},{track_id},{class_id},{_name(self._cells, class_id)},{score:.4f},"
                f"{x1:.2f},{y1:.2f},{x2:.2f},{y2:.2f},{_SOURCE_NAMES[source]}\n"
                for (x1, y1, x2, y2), track_id, score, class_id, source in _rows(tracks)
            )
        )


class JsonlWriter(_TextSink):
    """One JSON object per line and frame: ``{"frame", "time", "valid", "tracks": [{"id", ...}, ...]}``.

    Every frame has its line, without tracks too; frames are counted from 1 and boxes are ``xyxy`` in pixels.
    """

    def __init__(self, path: str | Path, *, class_names: Sequence[str] = ()) -> None:
        super().__init__(path)
        self._names = list(class_names)

    def __enter__(self) -> JsonlWriter:
        return self

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Write one frame's tracks."""
        record = {
            "frame": frame.index + 1,
            "time": round(frame.time, 4),
            "valid": frame.valid,
            "tracks": [
                {
                    "id": track_id,
                    "class_id": class_id,
                    "class_name": _name(self._names, class_id),
                    "score": round(score, 4),
                    "box": [round(value, 2) for value in box],
                    "source": _SOURCE_NAMES[source],
                }
                for box, track_id, score, class_id, source in _rows(tracks)
            ],
        }
        self._file.write(json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n")


def _rows(tracks: Tracks) -> zip[tuple[list[float], int, float, int, int]]:
    """The tracks as plain Python numbers: box, id, score, class id, source."""
    return zip(
        tracks.boxes.tolist(),
        tracks.ids.tolist(),
        tracks.scores.tolist(),
        tracks.class_ids.tolist(),
        tracks.sources.tolist(),
        strict=True,
    )


def _name(names: Sequence[str], class_id: int) -> str:
    return names[class_id] if 0 <= class_id < len(names) else ""


def _csv_cell(text: str) -> str:
    """``text`` quoted as CSV needs it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([text])
    return buffer.getvalue()
