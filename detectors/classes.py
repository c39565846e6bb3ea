"""What class numbers mean: COCO's eighty names, and the user's choice of classes."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nanomot.errors import NanomotError

_log = logging.getLogger("nanomot.detectors")

COCO_NAMES: tuple[str, ...] = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)
"""The 80 categories of COCO 2017 in the order in which detectors number them; person is 0."""


PERSON_IF_KNOWN = "person?"
"""As ``classes``: people where the model has a class of that name, everything otherwise."""
_PERSON_NAMES = frozenset(("person", "pedestrian", "people", "human"))


def names_of(num_classes: int, given: Sequence[str] | None) -> tuple[str, ...]:
    """The names of a model's classes: those ``given``, COCO's where there are eighty, empty where not known."""
    if given is not None:
        return tuple(given)
    return COCO_NAMES if num_classes == len(COCO_NAMES) else ()


def wanted_ids(
    classes: Sequence[int | str] | None, names: Sequence[str], num_classes: int, model: str
) -> NDArray[np.int64] | None:
    """Class numbers to keep, sorted, from numbers, names or a mixture; None keeps all.

    ``"person?"`` keeps people where the model knows them by name, and everything where it does not.

    A model with a single class of unknown name is one that its user trained for one purpose: a name asked of it is
    taken for that class, with a warning.

    Raises:
        NanomotError: a number is out of range or a name is not one of the model's.
    """
    if classes == PERSON_IF_KNOWN:
        classes = [name for name in names if name.lower() in _PERSON_NAMES] or None
    if classes is None:
        return None
    if isinstance(classes, (str, int)):
        classes = [classes]
    ids = {_class_id(entry, names, num_classes, model) for entry in classes}
    if not ids:
        raise NanomotError(f"{model}: no class is asked for; leave classes out to keep all {num_classes}.")
    return None if len(ids) == num_classes else np.array(sorted(ids), dtype=np.int64)


def _class_id(entry: int | str, names: Sequence[str], num_classes: int, model: str) -> int:
    text = str(entry).strip()
    if text.isdecimal() and text.isascii():
        if int(text) >= num_classes:
            raise NanomotError(f"{model}: there is no class {text}; the model has the classes 0 to {num_classes - 1}.")
        return int(text)
    lowered = [name.lower() for name in names]
    if text.lower() in lowered:
        return lowered.index(text.lower())
    if not names and num_classes == 1:
        _log.warning("%s: the name of its only class is not known; it is taken for %r.", model, text)
        return 0
    if not names:
        raise NanomotError(
            f"{model}: class {text!r} cannot be looked up, because the names of its {num_classes} classes are not "
            "known; ask by number, or list the names as `classes` in a manifest."
        )
    near = difflib.get_close_matches(text.lower(), lowered, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise NanomotError(f"{model}: has no class {text!r}{hint}")
