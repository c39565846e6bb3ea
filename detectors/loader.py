"""The one way in: a name or a path becomes a detector.

A kind of detector is one function in its own file and one line in ``DETECTORS``; packages of others offer theirs as
entry points of the group ``nanomot.detectors``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from nanomot.detections import Detector
from nanomot.errors import NanomotError
from nanomot.timing import StageClock

_log = logging.getLogger("nanomot.detectors")

ENTRY_POINTS = "nanomot.detectors"
REPLAY_SUFFIXES = (".txt", ".json", ".npz")
_NETWORK_OPTIONS: Mapping[str, Any] = {
    "nms": 0.6, "imgsz": "auto", "tiles": None, "threads": None, "device": "cpu", "manifest": None,
}  # fmt: skip
"""Options that mean something to a network alone, with what they are when nobody asks for anything."""


def load_detector(
    name_or_path: str | Path,
    *,
    conf: float = 0.1,
    nms: float = 0.6,
    imgsz: str | int | Sequence[int] = "auto",
    classes: Sequence[int | str] | None = None,
    tiles: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    manifest: str | Path | Mapping[str, Any] | None = None,
    clock: StageClock | None = None,
) -> Detector:
    """Make the detector of a zoo name, an ONNX file, stored detections, ``"motion"``, or a plug-in's name.

    Options are those of :class:`detectors.onnx_detector.OnnxDetector`; ``tiles`` (``"3x1"``) searches overlapping
    parts of the frame too. Detectors without a network take ``conf`` and ``classes``, and say so of the others.

    Raises:
        NanomotError: there is no such detector, or its file or an option is at fault.
    """
    options: dict[str, Any] = {
        "conf": conf, "nms": nms, "imgsz": imgsz, "classes": classes, "tiles": tiles, "threads": threads,
        "device": device, "manifest": manifest, "clock": clock,
    }  # fmt: skip
    name = str(name_or_path)
    if name in DETECTORS:
        return DETECTORS[name](name, **options)
    plugin = _plugin(name)
    if plugin is not None:
        return plugin(**options)
    path = Path(name_or_path)
    if path.is_dir() or path.suffix.lower() in REPLAY_SUFFIXES:
        return _replay(name, **options)
    return _network(name, **options)


def _network(name: str, *, tiles: str | None, **options: Any) -> Detector:
    from detectors.onnx_detector import OnnxDetector
    from detectors.tiles import TiledDetector
    from detectors.zoo import resolve_model

    model = resolve_model(name)
    detector = OnnxDetector(model.path, zoo_manifest=model.manifest, **options)
    return detector if tiles is None else TiledDetector(detector, tiles, options["nms"])


def _motion(
    name: str, *, conf: float, classes: Sequence[int | str] | None, clock: StageClock | None, **others: Any
) -> Detector:
    from detectors.motion import MotionDetector

    _warn_unused(name, others)
    return MotionDetector(conf=conf, classes=classes, clock=clock)


def _replay(name: str, *, conf: float, classes: Sequence[int | str] | None, **others: Any) -> Detector:
    from detectors.replay import load_replay

    _warn_unused(name, others)
    return load_replay(name, conf=conf, classes=classes)


def _warn_unused(name: str, options: Mapping[str, Any]) -> None:
    unused = [key for key, default in _NETWORK_OPTIONS.items() if options[key] != default]
    if unused:
        _log.warning("%s: runs no network, so %s has no effect.", name, ", ".join(unused))


def _plugin(name: str) -> Callable[..., Detector] | None:
    """The detector that an installed package offers under this name, or None."""
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == name:
            try:
                factory: Callable[..., Detector] = entry.load()
            except Exception as error:
                raise NanomotError(
                    f"detector {name!r}: the package that offers it ({entry.value}) cannot be loaded ({error})."
                ) from error
            return factory
    return None


DETECTORS: dict[str, Callable[..., Detector]] = {
    "motion": _motion,
}
