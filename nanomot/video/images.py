"""Pictures in files: one picture, a folder of them, a MOTChallenge sequence."""

from __future__ import annotations

import configparser
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from nanomot.errors import NanomotError
from nanomot.video.frames import Frame, FrameSource, Image

_LOG = logging.getLogger("nanomot.video")

IMAGE_EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"})

_LONGEST_SEQUENCE = 10_000_000


class ImageFilesSource(FrameSource):
    """Pictures in files, one frame each, in the order given; a frame's time is its index divided by ``fps``.

    ``paths`` may hold None for a picture that is known to be missing. Such a frame and one that cannot be read are
    yielded as invalid, so that numbers never shift; one warning at the end counts them.

    Raises:
        NanomotError: not one of the pictures can be read.
    """

    def __init__(self, paths: Sequence[Path | None], *, fps: float, name: str, where: Path) -> None:
        super().__init__(name, fps=fps, frame_count=len(paths))
        self._paths = paths
        self._rate = fps
        self._where = where
        self._blank = self._first_readable()

    def __iter__(self) -> Iterator[Frame]:
        last = self._blank
        bad: list[int] = []
        warned = False
        try:
            for index, path in enumerate(self._paths):
                image = None if path is None else read_image(path)
                if image is None:
                    bad.append(index)
                else:
                    if image.shape != self._blank.shape and not warned:
                        warned = True
                        _LOG.warning("%s: differs in size from the pictures before it; boxes are in its pixels.", path)
                    last = image
                yield Frame(index, index / self._rate, last, image is not None)
        finally:
            if bad:
                _LOG.warning(
                    "%s: %d of %d pictures are missing or cannot be read (the first is number %d); they are passed on "
                    "as invalid frames, so that frame numbers stay true.",
                    self._where,
                    len(bad),
                    len(self._paths),
                    bad[0] + 1,
                )

    def frame(self, index: int) -> Frame:
        """One frame alone, without the pictures before it; black and invalid where its picture cannot be read.

        Raises:
            NanomotError: there is no frame of this index (0 is the first).
        """
        if not 0 <= index < len(self._paths):
            raise NanomotError(f"{self._where}: has no frame {index + 1}; it has {len(self._paths)}.")
        path = self._paths[index]
        image = None if path is None else read_image(path)
        return Frame(index, index / self._rate, self._blank if image is None else image, image is not None)

    def _first_readable(self) -> Image:
        for path in self._paths:
            image = None if path is None else read_image(path)
            if image is not None:
                return np.zeros_like(image)
        raise NanomotError(f"{self._where}: not one of its {len(self._paths)} pictures can be read.")


def open_image(path: Path, fps: float) -> FrameSource:
    """One picture as a sequence of a single frame."""
    return ImageFilesSource([path], fps=fps, name=path.stem, where=path)


def open_image_folder(folder: Path, fps: float) -> FrameSource:
    """The pictures of a folder in natural order (img2 before img10), or a MOTChallenge sequence.

    A folder is such a sequence when it holds ``seqinfo.ini``, or when it is the picture folder of one that does.

    Raises:
        NanomotError: the folder holds no picture; ``seqinfo.ini`` cannot be used.
    """
    sequence = _sequence_of(folder)
    if sequence is not None:
        return open_mot_sequence(sequence)
    return ImageFilesSource(_pictures_in_order(folder), fps=fps, name=folder.resolve().name, where=folder)


def picture_paths(folder: Path) -> Sequence[Path | None]:
    """The pictures that :func:`open_image_folder` reads, one for each frame; None for one that is missing.

    Raises:
        NanomotError: the folder holds no picture; ``seqinfo.ini`` cannot be used.
    """
    sequence = _sequence_of(folder)
    paths = _pictures_in_order(folder) if sequence is None else _numbered_pictures(sequence)
    if not any(paths):
        raise NanomotError(f"{folder}: holds none of the pictures that its seqinfo.ini describes.")
    return paths


def _sequence_of(folder: Path) -> Path | None:
    """The MOTChallenge sequence that a folder is, or whose picture folder it is."""
    if (folder / "seqinfo.ini").is_file():
        return folder
    place = folder.resolve()
    ini = place.parent / "seqinfo.ini"
    return place.parent if ini.is_file() and read_seqinfo(ini).get("imDir") == place.name else None


def _pictures_in_order(folder: Path) -> list[Path | None]:
    paths = sorted(_images_in(folder), key=lambda path: natural_key(path.name))
    if not paths:
        raise NanomotError(f"{folder}: holds neither pictures nor a seqinfo.ini.")
    return list(paths)


def open_mot_sequence(folder: Path) -> FrameSource:
    """Frames 1 to ``seqLength`` of a MOTChallenge sequence, by the number in the file's name.

    Raises:
        NanomotError: ``seqinfo.ini`` lacks a key or has a value that makes no sense, or the pictures are not there.
    """
    ini = folder / "seqinfo.ini"
    info = read_seqinfo(ini)
    fps = _positive(info, "frameRate", ini)
    where = folder / info.get("imDir", "img1")
    return ImageFilesSource(_numbered_pictures(folder), fps=fps, name=folder.resolve().name, where=where)


def _numbered_pictures(folder: Path) -> list[Path | None]:
    ini = folder / "seqinfo.ini"
    info = read_seqinfo(ini)
    length = _positive(info, "seqLength", ini)
    if length != int(length) or length > _LONGEST_SEQUENCE:
        raise NanomotError(
            f"{ini}: seqLength must be a whole number up to {_LONGEST_SEQUENCE}, not {info['seqLength']}."
        )
    extension = info.get("imExt", "").lower()
    image_dir = folder / info.get("imDir", "img1")
    if not image_dir.is_dir():
        raise NanomotError(f"{image_dir}: is not there, but {ini} names it as the folder of the pictures.")
    numbered: dict[int, Path] = {}
    for path in _images_in(image_dir):
        digits = re.search(r"\d+$", path.stem)
        if digits and extension in ("", path.suffix.lower()):
            numbered[int(digits.group())] = path
    return [numbered.get(number) for number in range(1, int(length) + 1)]


def read_seqinfo(path: Path) -> dict[str, str]:
    """The keys and values of a ``seqinfo.ini``, spelt as they are there.

    Raises:
        NanomotError: the file cannot be read or has no section ``[Sequence]``.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        return dict(parser["Sequence"])
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    except (configparser.Error, UnicodeDecodeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise NanomotError(f"{path}: is not a MOTChallenge sequence description ({reason}).") from error


def read_image(path: Path) -> Image | None:
    """One picture as (H, W, 3) uint8 BGR; None where it cannot be read."""
    try:
        # Not cv2.imread: it cannot open every path that Python can (on Windows), and warns on stderr by itself.
        content = np.fromfile(path, dtype=np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that orders runs of digits by their value: img2 comes before img10."""
    parts = re.findall(r"\d+|\D+", name.lower())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def _images_in(folder: Path) -> list[Path]:
    try:
        return [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_EXTENSIONS and path.is_file() and not path.name.startswith(".")
        ]
    except OSError as error:
        raise NanomotError(f"{folder}: cannot be read ({error.strerror}).") from error


def _positive(info: dict[str, str], key: str, ini: Path) -> float:
    try:
        value = float(info[key])
    except KeyError:
        raise NanomotError(f"{ini}: lacks the key {key}.") from None
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e9:
        raise NanomotError(f"{ini}: {key} must be a number above 0, not {info[key]!r}.")
    return value
