"""A benchmark's archives: where they are fetched from, what belongs where, and what has been unpacked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from nanomot.errors import NanomotError
from nanomot.evaluation.unpack import Parts
from nanomot.evaluation.whole_file import write_whole

_BLOCK = 1 << 18
_REQUIRED = {"url"}
_KEYS = {*_REQUIRED, "size", "sha256", "split", "folder"}


@dataclass(frozen=True)
class Archive:
    """One archive of a benchmark.

    Attributes:
        url: official address.
        size: bytes, where known.
        sha256: digest, where known.
        split: the only split that it holds; empty where it holds all.
        folder: the name that this split's folder has in the archive, where that is another one.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    split: str = ""
    folder: str = ""

    @property
    def name(self) -> str:
        """Its file's name."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name


def parse_archives(path: Path, values: Any, splits: Mapping[str, str]) -> tuple[Archive, ...]:
    """The archives that a benchmark's YAML file lists.

    Raises:
        NanomotError: an entry is malformed; the message names the file and the key.
    """
    if not isinstance(values, list):
        raise NanomotError(f"{path}: archives must be a list, not {values!r}.")
    return tuple(_parse_archive(path, entry, splits) for entry in values)


def _parse_archive(path: Path, entry: Any, splits: Mapping[str, str]) -> Archive:
    if not isinstance(entry, dict) or set(entry) - _KEYS or _REQUIRED - set(entry):
        raise NanomotError(f"{path}: an archive has the keys {', '.join(sorted(_KEYS))}, not {entry!r}.")
    archive = Archive(**entry)
    good = {
        "url": isinstance(archive.url, str) and re.fullmatch(r"https?://.+/[\w.-]*\w", archive.url),
        "size": archive.size is None or (type(archive.size) is int and archive.size > 0),
        "sha256": archive.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", str(archive.sha256)),
        "split": archive.split == "" or archive.split in splits,
        "folder": archive.folder == "" or (isinstance(archive.folder, str) and bool(archive.split)),
    }
    for key, is_good in good.items():
        if not is_good:
            raise NanomotError(f"{path}: an archive's {key} has the value {entry[key]!r}, which makes no sense.")
    return archive


def arrange(paths: Sequence[Parts], archive: Archive, splits: Mapping[str, str]) -> list[Parts | None]:
    """Where an archive's files go below the benchmark's folder: ``MOT17/train/a`` and ``train/a`` to ``train/a``.

    Folders around everything are taken off; what belongs to no split (a read-me, a system's own files) is left out.

    Args:
        paths: of the files in the archive.
        archive: whose ``folder`` becomes that of its ``split``.
        splits: name of a split -> its folder.

    Raises:
        NanomotError: none of the splits' folders is in it.
    """
    folders = {folder: folder for folder in splits.values()}
    if archive.folder:
        folders[archive.folder] = splits[archive.split]
    wanted = [path for path in paths if not _is_system_file(path)]
    depths = [depth for path in wanted for depth, name in enumerate(path[:-2]) if name in folders]
    if not depths:
        raise NanomotError(
            f"{archive.name}: holds none of the folders {', '.join(folders)} with sequences; nothing was unpacked."
        )
    depth = min(depths)
    kept = {path for path in wanted if len(path) > depth + 2 and path[depth] in folders}
    return [(folders[path[depth]], *path[depth + 1 :]) if path in kept else None for path in paths]


def _is_system_file(path: Parts) -> bool:
    return path[0] == "__MACOSX" or path[-1].startswith("._") or path[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Record:
    """What is known of an archive that has been unpacked; it lies beside it and stays when the archive goes.

    Attributes:
        url: where it came from.
        size: bytes.
        sha256: digest.
        files: path below the benchmark's folder -> bytes of all that were unpacked.
    """

    url: str
    size: int
    sha256: str
    files: Mapping[str, int] = field(default_factory=dict)

    def is_unpacked(self, folder: Path) -> bool:
        """Whether all files lie below ``folder``, with their sizes."""
        try:
            return bool(self.files) and all((folder / name).stat().st_size == size for name, size in self.files.items())
        except OSError:
            return False


def record_path(archive: Path) -> Path:
    """Where an archive's record lies: ``<archive>.json``."""
    return archive.with_name(f"{archive.name}.json")


def write_record(archive: Path, record: Record) -> None:
    """Keep the record of an archive.

    Raises:
        NanomotError: the file cannot be written.
    """
    write_whole(record_path(archive), (json.dumps(asdict(record), indent=1) + "\n").encode())


def read_record(archive: Path) -> Record | None:
    """The record of an archive; None where there is none.

    Raises:
        NanomotError: the file is not such a record.
    """
    path = record_path(archive)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**values)
        if not (isinstance(record.sha256, str) and isinstance(record.files, dict)):
            raise TypeError("sha256 and files")
        return record
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError) as error:
        raise NanomotError(f"{path}: is not the record of an archive ({error}); delete it.") from error


def sha256_of(path: Path) -> str:
    """The digest of a file.

    Raises:
        NanomotError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    return digest.hexdigest()
