"""What a search depends on, and what it finds out: a plan, and its trials."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nanomot.evaluation.judge import Row
from nanomot.evaluation.runner import TrackerSpec
from nanomot.evaluation.scoring import METRICS
from nanomot.trackers.parameters import SearchRange

OBJECTIVES = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "mean")
"""What a search can maximise; ``mean`` is that of HOTA, MOTA and IDF1."""

JITTER = 0.1
"""How far parameters are moved in jittered runs, as a fraction of their values."""

Values = Mapping[str, Any]
"""Parameter -> value."""


@dataclass(frozen=True)
class Plan:
    """What a search depends on.

    Attributes:
        tracker, mode: as :func:`nanomot.create_tracker` takes them; a mode only where it is a method of its own.
        start: values of all its parameters; those that are not searched keep them.
        searched: where each searched parameter's value is looked for.
        objective: one of ``OBJECTIVES``, over all sequences together.
        jitter: a trial's score is the mean of this many runs, in each of which every searched float is multiplied by
            a random 1 +- .1, the same in all trials; 0: one run with the values themselves.
        seed: of the search and of the jitter.
        min_area, max_aspect: see :class:`~nanomot.evaluation.runner.TrackerSpec`.
        material: what else scores depend on, as JSON can hold it: sequences, boxes, truth.
    """

    tracker: str
    start: Values
    searched: Mapping[str, SearchRange]
    mode: str | None = None
    objective: str = "HOTA"
    jitter: int = 0
    seed: int = 0
    min_area: float = 0.0
    max_aspect: float = math.inf
    material: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """All of it as JSON gives it back."""
        ranges = {name: [at.kind.__name__, at.low, at.high, at.log] for name, at in self.searched.items()}
        names = ("tracker", "mode", "objective", "jitter", "seed", "min_area", "max_aspect")
        everything = {
            **{name: getattr(self, name) for name in names},
            "parameters": dict(self.start),
            "searched": ranges,
            **self.material,
        }
        plain: dict[str, Any] = json.loads(json.dumps(everything, default=str))
        return plain

    def spec(self, values: Values) -> TrackerSpec:
        """The tracker with the searched parameters at ``values``."""
        everything = {**self.start, **values}
        return TrackerSpec(self.tracker, self.tracker, self.mode, None, everything, self.min_area, self.max_aspect)

    def specs(self, values: Values) -> list[TrackerSpec]:
        """The trackers whose mean is the score of ``values``."""
        if not self.jitter:
            return [self.spec(values)]
        names = sorted(name for name, where in self.searched.items() if where.kind is float)
        factors = np.random.default_rng([self.seed, 1]).uniform(1 - JITTER, 1 + JITTER, (self.jitter, len(names)))
        return [
            self.spec({**values, **{name: self._moved(name, values, by) for name, by in zip(names, row, strict=True)}})
            for row in factors.tolist()
        ]

    def _moved(self, name: str, values: Values, factor: float) -> float:
        limits = self.searched[name].limits
        return float(np.clip(values[name] * factor, limits.low, limits.high))

    def score(self, row: Row) -> float:
        """The number that is maximised."""
        names = ("HOTA", "MOTA", "IDF1") if self.objective == "mean" else (self.objective,)
        return sum(row[name] for name in names) / len(names)


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried.

    Attributes:
        number: from 0; interrupted trials leave gaps.
        values: of the searched parameters.
        score: the objective; None where the tracker refused the values.
        row: metrics over all sequences, means of the jittered runs.
    """

    number: int
    values: dict[str, Any]
    score: float | None
    row: Row


def mean_row(rows: Sequence[Row]) -> Row:
    """The mean of several rows, metric by metric; a single row stays as it is."""
    return rows[0] if len(rows) == 1 else {name: float(np.mean([row[name] for row in rows])) for name in METRICS}
