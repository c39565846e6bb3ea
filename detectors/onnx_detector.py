"""Any known ONNX detector: from a picture to detections."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.classes import names_of, wanted_ids
from detectors.engine import Engine, EngineOptions, SizeError, build_engine
from detectors.graph import load_graph, native_size
from detectors.imgsz import ASPECT_TOLERANCE, aspect_error, auto_size, parse_imgsz, pixel_factor
from detectors.layouts import Candidates, FloatArray, Size
from detectors.manifest import manifest_for, with_conventions
from detectors.nms import nms
from detectors.normalise import take_bytes
from detectors.preprocess import Fit, check_frame
from detectors.reading import Reading
from detectors.session import providers_for
from nanomot.detections import Detections, valid_rows
from nanomot.errors import NanomotError
from nanomot.timing import StageClock

_log = logging.getLogger("nanomot.detectors")
_T = TypeVar("_T")

_OPEN_SIZE = (416, 416)
"""Input size of a file that leaves it open and has no manifest that says otherwise."""
_MOST_ENGINES = 4
_MOST_FITS = 8


class Prepared(NamedTuple):
    """A picture ready for its network."""

    engine: Engine
    fit: Fit
    planes: NDArray[np.generic]


class Inferred(NamedTuple):
    """A network's outputs for a picture."""

    engine: Engine
    fit: Fit
    outputs: list[FloatArray]


class OnnxDetector:
    """A detector in an ONNX file, run by onnxruntime.

    Args:
        path: the file.
        conf: lowest score to report, from 0 to 1.
        nms: boxes of one class whose IoU with a better one is above this are dropped, from 0 to 1.
        imgsz: ``"native"`` (the file's own input size), ``"auto"`` (as many pixels at the picture's aspect ratio;
            ``"auto*2"``: twice as many), or a size, see :func:`detectors.imgsz.parse_imgsz`.
        classes: numbers or names of the classes to keep; None keeps all.
        threads: of onnxruntime inside one operator; None leaves the choice to it.
        device: ``cpu``, ``cuda``, ``cuda:N`` or a GPU's number.
        manifest: what the file cannot say, as a mapping, a YAML file or a name in ``configs/detectors``.
        zoo_manifest: the same from the model zoo; ``manifest`` and a side-car file go before it.
        clock: adds up the stages ``preprocess``, ``inference`` (the bare session run) and ``postprocess``.

    Raises:
        NanomotError: the file is no detector of a known layout, or an option does not fit.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        conf: float = 0.1,
        nms: float = 0.6,
        imgsz: str | int | Sequence[int] = "auto",
        classes: Sequence[int | str] | None = None,
        threads: int | None = None,
        device: str = "cpu",
        manifest: str | Path | Mapping[str, Any] | None = None,
        zoo_manifest: Mapping[str, Any] | None = None,
        clock: StageClock | None = None,
    ) -> None:
        self.path = Path(path)
        self.clock = StageClock() if clock is None else clock
        self._conf, self._nms = _fraction(conf, "conf"), _fraction(nms, "nms")
        self._imgsz = parse_imgsz(imgsz)
        self._threads, self._device = threads, device
        model = load_graph(self.path)
        stated = manifest_for(self.path, manifest, zoo_manifest or {})
        self._resize_stated = stated.resize is not None
        self._native: Size = native_size(model) or stated.imgsz or _OPEN_SIZE
        self._manifest = replace(stated, imgsz=self._native)
        probe = self._probe(model)
        self.family, self._logits = probe.head.family, probe.logits
        self._manifest = with_conventions(self._manifest, self.family)
        self._model = take_bytes(model, self._manifest.mean or (), self._manifest.std or (), self._manifest.color or "")
        count = probe.head.num_classes
        self.num_classes = count
        self.class_names: Sequence[str] = names_of(count, self._manifest.class_names)
        self._wanted = wanted_ids(classes, self.class_names, count, self.path.name)
        # Logits are left to NumPy, as is the rest where a session runs elsewhere than on the processor.
        in_graph = not self._logits and providers_for(device) == ["CPUExecutionProvider"]
        self._reading = Reading(self._conf, self._nms, self._wanted) if in_graph else None
        self._engines: OrderedDict[Size, Engine] = OrderedDict()
        self._fits: OrderedDict[Size, tuple[Engine, Fit]] = OrderedDict()
        self._warned: set[str] = set()
        self.input_shape: Size | None = None
        if not isinstance(self._imgsz, str) or self._imgsz == "native":
            self.input_shape = self._engine(self._native if isinstance(self._imgsz, str) else self._imgsz).size

    def detect(self, frame: NDArray[np.uint8]) -> Detections:
        """Find objects in one BGR uint8 picture of shape (H, W, 3); best score first, boxes in its pixels.

        Raises:
            NanomotError: the frame is no such picture.
        """
        return self.finish(self.infer(self.prepare(frame)))

    def prepare(self, frame: NDArray[np.uint8]) -> Prepared:
        """The first third of :meth:`detect`: the picture as an input of the network at the size that suits it."""
        with self.clock("preprocess"):
            height, width = check_frame(frame).shape[:2]
            engine, fit = _remembered(self._fits, (height, width), _MOST_FITS, self._fit)
            return Prepared(engine, fit, fit.planes(frame))

    def infer(self, prepared: Prepared) -> Inferred:
        """The second third, nearly all of the time: the network, whose graph reads its own outputs where it can."""
        with self.clock("inference"):
            return Inferred(prepared.engine, prepared.fit, prepared.engine.run(prepared.planes, prepared.fit.table))

    def finish(self, inferred: Inferred) -> Detections:
        """The last third: boxes from the network's outputs."""
        with self.clock("postprocess"):
            found = inferred.engine.read(inferred.outputs, self._conf, self._wanted, self._logits)
            return self._detections(found, inferred.fit)

    def describe(self) -> str:
        """One line for logs: the file, its family, its classes and its input."""
        size = "as the picture" if self.input_shape is None else "{}x{}".format(*self.input_shape)
        threads = "onnxruntime's choice of threads" if self._threads is None else f"{self._threads} thread(s)"
        return (
            f"{self.path.name}: {self.family}, {self.num_classes} class(es), input {size} "
            f"(the file's {self._native[0]}x{self._native[1]}), {self._device}, {threads}"
        )

    def _detections(self, found: Candidates, fit: Fit) -> Detections:
        boxes, scores, class_ids = fit.to_frame(found.boxes), found.scores, found.class_ids
        # A box that is wrong or not a number is so after clipping too; only infinite ones look sound then.
        sized = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        if found.broken or not sized.all() or not np.isfinite(found.boxes).all():
            good = valid_rows(found.boxes, scores)
            if found.broken or not good.all():
                self._warn(
                    "broken",
                    "%s: the network gives scores or boxes that are not numbers, or boxes without size; dropped.",
                    self.path.name,
                )
            # What lies wholly in a letterbox's border has no size once it is clipped: dropped without a word.
            keep = good & sized
            boxes, scores, class_ids = boxes[keep], scores[keep], class_ids[keep]
        if found.suppressed:
            return Detections.trusted(boxes, scores.astype(np.float64), class_ids)
        kept = nms(boxes, scores, class_ids, self._nms)
        return Detections.trusted(boxes[kept].astype(np.float64), scores[kept].astype(np.float64), class_ids[kept])

    def _fit(self, frame: Size) -> tuple[Engine, Fit]:
        """Choose input size and resize for pictures of one size; the only place where that is decided."""
        engine = self._engine_for(frame)
        resize = self._manifest.resize or "stretch"
        # Letterboxing spends cells on its border. It is worth them only where stretching would deform the picture.
        if not self._resize_stated and self._imgsz != "native" and aspect_error(engine.size, frame) <= ASPECT_TOLERANCE:
            resize = "stretch"
        self.input_shape = engine.size
        return engine, Fit(frame, engine.size, resize, self._manifest.pad or 0)

    def _engine_for(self, frame: Size) -> Engine:
        if self._imgsz == "native":
            return self._engine(self._native)
        if not isinstance(self._imgsz, str):
            return self._engine(self._imgsz)
        size = auto_size(self._native, frame, pixel_factor(self._imgsz))
        try:
            return self._build(size)
        except SizeError as error:
            self._warn(
                "fixed",
                "%s: its graph cannot be given another input size (%s); the file's own %dx%d is used.",
                *(self.path.name, error, *self._native),
            )
            return self._engine(self._native)

    def _engine(self, size: Size) -> Engine:
        try:
            return self._build(size)
        except SizeError as error:
            raise NanomotError(
                f"{self.path}: does not run with an input of {size[0]}x{size[1]} ({error}); use imgsz native."
            ) from error

    def _build(self, size: Size) -> Engine:
        def build(wanted: Size) -> Engine:
            options = EngineOptions(self._threads, self._device, self._reading)
            try:
                engine = build_engine(self._model, wanted, self._manifest, self.path.name, options)
            except NanomotError as error:
                raise SizeError(f"its outputs do not follow the input's size: {error}") from error
            if (engine.head.family, engine.head.num_classes) != (self.family, self.num_classes):
                raise SizeError("its outputs change their meaning with the input's size")
            return engine

        return _remembered(self._engines, size, _MOST_ENGINES, build)

    def _probe(self, model: Any) -> Engine:
        """The network as the file has it, to learn its family before its input is changed."""
        try:
            options = EngineOptions(self._threads, self._device)
            return build_engine(model, self._native, self._manifest, str(self.path), options)
        except SizeError as error:
            raise NanomotError(f"{self.path}: onnxruntime cannot run it ({error}).") from error

    def _warn(self, key: str, message: str, *values: object) -> None:
        if key not in self._warned:
            self._warned.add(key)
            _log.warning(message, *values)


def _fraction(value: float, name: str) -> float:
    if not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise NanomotError(f"{name} is {value!r}, but must be a number from 0 to 1.")
    return float(value)


def _remembered(cache: OrderedDict[Size, _T], key: Size, most: int, make: Callable[[Size], _T]) -> _T:
    """The cached value of ``key``, made where absent; the one used longest ago goes when there are too many."""
    if key not in cache:
        cache[key] = make(key)
        if len(cache) > most:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]
