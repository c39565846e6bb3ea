"""Offline smoothing of finished tracks: gaps filled, jitter removed, with the future known as well as the past.

Rows are those of a MOTChallenge result file, (N, 7): frame, id, left, top, width, height (pixels), score. No method
adds a row before a track's first frame or after its last one, and none drops or renames a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from nanomot.errors import NanomotError
from nanomot.evaluation.result_files import FRAME, ID, PLACE, read_tracks, result_text, sorted_by_frame

Rows = NDArray[np.float64]

MAX_MISSING = 18
"""Longest gap that is filled, in frames: ByteTrack's ``n_dti = 20`` fills between rows less than 20 frames apart."""

_TAU = 10.0
_GP_NOISE = 1e-10
# Relative to a track's median height, per frame: how far boxes jitter, and how much velocities change.
_JITTER = 0.05
_ACCELERATION = 0.005
_FIRST_SPEED = 0.1


def interpolate(rows: Rows, *, max_missing: int = MAX_MISSING) -> Rows:
    """Fill the gaps of every track on straight lines (Zhang et al. 2022, ByteTrack, section 4.1).

    Args:
        rows: (N, 7), in any order.
        max_missing: gaps of more frames stay open.

    Returns:
        The rows with those of the gaps, sorted by frame and id; all columns are interpolated.
    """
    ordered = rows[np.lexsort((rows[:, FRAME], rows[:, ID]))]
    if len(ordered) < 2:
        return ordered
    step = np.diff(ordered, axis=0)
    missing = np.where(step[:, ID] == 0, step[:, FRAME].astype(int) - 1, 0)
    missing[missing > max_missing] = 0
    before = np.repeat(np.arange(len(missing)), missing)
    # 1, 2, ... within each gap.
    count = np.arange(1, len(before) + 1) - np.repeat(np.cumsum(missing) - missing, missing)
    share = count / (missing[before] + 1)
    filled = ordered[before] + share[:, None] * step[before]
    filled[:, FRAME] = ordered[before, FRAME] + count
    return sorted_by_frame(np.concatenate([ordered, filled]))


def gaussian_smoothed(rows: Rows, *, max_missing: int = MAX_MISSING, tau: float = _TAU) -> Rows:
    """Gaussian-smoothed interpolation (Du et al. 2023, StrongSORT, section 3.4): fill gaps, then regress every track.

    Each of left, top, width and height is a Gaussian process of the frame number with a squared-exponential kernel,
    whose length scale is ``tau log(tau^3 / l)`` frames, kept within [1 / tau, tau^2], for a track of ``l`` rows: long
    tracks are smoothed less. Its mean is the straight line that fits best, so that straight tracks stay as they are.
    """
    filled = interpolate(rows, max_missing=max_missing)
    out: Rows = filled.copy()
    for index in _tracks(filled):
        scale = float(np.clip(tau * np.log(tau**3 / len(index)), 1.0 / tau, tau**2))
        # With this little reach between whole frames the kernel is the identity: nothing would change.
        if scale > 1.0 / tau and len(index) > 2:
            out[index, PLACE] = _regressed(filled[index, FRAME], filled[index, PLACE], scale)
    return out


def _regressed(frames: Rows, places: Rows, scale: float) -> Rows:
    """Posterior mean of a Gaussian process at its own (L,) frames, for each column of the (L, 4) places."""
    design = np.column_stack([np.ones_like(frames), frames - frames.mean()])
    line = design @ np.linalg.lstsq(design, places, rcond=None)[0]
    kernel = np.exp(-0.5 * np.square((frames[:, None] - frames[None, :]) / scale))
    noisy = kernel + _GP_NOISE * np.eye(len(frames))
    smooth: Rows = line + kernel @ cho_solve(cho_factor(noisy), places - line)
    return _with_size(smooth, places)


def rauch_tung_striebel(rows: Rows, *, max_missing: int = MAX_MISSING) -> Rows:
    """Smooth each track by a constant-velocity Kalman filter, forwards and back (Rauch, Tung and Striebel 1965).

    Gaps of up to ``max_missing`` frames are filled with what the smoother says there; over longer ones it looks across
    without adding rows.
    """
    filled = interpolate(rows, max_missing=max_missing)
    out: Rows = filled.copy()
    seen = np.isin(_frame_and_id(filled), _frame_and_id(rows))
    for index in _tracks(filled):
        if len(index) > 1:
            out[index, PLACE] = _smoothed(filled[index, FRAME].astype(int), filled[index, PLACE], seen[index])
    return out


def _frame_and_id(rows: Rows) -> NDArray[np.complex128]:
    """One value per row that tells it from all others."""
    return rows[:, FRAME] + 1j * rows[:, ID]


def _smoothed(frames: NDArray[np.int64], places: Rows, seen: NDArray[np.bool_]) -> Rows:
    """One track's (L, 4) places; rows that are not ``seen`` count as missing."""
    from filterpy.common import Q_discrete_white_noise
    from filterpy.kalman import KalmanFilter

    height = float(np.median(places[:, 3]))
    bank = KalmanFilter(dim_x=8, dim_z=4)
    bank.F = np.eye(8) + np.eye(8, k=4)
    bank.H = np.eye(4, 8)
    bank.R = np.eye(4) * np.square(_JITTER * height)
    white = Q_discrete_white_noise(2, dt=1.0, var=np.square(_ACCELERATION * height))
    bank.Q = np.kron(white, np.eye(4))
    bank.x = np.concatenate([_corner_to_centre(places)[0], np.zeros(4)])
    bank.P = np.diag([np.square(_JITTER * height)] * 4 + [np.square(_FIRST_SPEED * height)] * 4)
    measured: list[Rows | None] = [None] * int(frames[-1] - frames[0] + 1)
    for frame, centre, real in zip(frames - frames[0], _corner_to_centre(places), seen, strict=True):
        measured[frame] = centre if real else None
    means, covariances, _, _ = bank.batch_filter(measured, update_first=True)
    smooth = bank.rts_smoother(means, covariances)[0][frames - frames[0], :4]
    return _with_size(_centre_to_corner(smooth), places)


def _corner_to_centre(places: Rows) -> Rows:
    return np.column_stack([places[:, :2] + 0.5 * places[:, 2:], places[:, 2:]])


def _centre_to_corner(places: Rows) -> Rows:
    return np.column_stack([places[:, :2] - 0.5 * places[:, 2:], places[:, 2:]])


def _with_size(smooth: Rows, places: Rows) -> Rows:
    """Keep widths and heights from falling below the smallest that was seen: an empty box is no box."""
    return np.column_stack([smooth[:, :2], np.maximum(smooth[:, 2:], places[:, 2:].min(axis=0))])


def _tracks(rows: Rows) -> Iterator[NDArray[np.intp]]:
    """Row indices of each track, in the order of frames; ``rows`` are sorted by frame."""
    order = np.argsort(rows[:, ID], kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(rows[order, ID])) + 1) if len(rows) else ()


METHODS: dict[str, Callable[[Rows], Rows]] = {
    "linear": interpolate,
    "gsi": gaussian_smoothed,
    "rts": rauch_tung_striebel,
}
"""Name on the command line -> function."""


def smoothed_text(raw: Path, length: int, method: str) -> str:
    """The result file that ``raw``, one of a sequence of ``length`` frames, becomes.

    Raises:
        NanomotError: the method is not known, or ``raw`` is missing or malformed.
    """
    if method not in METHODS:
        raise NanomotError(f"There is no smoothing {method!r}; known are {', '.join(METHODS)}.")
    return result_text(sorted_by_frame(METHODS[method](read_tracks(raw, length))))
