"""Where a run's results lie, and closing all of them whatever happened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from nanomot.detections import Tracks
from nanomot.errors import NanomotError
from nanomot.video.frames import Frame
from nanomot.video.part_file import part_path
from nanomot.video.sinks import Sink

_LOG = logging.getLogger("nanomot")


def run_folder(project: str | Path, name: str, *, exist_ok: bool) -> Path:
    """Make and return ``<project>/<name>``, or with the next free number behind the name where that exists.

    Raises:
        NanomotError: the folder cannot be made, or ``name`` is a path.
    """
    if name in ("", ".", "..") or Path(name).name != name:
        raise NanomotError(f"--name must be the name of a folder in {project}, not {name!r}.")
    base = Path(project).expanduser() / name
    number = 1
    while True:
        folder = base if number == 1 else base.with_name(f"{base.name}{number}")
        try:
            folder.mkdir(parents=True, exist_ok=exist_ok)
        except FileExistsError as error:
            if exist_ok or not folder.is_dir():
                raise NanomotError(f"{folder}: is a file, so results cannot be written there.") from error
            number += 1
        except OSError as error:
            raise NanomotError(f"{folder}: cannot be made ({error.strerror}).") from error
        else:
            return folder


class Outputs:
    """Several sinks as one; closing goes through all of them and reports the first that failed."""

    def __init__(self, inputs: Sequence[str | Path | None] = ()) -> None:
        """``inputs`` are files of the user's that no output may replace."""
        self._inputs = [Path(entry).expanduser() for entry in inputs if entry is not None]
        self._sinks: list[tuple[Path, Sink]] = []

    def add(self, path: Path, make: Callable[[Path], Sink]) -> None:
        """Write to ``make(path)`` as well.

        Raises:
            NanomotError: the file, or its name while it is written, is one of the inputs.
        """
        for target in (path, part_path(path), path.with_name(f"{path.stem}.part{path.suffix}")):
            for entry in self._inputs:
                if target.exists() and entry.exists() and target.samefile(entry):
                    raise NanomotError(f"{entry}: is an input, and {path} would replace it; choose another --name.")
        self._sinks.append((path, make(path)))

    @property
    def paths(self) -> list[Path]:
        """The files that are there, in the order in which they were added."""
        return [path for path, _ in self._sinks if path.exists()]

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """Hand one frame to every sink."""
        for _, sink in self._sinks:
            sink.write(frame, tracks)

    def close(self) -> None:
        """Close every sink.

        Raises:
            NanomotError: one of them could not be closed; the others were.
        """
        failure: NanomotError | None = None
        for _, sink in self._sinks:
            try:
                sink.close()
            except NanomotError as error:
                if failure is not None:
                    _LOG.error("%s", failure)
                failure = error
        if failure is not None:
            raise failure
