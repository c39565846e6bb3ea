"""Optuna's journal of a search in a folder that one run at a time may use, whole after whatever ended the last one."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from nanomot.errors import NanomotError

_LOG = logging.getLogger("nanomot.tune")

JOURNAL = "study.journal"
_LOCK = "study.lock"
_BLOCK = 1 << 16


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other runs out of ``folder``; the operating system gives the lock back however this process ends.

    Raises:
        NanomotError: another run is at work there, or the folder cannot be written to.
    """
    path = folder / _LOCK
    try:
        file = path.open("a+b")
    except OSError as error:
        raise NanomotError(f"{path}: cannot be written ({error.strerror}).") from error
    with file:
        try:
            _take(file)
        except BlockingIOError as error:
            raise NanomotError(f"{folder}: another search is at work in this folder.") from error
        except OSError as error:
            _LOG.warning("%s: this file system knows no locks (%s); run one search at a time.", path, error.strerror)
        yield


if sys.platform == "win32":  # pragma: no cover  # tested where it runs
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def cut_torn_line(path: Path) -> None:
    """Drop what a killed process wrote of its last line: the next line would be glued to it."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(end - _BLOCK, 0)
            file.seek(begin)
            at = file.read(end - begin).rfind(b"\n")
            if at >= 0:
                end = begin + at + 1
                break
            end = begin
        file.truncate(end)


class _HeldAlready:
    """Stands in for Optuna's lock files, which a killed process leaves behind: the folder's lock is enough."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


def open_journal(path: Path) -> Any:
    """Optuna's storage in the file ``path``; the caller holds the folder's lock."""
    from optuna.storages import JournalStorage

    try:
        from optuna.storages.journal import JournalFileBackend
    except ImportError:  # Optuna 3
        from optuna.storages import JournalFileStorage as JournalFileBackend
    cut_torn_line(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna 3 calls it experimental
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_HeldAlready()))  # type: ignore[arg-type]
