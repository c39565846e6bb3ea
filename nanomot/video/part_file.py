"""Text output that survives a crash: written beside its place, flushed every second, moved there when complete."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from nanomot.errors import NanomotError

_FLUSH_SECONDS = 1.0


class PartFile:
    """Writes ``<path>.part`` and renames it to ``path`` on close; a file that was there before stays until then.

    When a write fails (disk full), the ``.part`` file keeps what reached the disk, and ``close`` leaves it there.

    Raises:
        NanomotError: the folder cannot be made or written to, ``path`` is a folder, or a write fails.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.part = part_path(self.path)
        prepare_output(self.path)
        try:
            self._file = self.part.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise NanomotError(f"{self.part}: cannot be written ({error.strerror}).") from error
        self._flushed = time.monotonic()

    def write(self, text: str) -> None:
        """Add text; it reaches the operating system within a second of the next call."""
        try:
            self._file.write(text)
            now = time.monotonic()
            if now - self._flushed >= _FLUSH_SECONDS:
                self._file.flush()
                self._flushed = now
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Finish the file under its own name; safe to call twice."""
        if self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.part.replace(self.path)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> NanomotError:
        """Give the file up: close it where it is, and say so."""
        # Closing flushes once more, which fails for the same reason.
        with contextlib.suppress(OSError):
            self._file.close()
        return NanomotError(
            f"{self.path}: cannot be written ({error.strerror}); what was written so far is in {self.part.name}."
        )


def prepare_output(path: Path) -> None:
    """Make the folder of an output file.

    Raises:
        NanomotError: that fails, or ``path`` itself is a folder.
    """
    if path.is_dir():
        raise NanomotError(f"{path}: is a folder; a file is to be written here.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NanomotError(f"{path.parent}: the folder cannot be made ({error.strerror}).") from error


def part_path(path: Path) -> Path:
    """Where a file lies while it is written: ``<path>.part``."""
    return path.with_name(f"{path.name}.part")
