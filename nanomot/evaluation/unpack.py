"""Unpacking a zip or tar archive whose content is not trusted; what is there already is not written again."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from tqdm import tqdm

from nanomot.errors import NanomotError
from nanomot.video.part_file import part_path

Parts = tuple[str, ...]
Arrangement = Callable[[Sequence[Parts]], Sequence["Parts | None"]]

_BLOCK = 1 << 18
_MUCH = 10**9
_HIGHEST_RATIO = 200
_ENCRYPTED = 0x1
_ZIP_START = b"PK"
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, ValueError, OSError),
)
"""What Python's readers raise for archives that are damaged or that they do not know."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Member:
    """One entry of an archive; ``fault`` says why it must not be unpacked, ``crc`` is None where there is none."""

    name: str
    size: int
    crc: int | None
    is_folder: bool
    fault: str
    entry: Any


@dataclass(frozen=True)
class _File:
    """A member, and the path below the target that it gets."""

    member: _Member
    parts: Parts


class _Source(Protocol):
    """What zip and tar have in common."""

    def members(self) -> Iterator[_Member]: ...

    def open(self, member: _Member) -> IO[bytes]: ...


def unpack(archive: Path, target: Path, arrange: Arrangement | None = None) -> dict[str, int]:
    """Unpack the files of ``archive`` below the folder ``target``; an interrupted run is continued by the next one.

    Everything is checked before the first byte is written. Files appear under their names when they are complete and
    their checksum is right; those that are there already, with the same size and CRC-32, are left as they are.

    Args:
        archive: zip, or tar with any compression that Python knows.
        target: folder; made where it is missing.
        arrange: gets the paths of all files as tuples of names and returns where each goes below ``target``, None for
            those that are not wanted; without it, all keep their paths.

    Returns:
        Size in bytes by path below ``target`` (with ``/``) of every file that was wanted.

    Raises:
        NanomotError: the archive is damaged or encrypted; a member's path would leave the folder, means something else
            on another system, or is taken by another member; a member is a link or a device; the archive is a
            bomb; the disk is too small.
    """
    with contextlib.ExitStack() as stack:
        source = _open(archive, stack)
        files = _plan(archive, source, arrange)
        _refuse_bombs(archive, sum(file.member.size for file in files))
        for folder in sorted({file.parts[:-1] for file in files}):
            _refuse_links(target, target.joinpath(*folder))
        todo = [file for file in files if not _is_complete(target.joinpath(*file.parts), file.member)]
        total = sum(file.member.size for file in todo)
        require_space(target, total, f"to unpack {archive.name}")
        # tqdm with disable=None shows nothing where the output is not a terminal.
        with tqdm(total=total, unit="B", unit_scale=True, desc=f"unpacking {archive.name}", disable=None) as bar:
            for file in todo:
                _write(archive, source, file.member, target.joinpath(*file.parts), bar.update)
    return {"/".join(file.parts): file.member.size for file in files}


def require_space(folder: Path, size: int, purpose: str) -> None:
    """Check that ``size`` bytes fit on the disk of ``folder``, which need not exist yet.

    Raises:
        NanomotError: they do not.
    """
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path())
    free = shutil.disk_usage(there).free
    if size > free:
        raise NanomotError(
            f"{folder}: {size / 1e9:.2f} GB are needed {purpose}, but {free / 1e9:.2f} GB are free on this disk."
        )


def _open(archive: Path, stack: contextlib.ExitStack) -> _Source:
    """The archive by its content, whatever its name says; ``stack`` closes it."""
    try:
        with archive.open("rb") as file:
            is_zip = file.read(len(_ZIP_START)) == _ZIP_START
        if is_zip:
            return _ZipSource(stack.enter_context(zipfile.ZipFile(archive)))
        return _TarSource(stack.enter_context(tarfile.open(archive)))
    except _DAMAGE as error:
        raise NanomotError(f"{archive}: cannot be read as a zip or tar archive ({error}).") from error


class _ZipSource:
    """A zip file's members."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened

    def members(self) -> Iterator[_Member]:
        for entry in self._opened.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            fault = ""
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                fault = "is a link or a device"
            elif entry.flag_bits & _ENCRYPTED:
                fault = "is encrypted"
            # Not entry.filename, from which Python has cut off what follows a NUL.
            name = entry.orig_filename
            yield _Member(name, entry.file_size, entry.CRC, name.endswith("/"), fault, entry)

    def open(self, member: _Member) -> IO[bytes]:
        return self._opened.open(member.entry)


class _TarSource:
    """A tar file's members, which carry no checksums."""

    def __init__(self, opened: tarfile.TarFile) -> None:
        self._opened = opened

    def members(self) -> Iterator[_Member]:
        for entry in self._opened:
            plain = entry.isdir() or (entry.isreg() and not entry.issparse())
            yield _Member(entry.name, entry.size, None, entry.isdir(), "" if plain else "is a link or a device", entry)

    def open(self, member: _Member) -> IO[bytes]:
        stream = self._opened.extractfile(member.entry)
        assert stream is not None  # members that are not files have been refused
        return stream


def _plan(archive: Path, source: _Source, arrange: Arrangement | None) -> list[_File]:
    """All files that are wanted, once each, with their places; refuses the whole archive for one bad member."""
    members, paths = [], []
    for member in _listed(archive, source):
        parts, fault = _safe_parts(member.name)
        if fault or member.fault:
            raise NanomotError(f"{archive}: its member {member.name!r} {member.fault or fault}; nothing was unpacked.")
        if not member.is_folder:
            members.append(member)
            paths.append(parts)
    places = paths if arrange is None else arrange(paths)
    files: dict[Parts, _File] = {}
    claimed: dict[Parts, tuple[Parts, bool]] = {}
    for member, place in zip(members, places, strict=True):
        if place is None:
            continue
        if place in files and _are_same(files[place].member, member):
            continue
        _claim(archive, place, claimed)
        files[place] = _File(member, place)
    return list(files.values())


def _are_same(one: _Member, other: _Member) -> bool:
    return one.crc is not None and (one.size, one.crc) == (other.size, other.crc)


def _listed(archive: Path, source: _Source) -> list[_Member]:
    try:
        return list(source.members())
    except _DAMAGE as error:
        raise NanomotError(
            f"{archive}: its list of files is damaged ({error}); delete it and fetch it again."
        ) from error


def _safe_parts(name: str) -> tuple[Parts, str]:
    """A member's path as names, and what is wrong with it (empty where nothing is) on any operating system."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or not parts:
        return parts, "has a path that is not below a folder"
    if ".." in parts:
        return parts, "has a path that leads out of the folder"
    if re.search(r'[\\:*?"<>|\x00-\x1f\x7f]', name):
        return parts, "has a character in its path that has another meaning on some systems"
    if any(part.endswith((".", " ")) or _RESERVED.fullmatch(part) for part in parts):
        return parts, "has a name in its path that has another meaning on some systems"
    return parts, ""


def _claim(archive: Path, place: Parts, claimed: dict[Parts, tuple[Parts, bool]]) -> None:
    """Take a file's path and those of its folders; refuse what would be one path on some systems and two on others."""
    for length in range(1, len(place) + 1):
        path, is_file = place[:length], length == len(place)
        key = tuple(unicodedata.normalize("NFC", part).casefold() for part in path)
        if key not in claimed:
            claimed[key] = (path, is_file)
        elif is_file or claimed[key] != (path, False):
            raise NanomotError(
                f"{archive}: its members {'/'.join(claimed[key][0])!r} and {'/'.join(place)!r} need the same place; "
                "nothing was unpacked."
            )


def _refuse_bombs(archive: Path, size: int) -> None:
    """Few bytes that stand for very many are no benchmark: pictures hardly shrink, tables to a tenth."""
    ratio = size / max(archive.stat().st_size, 1)
    if size > _MUCH and ratio > _HIGHEST_RATIO:
        raise NanomotError(
            f"{archive}: would unpack to {size / 1e9:.1f} GB, {ratio:.0f} times its own size, as no collection of "
            "pictures does; nothing was unpacked."
        )


def _refuse_links(target: Path, folder: Path) -> None:
    """A link that lies in the target already must not lead the files elsewhere."""
    root, real = os.path.realpath(target), os.path.realpath(folder)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise NanomotError(f"{folder}: is a link that leads out of {target}; nothing was unpacked.")


def _is_complete(path: Path, member: _Member) -> bool:
    """Whether the file is there with the member's size and checksum."""
    if member.crc is None or not path.is_file() or path.stat().st_size != member.size:
        return False
    crc = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                crc = zlib.crc32(block, crc)
    except OSError:
        return False
    return crc == member.crc


def _write(archive: Path, source: _Source, member: _Member, path: Path, progress: Callable[[int], Any]) -> None:
    """Write one file beside its place and move it there when it is complete."""
    part = part_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        try:
            with part.open("xb") as file:
                for block in _blocks(archive, source, member):
                    file.write(block)
                    progress(len(block))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise NanomotError(
            f"{path}: cannot be written ({error.strerror or error}); run it again to continue."
        ) from error


def _blocks(archive: Path, source: _Source, member: _Member) -> Iterator[bytes]:
    """The member's content, which must be as long as the archive says."""
    count = 0
    try:
        with source.open(member) as stream:
            while block := stream.read(min(_BLOCK, member.size - count + 1)):
                count += len(block)
                if count > member.size:
                    break
                yield block
    except _DAMAGE as error:
        raise NanomotError(_damaged(archive, member, str(error))) from error
    if count != member.size:
        raise NanomotError(_damaged(archive, member, f"its length is not the {member.size} bytes that are stated"))


def _damaged(archive: Path, member: _Member, reason: str) -> str:
    return f"{archive}: its member {member.name!r} is damaged ({reason}); delete the archive and fetch it again."
