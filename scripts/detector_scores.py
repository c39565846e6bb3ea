"""What a detector's scores are worth: the probability that a box of a score is a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import iou_matrix, tlwh_to_xyxy
from nanomot.detections import Detections
from nanomot.errors import NanomotError
from nanomot.evaluation.result_files import CLASS, FRAME, PLACE, SCORE, read_truth
from nanomot.evaluation.scoring import DevSequence
from nanomot.suppression import suppress

Array = NDArray[np.float64]

MATCH_IOU = 0.5
PERSON = 1
_COLUMNS = 9
_NEAREST = 1e-6
_RIDGE = 1e-6
_STEPS = 50


@dataclass(frozen=True)
class JudgedBoxes:
    """Boxes of one sequence that are either a person or not.

    Attributes:
        scores: (N,).
        true: (N,) whether the box is a person of the truth.
    """

    scores: Array
    true: NDArray[np.bool_]


def judged_boxes(dev: DevSequence, *, nms_iou: float, least: float) -> JudgedBoxes:
    """The boxes from the score ``least`` on that suppression leaves, less those on people or things to be ignored.

    What is ignored are rows of the truth with score 0 and those of other classes than persons (MOTChallenge).
    """
    truth = dev.sequence.truth
    if truth is None:
        raise NanomotError(f"{dev.sequence.folder}: has no ground truth (gt/gt.txt), so nothing is known of its boxes.")
    has_classes = dev.preprocessing != "MOT15"
    rows = read_truth(truth, dev.sequence.length, columns=_COLUMNS, has_classes=has_classes)
    counts = rows[:, SCORE] > 0
    if has_classes:
        counts &= rows[:, CLASS] == PERSON
    boxes = np.asarray(tlwh_to_xyxy(rows[:, PLACE]), np.float64)
    scores, true = [np.empty(0)], [np.empty(0, bool)]
    for number, found in enumerate(dev.boxes_of(dev.sequence), start=1):
        usable = found[found.scores >= least]
        usable = usable[suppress(usable.boxes, usable.scores, usable.class_ids, nms_iou)]
        here = rows[:, FRAME] == number
        verdict = judged_frame(usable, boxes[here & counts], boxes[here & ~counts])
        scores.append(usable.scores[verdict >= 0])
        true.append(verdict[verdict >= 0] > 0)
    return JudgedBoxes(np.concatenate(scores), np.concatenate(true))


def judged_frame(found: Detections, people: Array, ignored: Array) -> NDArray[np.int64]:
    """For each box of a frame 1 where it is a person, 0 where it is none, -1 where it lies on something ignored.

    A box is a person where its IoU with one that no better box has claimed is at least ``MATCH_IOU``: the best score
    chooses first, and takes the one that it overlaps most.
    """
    verdict = np.zeros(len(found), np.int64)
    if len(people):
        overlaps = iou_matrix(found.boxes, people)
        for row in np.argsort(-found.scores, kind="stable"):
            column = int(overlaps[row].argmax())
            if overlaps[row, column] >= MATCH_IOU:
                verdict[row] = 1
                overlaps[:, column] = -1.0
    if len(ignored):
        verdict[(verdict == 0) & (iou_matrix(found.boxes, ignored).max(axis=1) >= MATCH_IOU)] = -1
    return verdict


@dataclass(frozen=True)
class Curve:
    """log(P / (1 - P)) = offset + slope * log(score / (1 - score)), where P is the probability of a person."""

    offset: float
    slope: float

    def at(self, score: float) -> float:
        """The probability at a score."""
        return float(1.0 / (1.0 + np.exp(-(self.offset + self.slope * _logit(np.array([score]))[0]))))

    def score_of(self, probability: float) -> float:
        """The score at which a probability is reached."""
        wanted = float(_logit(np.array([probability]))[0])
        return float(1.0 / (1.0 + np.exp(-(wanted - self.offset) / self.slope)))


def fit_curve(parts: Sequence[JudgedBoxes]) -> Curve:
    """Logistic regression (Platt, 1999) on the scores' logarithmic odds, in which every sequence weighs the same.

    Two numbers are all that some thousand boxes of three scenes tell: with a sequence left out, the score of a given
    probability moves by a third of what it does with isotonic regression.

    Raises:
        NanomotError: the boxes do not tell, because all or none of them are people, or better scores are not truer.
    """
    parts = [part for part in parts if len(part.scores)]
    scores = np.concatenate([np.empty(0), *(part.scores for part in parts)])
    true = np.concatenate([np.empty(0), *(part.true for part in parts)])
    weights = np.concatenate([np.empty(0), *(np.full(len(part.scores), 1.0 / len(part.scores)) for part in parts)])
    if len(np.unique(true)) < 2:
        raise NanomotError("Boxes of people and of others are needed to tell what a score is worth.")
    columns = np.stack([np.ones_like(scores), _logit(scores)], axis=1)
    values = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        expected = 1.0 / (1.0 + np.exp(-columns @ values))
        gradient = columns.T @ (weights * (true - expected)) - _RIDGE * values
        curvature = (columns * (weights * expected * (1.0 - expected))[:, None]).T @ columns + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        values = values + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    if values[1] <= 0.0:
        raise NanomotError("Boxes of better scores are not more often people: these scores cannot be calibrated.")
    return Curve(float(values[0]), float(values[1]))


def _logit(values: Array) -> Array:
    clipped = np.clip(values, _NEAREST, 1.0 - _NEAREST)
    return np.asarray(np.log(clipped / (1.0 - clipped)), np.float64)
