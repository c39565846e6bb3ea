"""What a detector's file cannot say of itself: conventions of its input and numbers that shapes leave open.

A manifest is a YAML mapping beside the model (``<model>.yaml``), in the zoo's entry, or given by hand, also as the name
of a file in ``configs/detectors/``. Every key is optional. ``configs/detectors/<family>.yaml`` holds the conventions of
each family.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from nanomot.errors import NanomotError
from nanomot.resources import configs_dir, load_yaml

RESIZES = ("stretch", "letterbox", "letterbox-topleft")
COLORS = ("bgr", "rgb")
SCORES = ("auto", "probabilities", "logits")

_LARGEST = 1e5
"""No size in pixels and no value of a pixel is beyond this."""


@dataclass(frozen=True)
class Manifest:
    """Settings of one detector; None means that the automatic choice decides.

    Attributes:
        family: the head to decode with: nanodet, nanodet-plus, picodet, yolox, yolov5, yolov8 or fastestdet.
        classes: how many classes there are, or their names in order.
        reg_max: largest distance bin of a NanoDet or PicoDet head; there are ``reg_max + 1`` bins.
        strides: pixels per cell of each level.
        cell_offset: where in its cell a box is anchored: 0 is the top left corner, 0.5 the centre.
        scores: whether class scores are probabilities or logits; auto looks at their range.
        decoded: a YOLOX file whose boxes are in pixels already.
        imgsz: (height, width) in pixels that the model was trained for; needed where the file leaves them open.
        resize: how a picture is brought to the input's size.
        pad: grey value of the border that letterboxing leaves.
        mean: per channel, subtracted, in the order of ``color``.
        std: per channel, divided by.
        color: order of the channels that the model was trained with.
    """

    family: str | None = None
    classes: int | tuple[str, ...] | None = None
    reg_max: int | None = None
    strides: tuple[int, ...] | None = None
    cell_offset: float | None = None
    scores: str | None = None
    decoded: bool | None = None
    imgsz: tuple[int, int] | None = None
    resize: str | None = None
    pad: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    color: str | None = None

    @property
    def num_classes(self) -> int | None:
        """How many classes the manifest says there are, or None."""
        return len(self.classes) if isinstance(self.classes, tuple) else self.classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The class names that the manifest lists, or None."""
        return self.classes if isinstance(self.classes, tuple) else None

    def over(self, base: Manifest) -> Manifest:
        """Fill what this manifest leaves open from ``base``."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(base, **{name: value for name, value in values.items() if value is not None})


def parse_manifest(content: Mapping[str, Any], origin: str) -> Manifest:
    """Check a mapping and make a manifest of it.

    Raises:
        NanomotError: a key is unknown (the nearest known one is named) or a value does not fit; ``origin`` is named.
    """
    known = {field.name for field in fields(Manifest)}
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), sorted(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(sorted(known))}."
            raise NanomotError(f"{origin}: unknown key {key!r}; {hint}")
        if value is not None:
            try:
                values[key] = _CHECKS[key](value)
            except (TypeError, ValueError) as error:
                raise NanomotError(f"{origin}: {key} is {value!r}, but must be {error}.") from error
    return Manifest(**values)


def load_manifest(source: str | Path | Mapping[str, Any]) -> Manifest:
    """A manifest from a mapping, a YAML file, or the name of one in ``configs/detectors``.

    Raises:
        NanomotError: there is no such file or name, or its content does not fit.
    """
    if isinstance(source, Mapping):
        return parse_manifest(source, "manifest")
    path = Path(source)
    if not path.is_file():
        shipped = configs_dir() / "detectors" / f"{source}.yaml"
        if not shipped.is_file():
            names = sorted(entry.stem for entry in shipped.parent.glob("*.yaml"))
            raise NanomotError(f"{source}: no such manifest; it is neither a file nor one of {', '.join(names)}.")
        path = shipped
    return parse_manifest(load_yaml(path), str(path))


def manifest_for(model: Path, given: str | Path | Mapping[str, Any] | None, zoo: Mapping[str, Any]) -> Manifest:
    """All that is said about ``model``: the ``given`` manifest over ``<model>.yaml`` over the zoo's entry."""
    manifest = parse_manifest(zoo, f"the zoo's entry of {model.name}")
    beside = model.with_suffix(".yaml")
    if beside.is_file():
        manifest = load_manifest(beside).over(manifest)
    return manifest if given is None else load_manifest(given).over(manifest)


def with_conventions(manifest: Manifest, family: str) -> Manifest:
    """``manifest`` completed with the input conventions of its family, from ``configs/detectors/<family>.yaml``."""
    return manifest.over(load_manifest(configs_dir() / "detectors" / f"{family}.yaml"))


def _choice(*allowed: str) -> Any:
    def check(value: Any) -> str:
        text = str(value).lower()
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return check


def _whole(low: int, high: int) -> Any:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return check


def _numbers(what: str, *, positive: bool, whole: bool = False, count: int | None = None) -> Any:
    def check(value: Any) -> tuple[float, ...]:
        if not isinstance(value, (list, tuple)) or not value or (count is not None and len(value) != count):
            raise ValueError(what)
        for entry in value:
            if isinstance(entry, bool) or not isinstance(entry, int if whole else (int, float)):
                raise ValueError(what)
            if not math.isfinite(entry) or abs(entry) > _LARGEST or (positive and not entry > 0):
                raise ValueError(what)
        return tuple(value)

    return check


def _classes(value: Any) -> int | tuple[str, ...]:
    what = "a number of classes or a list of different names"
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if not isinstance(value, (list, tuple)) or not value or len({str(name) for name in value}) != len(value):
        raise ValueError(what)
    return tuple(str(name) for name in value)


def _offset(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError("a number from 0 (corner of the cell) to 1; 0.5 is its centre")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


_CHECKS: dict[str, Any] = {
    "family": lambda value: str(value).lower(),
    "classes": _classes,
    "reg_max": _whole(1, 63),
    "strides": _numbers("a list of whole numbers above 0", positive=True, whole=True),
    "cell_offset": _offset,
    "scores": _choice(*SCORES),
    "decoded": _flag,
    "imgsz": _numbers("[height, width] in whole pixels above 0", positive=True, whole=True, count=2),
    "resize": _choice(*RESIZES),
    "pad": _whole(0, 255),
    "mean": _numbers("three numbers", positive=False, count=3),
    "std": _numbers("three numbers above 0", positive=True, count=3),
    "color": _choice(*COLORS),
}
