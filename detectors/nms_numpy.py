"""Non-maximum suppression with nothing but NumPy, for devices without onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import iou_matrix


def nms_numpy(
    boxes: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]], class_ids: NDArray[Any], threshold: float
) -> NDArray[np.int64]:
    """The same rows as :func:`detectors.nms.nms`: kept ones, best score first.

    Every round keeps all boxes that no better remaining box suppresses, so that the loop runs as often as
    suppression is nested, not once per box.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float32), kind="stable")
    ranked = np.asarray(boxes, dtype=np.float64)[order]
    same = class_ids[order][:, None] == class_ids[order][None, :]
    beats = np.triu(same & (iou_matrix(ranked, ranked) > threshold), k=1)
    kept = np.zeros(len(order), dtype=bool)
    undecided = np.ones(len(order), dtype=bool)
    while undecided.any():
        free = undecided & ~beats[undecided].any(axis=0)
        kept |= free
        undecided &= ~free & ~beats[free].any(axis=0)
    return order[kept].astype(np.int64)
