"""Rows of made-up tracks."""

from __future__ import annotations

import numpy as np


def straight(track, frames, *, start=(100.0, 50.0), speed=(3.0, -1.0), size=(40.0, 100.0), score=0.9):
    """(L, 7) rows of a box that moves by ``speed`` pixels a frame."""
    frames = np.asarray(frames, float)
    left, top = (start[axis] + speed[axis] * frames for axis in (0, 1))
    columns = [frames, np.full_like(frames, track), left, top]
    return np.column_stack([*columns, *(np.full_like(frames, value) for value in (*size, score))])


def with_classes(rows):
    """The same as ground truth: flag 1, class 1."""
    return np.column_stack([rows[:, :6], np.ones((len(rows), 2))])
