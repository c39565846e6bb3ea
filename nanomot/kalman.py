"""Constant-velocity Kalman filters of all tracks at once.

The noise of every tracker here is diagonal and each coordinate is measured on its own, so the 8-state filter of SORT,
BYTE and BoT-SORT splits exactly into four filters of two states (a coordinate and its velocity). A bank keeps, per
track and coordinate, the mean position, the mean velocity and the three distinct entries of the 2x2 covariance, and
predicts and updates them elementwise: no 8x8 matrix, no inverse. Equations: Welch and Bishop, "An Introduction to the
Kalman Filter" (1995); equality with filterpy's full filter is tested to 1e-9.

Velocities are per frame, or per whatever unit of time the caller's ``steps`` count.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nanomot.boxes import (
    cxcywh_to_xyxy,
    xyah_to_xyxy,
    xysr_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xyah,
    xyxy_to_xysr,
)

Array = NDArray[np.float64]
Rows = NDArray[Any] | slice

_POSITION, _VELOCITY, _P_POSITION, _P_CROSS, _P_VELOCITY = range(5)
_SMALLEST_SIZE = 1e-6
_WIDTH_HEIGHT_TWICE = np.array([2, 3, 2, 3])


class MotionModel(Protocol):
    """A state's four coordinates and its noise; variances are of shape (N, 4), or of one that grows to it."""

    size_columns: tuple[int, ...]
    """The coordinates that describe the box's size: their velocity is dropped while a track is lost."""
    length_powers: tuple[float, float]
    """How the third and the fourth coordinate grow when the picture is scaled by k: with k to this power."""

    def measure(self, boxes: Array) -> Array:
        """The coordinates of (N, 4) ``xyxy`` boxes."""
        ...

    def boxes(self, positions: Array) -> Array:
        """The (N, 4) ``xyxy`` boxes of coordinates."""
        ...

    def initial(self, positions: Array) -> tuple[Array, Array]:
        """Variances of position and velocity at birth."""
        ...

    def process(self, positions: Array) -> tuple[Array, Array]:
        """Variances that one frame of motion adds to position and velocity."""
        ...

    def measurement(self, positions: Array, scores: Array | None = None) -> Array:
        """Variances of a measurement, given the predicted position and (N,) scores; most models ignore the scores."""
        ...


class _RelativeNoise(ABC):
    """Standard deviations in proportion to a box's size: 1/20 for positions, 1/160 for velocities (BYTE, DeepSORT)."""

    _position = 1.0 / 20
    _velocity = 1.0 / 160

    @abstractmethod
    def _sizes(self, positions: Array) -> Array:
        """What the deviations of each coordinate are in proportion to, (N, 4) pixels."""

    def initial(self, positions: Array) -> tuple[Array, Array]:
        """Twice and ten times the deviations of position and velocity."""
        size = self._sizes(positions)
        return np.square(2 * self._position * size), np.square(10 * self._velocity * size)

    def process(self, positions: Array) -> tuple[Array, Array]:
        """One deviation each."""
        size = np.square(self._sizes(positions))
        return self._position**2 * size, self._velocity**2 * size


class XywhMotion(_RelativeNoise):
    """Centre, width, height: the model of BoT-SORT (Aharon et al. 2022), SparseTrack and NanoTrack."""

    size_columns: tuple[int, ...] = (2, 3)
    length_powers = (1.0, 1.0)

    measure = staticmethod(xyxy_to_cxcywh)
    boxes = staticmethod(cxcywh_to_xyxy)

    def _sizes(self, positions: Array) -> Array:
        return positions.take(_WIDTH_HEIGHT_TWICE, axis=1)

    def measurement(self, positions: Array, scores: Array | None = None) -> Array:
        """Deviations of 1/20 of width and height."""
        return np.square(self._position * self._sizes(positions))


class XyahMotion(_RelativeNoise):
    """Centre, aspect ratio, height: the model of DeepSORT (Wojke et al. 2017) and BYTE (Zhang et al. 2022)."""

    size_columns: tuple[int, ...] = (3,)
    length_powers = (0.0, 1.0)

    measure = staticmethod(xyxy_to_xyah)
    boxes = staticmethod(xyah_to_xyxy)

    def _sizes(self, positions: Array) -> Array:
        return np.repeat(positions[:, 3:4], 4, axis=1)

    def initial(self, positions: Array) -> tuple[Array, Array]:
        """As the base, with fixed deviations of the aspect ratio: 1e-2 and 1e-5."""
        position, velocity = super().initial(positions)
        position[:, 2], velocity[:, 2] = 1e-4, 1e-10
        return position, velocity

    def process(self, positions: Array) -> tuple[Array, Array]:
        """As the base, with fixed deviations of the aspect ratio: 1e-2 and 1e-5."""
        position, velocity = super().process(positions)
        position[:, 2], velocity[:, 2] = 1e-4, 1e-10
        return position, velocity

    def measurement(self, positions: Array, scores: Array | None = None) -> Array:
        """Deviations of 1/20 of the height, .1 for the aspect ratio."""
        variance = np.square(self._position * self._sizes(positions))
        variance[:, 2] = 1e-2
        return variance


class LightMotion:
    """Centre, width, height as light detectors measure them; all deviations are in proportion to the box's height.

    Their boxes jump: centres are the noisier the lower the score, sizes are far noisier than centres. The ratio of
    process to measurement noise is what the filter's smoothing follows from.
    """

    size_columns: tuple[int, ...] = (2, 3)
    length_powers = (1.0, 1.0)

    measure = staticmethod(xyxy_to_cxcywh)
    boxes = staticmethod(cxcywh_to_xyxy)

    def __init__(
        self,
        *,
        process: tuple[float, float],
        initial: tuple[float, float],
        centre: float,
        centre_by_score: float,
        size: float,
    ) -> None:
        """Standard deviations, in heights.

        Args:
            process: what a step adds to position and to velocity.
            initial: of position and velocity at birth.
            centre: of a measured centre at score 1.
            centre_by_score: at score 0 it is greater by this factor + 1.
            size: measured widths and heights are noisier than centres by this factor.
        """
        self._process, self._initial = np.square(process), np.square(initial)
        self._centre, self._by_score = centre, centre_by_score
        self._factors = np.array([1.0, 1.0, size**2, size**2])

    @staticmethod
    def _scaled(positions: Array, variances: Array) -> tuple[Array, Array]:
        squares = np.square(positions[:, 3:4])
        return variances[0] * squares, variances[1] * squares

    def initial(self, positions: Array) -> tuple[Array, Array]:
        """Variances at birth, (N, 1): the same for all coordinates."""
        return self._scaled(positions, self._initial)

    def process(self, positions: Array) -> tuple[Array, Array]:
        """Variances of a step, (N, 1): the same for all coordinates."""
        return self._scaled(positions, self._process)

    def measurement(self, positions: Array, scores: Array | None = None) -> Array:
        """Variances by height and score."""
        doubt = 0.0 if scores is None else 1.0 - scores
        deviations = self._centre * positions[:, 3] * (1.0 + self._by_score * doubt)
        variances: Array = np.square(deviations)[:, None] * self._factors
        return variances


class XysrMotion:
    """Centre, area, aspect ratio (without velocity), constant noise: the model of SORT (Bewley et al. 2016)."""

    size_columns: tuple[int, ...] = (2,)
    length_powers = (2.0, 0.0)

    measure = staticmethod(xyxy_to_xysr)
    boxes = staticmethod(xysr_to_xyxy)

    _initial = (np.full((1, 4), 10.0), np.array([[1e4, 1e4, 1e4, 0.0]]))
    _process = (np.ones((1, 4)), np.array([[1e-2, 1e-2, 1e-4, 0.0]]))
    _measurement = np.array([[1.0, 1.0, 10.0, 10.0]])

    def initial(self, positions: Array) -> tuple[Array, Array]:
        """Constant variances, (1, 4): 10, and 10,000 for the unobserved velocities."""
        return self._initial

    def process(self, positions: Array) -> tuple[Array, Array]:
        """Constant variances, (1, 4): 1 for positions, .01 for velocities, .0001 for the area's velocity."""
        return self._process

    def measurement(self, positions: Array, scores: Array | None = None) -> Array:
        """Constant variances, (1, 4): 1 for the centre, 10 for area and ratio."""
        return self._measurement


class KalmanBank:
    """The filters of N tracks, kept as one array of shape (N, 5, 4).

    Along the second axis lie position, velocity, var(position), cov(position, velocity) and var(velocity); along the
    third the four coordinates of the motion model.
    """

    def __init__(self, model: MotionModel) -> None:
        self.model = model
        self.data: Array = np.empty((0, 5, 4))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def positions(self) -> Array:
        """Mean coordinates, (N, 4); a view."""
        return self.data[:, _POSITION]

    @property
    def velocities(self) -> Array:
        """Mean velocities per frame, (N, 4); a view."""
        return self.data[:, _VELOCITY]

    def boxes(self, rows: Rows | None = None) -> Array:
        """``xyxy`` boxes of all tracks or of ``rows``, (N, 4); sizes are positive whatever the filter says."""
        boxes = self.model.boxes(self.positions if rows is None else self.data[rows, _POSITION])
        np.maximum(boxes[:, 2:], boxes[:, :2] + _SMALLEST_SIZE, out=boxes[:, 2:])
        return boxes

    def append(self, boxes: Array) -> None:
        """Start a filter at rest for each of the (K, 4) ``xyxy`` boxes."""
        fresh = np.zeros((len(boxes), 5, 4))
        fresh[:, _POSITION] = self.model.measure(boxes)
        fresh[:, _P_POSITION], fresh[:, _P_VELOCITY] = self.model.initial(fresh[:, _POSITION])
        self.data = np.concatenate((self.data, fresh))

    def keep(self, rows: Rows) -> None:
        """Forget every filter but ``rows`` (mask, integers or slice)."""
        self.data = self.data[rows]

    def rest_sizes(self, rows: NDArray[np.intp]) -> None:
        """Set the velocity of the size to zero: a box that is not seen must not grow or shrink on its own."""
        for column in self.model.size_columns if len(rows) else ():
            self.data[rows, _VELOCITY, column] = 0.0

    def slow_down(self, unseen: NDArray[np.bool_], factor: float) -> None:
        """Multiply the velocities of the (N,) ``unseen`` by ``factor`` and drop those of their sizes.

        Who is not seen is less and less likely to go on as before.
        """
        factors = np.full(4, factor)
        factors[list(self.model.size_columns)] = 0.0
        self.velocities[...] *= np.where(unseen[:, None], factors, 1.0)

    def predict(self, rows: Rows = slice(None), steps: float = 1.0) -> None:
        """Move ``rows`` ahead: x <- F x, P <- F P F' + Q.

        ``steps`` is the time that passes, in units of the velocity's; the noise grows in proportion to it.
        """
        block = self.data[rows]
        noise_position, noise_velocity = self.model.process(block[:, _POSITION])
        block[:, _POSITION] += steps * block[:, _VELOCITY]
        cross, velocity = block[:, _P_CROSS], block[:, _P_VELOCITY]
        block[:, _P_POSITION] += 2.0 * steps * cross + steps**2 * velocity + steps * noise_position
        cross += steps * velocity
        velocity += steps * noise_velocity
        if not isinstance(rows, slice):
            self.data[rows] = block

    def update(self, rows: NDArray[np.intp] | slice, boxes: Array, scores: Array | None = None) -> None:
        """Correct the distinct ``rows`` (K,) with the ``xyxy`` boxes (K, 4) measured for them, of (K,) scores."""
        block = self.data[rows]
        position, cross = block[:, _P_POSITION], block[:, _P_CROSS]
        innovation = self.model.measure(boxes) - block[:, _POSITION]
        total = position + self.model.measurement(block[:, _POSITION], scores)
        gain_position, gain_velocity = position / total, cross / total
        block[:, _POSITION] += gain_position * innovation
        block[:, _VELOCITY] += gain_velocity * innovation
        block[:, _P_VELOCITY] -= gain_velocity * cross
        rest = 1.0 - gain_position
        cross *= rest
        position *= rest
        if not isinstance(rows, slice):
            self.data[rows] = block

    def warp(self, matrix: Array) -> None:
        """Move every filter with the camera: ``matrix`` (2, 3) maps the last picture's pixels to this one's.

        Centres and their velocities follow the matrix exactly; sizes follow its scale. Covariances follow scale and
        shift exactly; a rotation's coupling of x and y is dropped (it leaves the four filters apart), which for the
        fraction of a degree between two frames changes the covariance by less than a thousandth.
        """
        linear, shift = matrix[:, :2], matrix[:, 2]
        scale = float(np.sqrt(abs(np.linalg.det(linear))))
        factors = np.array([scale, scale, *(scale**power for power in self.model.length_powers)])
        centres = self.data[:, :2, :2] @ linear.T
        self.data[:, :2] *= factors
        self.data[:, :2, :2] = centres
        self.data[:, _POSITION, :2] += shift
        self.data[:, _P_POSITION:] *= np.square(factors)
