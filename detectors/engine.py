"""One network at one input size: its session and the head that reads its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from detectors.graph import with_size
from detectors.layouts import Candidates, FloatArray, Head, Size, recognise
from detectors.manifest import Manifest
from detectors.outputs import Order, restore, without_last_transposes
from detectors.reading import FIT, GraphHead, Reading, read_rows, with_reading
from detectors.registry import RECOGNISERS
from detectors.session import create_session
from nanomot.errors import NanomotError

_PROBABILITY_SLACK = 1e-3
_AS_IT_IS = np.repeat(np.array([[0.0], [1.0], [np.inf]], dtype=np.float32), 4, axis=1)


@dataclass(frozen=True)
class EngineOptions:
    """How a network is run; its graph does the ``reading``, where it can."""

    threads: int | None
    device: str
    reading: Reading | None = None


class SizeError(Exception):
    """A graph does not run at the size that was asked of it."""


@dataclass(frozen=True)
class Engine:
    """A session with its head.

    Attributes:
        session: takes bytes (1, 3, height, width) in BGR.
        head: decodes the outputs.
        size: (height, width) of the input in pixels.
        entry: name of the input.
        logits: whether class scores still need the sigmoid.
        orders: order of axes that each output is brought to.
        reading: what the graph itself reads; None where it gives its outputs as they are.
    """

    session: ort.InferenceSession
    head: Head
    size: Size
    entry: str
    logits: bool
    orders: tuple[Order | None, ...]
    reading: Reading | None = None

    def run(self, planes: NDArray[np.generic], fit: NDArray[np.float32] = _AS_IT_IS) -> list[FloatArray]:
        """The network's outputs for one input, as its graph lays them out.

        ``fit`` is :attr:`detectors.preprocess.Fit.table` of the picture, in which boxes are suppressed.
        """
        inputs = {self.entry: planes} if self.reading is None else {self.entry: planes, FIT: fit}
        outputs: list[FloatArray] = self.session.run(None, inputs)
        return outputs

    def read(
        self, outputs: Sequence[FloatArray], conf: float, wanted: NDArray[np.int64] | None, logits: bool
    ) -> Candidates:
        """Candidates in what :meth:`run` gave, see :meth:`detectors.layouts.Head.decode`."""
        if self.reading is not None:
            return read_rows(outputs, self.reading)
        return self.head.decode(restore(outputs, self.orders), conf, wanted, logits)


def build_engine(model: onnx.ModelProto, size: Size, manifest: Manifest, name: str, options: EngineOptions) -> Engine:
    """Make a session for an input of ``size``, run it once on noise, and recognise its outputs.

    The run gives the outputs' true shapes and the range of the scores, and warms the session up. Where the graph can
    do the ``reading``, another session that does takes its place.

    Raises:
        SizeError: the graph cannot be built or run at this size.
        NanomotError: its outputs have no known layout, or an ambiguous one.
    """
    try:
        graph, orders = without_last_transposes(with_size(model, size))
        session = create_session(graph.SerializeToString(), threads=options.threads, device=options.device)
        entry = session.get_inputs()[0]
        outputs: list[Any] = restore(session.run(None, {entry.name: _noise(size, entry.type)}), orders)
    except NanomotError:
        raise
    except Exception as error:  # onnxruntime's error types share no base of their own
        raise SizeError(" ".join(str(error).split())) from error
    head = recognise(RECOGNISERS, [output.shape for output in outputs], size, manifest, name)
    engine = Engine(session, head, size, entry.name, _are_logits(head, outputs, manifest), orders)
    if options.reading is None or not isinstance(head, GraphHead):
        return engine
    read = with_reading(graph, head, outputs, options.reading)
    if read is None:
        return engine
    session = create_session(read.SerializeToString(), threads=options.threads, device=options.device)
    engine = replace(engine, session=session, reading=options.reading)
    engine.run(_noise(size, entry.type))
    return engine


def _noise(size: Size, kind: str) -> NDArray[np.generic]:
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, *size))
    return noise.astype({"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}.get(kind, np.float32))


def _are_logits(head: Head, outputs: Sequence[FloatArray], manifest: Manifest) -> bool:
    if manifest.scores in ("logits", "probabilities"):
        return manifest.scores == "logits"
    low, high = head.score_range(outputs)
    return low < -_PROBABILITY_SLACK or high > 1.0 + _PROBABILITY_SLACK
