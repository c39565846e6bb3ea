"""A tracker's parameters searched with Optuna's TPE (Bergstra et al., NIPS 2011), one trial after the other, resumable.

The first trial has the values that the search starts from, so the best one is never worse than these. What a trial
tries follows from the seed and from the trials that were finished before it: a search that was interrupted and goes on
gives the same trials as one that was not, with any number of workers.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nanomot.errors import NanomotError
from nanomot.evaluation.journal import JOURNAL, folder_lock, open_journal
from nanomot.evaluation.judge import COMBINED
from nanomot.evaluation.runner import TrackerSpec
from nanomot.evaluation.scoring import Scorers
from nanomot.evaluation.tuning_plan import Plan, Trial, Values, mean_row
from nanomot.trackers import create_tracker
from nanomot.trackers.parameters import SearchRange

_LOG = logging.getLogger("nanomot.tune")

_DIGITS = 4
_SAME = 1e-6
_STUDY = "nanomot"


def require_optuna() -> None:
    """Make sure that Optuna is there, and quiet.

    Raises:
        NanomotError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise NanomotError(
            'Searching parameters needs Optuna, which is not installed: python -m pip install "nanomot[tune]"'
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class Tuner:
    """A search in a folder of its own; a context manager, which keeps other runs out of the folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Open the search that ``folder`` holds, or begin one.

        Raises:
            NanomotError: Optuna is missing, the folder is in use or damaged, or its search has other settings.
        """
        require_optuna()
        self.plan = plan
        self._journal = folder / JOURNAL
        self._open = contextlib.ExitStack()
        self._open.enter_context(folder_lock(folder))
        try:
            self._study = self._load()
        except BaseException:
            self._open.close()
            raise
        self.resumed = bool(self.trials)

    def __enter__(self) -> Tuner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def trials(self) -> list[Trial]:
        """All trials that were finished, in the order of their numbers."""
        return [_trial(stored) for stored in self._finished()]

    @property
    def best(self) -> Trial | None:
        """The trial with the highest score, the first of equals; None before the first is finished."""
        scored = [trial for trial in self.trials if trial.score is not None]
        return max(scored, key=lambda trial: trial.score or 0.0) if scored else None

    def run(
        self,
        total: int,
        scorers: Scorers,
        *,
        at_once: int = 1,
        stop: Callable[[], bool] = lambda: False,
        on_trial: Callable[[Trial], None] = lambda trial: None,
    ) -> bool:
        """Go on until ``total`` trials are finished, earlier ones included; False when ``stop`` ended it before.

        Args:
            total: number of trials.
            scorers: the sequences.
            at_once: trials that are tried together, which changes what later ones try.
            stop: asked every now and then; a trial that it interrupts is tried again next time.
            on_trial: is told of every trial that is finished.

        Raises:
            NanomotError: a sequence cannot be scored, or the starting values cannot be used.
        """
        if self.resumed and len(self.trials) < total and not self._start_is_the_same(scorers, stop):
            return False
        while (finished := len(self._finished())) < total:
            if not self._batch(min(at_once, total - finished), finished, scorers, stop, on_trial):
                return False
        return True

    def _batch(
        self,
        size: int,
        finished: int,
        scorers: Scorers,
        stop: Callable[[], bool],
        on_trial: Callable[[Trial], None],
    ) -> bool:
        from optuna.trial import TrialState

        asked = [self._ask(finished + place, size > 1) for place in range(size)]
        specs = [self._usable(values) for _, values in asked]
        rows = scorers.rows([spec for group in specs for spec in group], stop)
        if rows is None:
            for trial, _ in asked:
                self._study.tell(trial, state=TrialState.FAIL)
            return False
        combined = iter([row[COMBINED] for row in rows])
        for (trial, values), group in zip(asked, specs, strict=True):
            trial.set_user_attr("values", values)
            if group:
                row = mean_row([next(combined) for _ in group])
                trial.set_user_attr("row", row)
                self._study.tell(trial, self.plan.score(row))
            else:
                self._study.tell(trial, state=TrialState.PRUNED)
            on_trial(self.trials[-1])
        return True

    def _ask(self, place: int, together: bool) -> tuple[Any, dict[str, Any]]:
        """The trial that follows ``place`` others, and its values."""
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        start = {name: self.plan.start[name] for name in self.plan.searched}
        if place == 0 and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(start)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both options were called experimental for years
            seed = int(np.random.SeedSequence([self.plan.seed, 2, place]).generate_state(1)[0])
            self._study.sampler = TPESampler(seed=seed, multivariate=True, constant_liar=together)
        trial = self._study.ask({name: _distribution(where) for name, where in self.plan.searched.items()})
        if place == 0:
            return trial, start
        return trial, {name: _rounded(trial.params[name], where) for name, where in self.plan.searched.items()}

    def _usable(self, values: Values) -> list[TrackerSpec]:
        """The trackers to be scored; none where one of them refuses its parameters."""
        specs = self.plan.specs(values)
        try:
            for spec in specs:
                create_tracker(spec.name, mode=spec.mode, **spec.overrides)
        except NanomotError:
            if all(values[name] == self.plan.start[name] for name in values):
                raise
            return []
        return specs

    def _start_is_the_same(self, scorers: Scorers, stop: Callable[[], bool]) -> bool:
        """Warn where the first trial would have another score today; False when ``stop`` ended it."""
        first = self.trials[0]
        rows = scorers.rows(self.plan.specs(first.values), stop)
        if rows is None:
            return False
        now = self.plan.score(mean_row([row[COMBINED] for row in rows]))
        if first.score is None or abs(now - first.score) > _SAME:
            _LOG.warning(
                "%s: the starting values had the score %s and have %.4f now: the program has changed since, so later "
                "trials cannot be compared with earlier ones.",
                *(self._journal, first.score, now),
            )
        return True

    def _finished(self) -> list[Any]:
        from optuna.trial import TrialState

        states = (TrialState.COMPLETE, TrialState.PRUNED)
        found: list[Any] = self._study.get_trials(deepcopy=False, states=states)
        return found

    def _load(self) -> Any:
        """The study of the journal, without the traces of a run that was killed."""
        import optuna

        try:
            study = optuna.create_study(
                storage=open_journal(self._journal), study_name=_STUDY, direction="maximize", load_if_exists=True
            )
            for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            stored = study.user_attrs.get("settings")
        except OSError as error:
            raise NanomotError(f"{self._journal}: cannot be used ({error.strerror}).") from error
        except Exception as error:  # a damaged journal makes Optuna raise many kinds
            raise NanomotError(
                f"{self._journal}: is damaged or no journal of a search ({type(error).__name__}: {error}); remove it, "
                "or choose another --name."
            ) from error
        wanted = self.plan.settings()
        if stored is None:
            study.set_user_attr("settings", wanted)
        elif stored != wanted:
            key = next(name for name in {**stored, **wanted} if stored.get(name) != wanted.get(name))
            raise NanomotError(
                f"{self._journal}: belongs to a search with other settings ({key}: "
                f"{_difference(stored, wanted, key)}); choose another --name."
            )
        return study


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any], key: str) -> str:
    """``2 there, 3 here``; of mappings, the first entry that differs."""
    old, new = stored.get(key), wanted.get(key)
    if isinstance(old, dict) and isinstance(new, dict):
        name = next(name for name in {**old, **new} if old.get(name) != new.get(name))
        return f"{name} is {old.get(name, 'missing')} there, {new.get(name, 'missing')} here"
    return f"{old} there, {new} here"


def _distribution(where: SearchRange) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if where.kind is bool:
        return CategoricalDistribution([False, True])
    if where.kind is int:
        return IntDistribution(round(where.low), round(where.high), log=where.log)
    return FloatDistribution(where.low, where.high, log=where.log)


def _rounded(value: Any, where: SearchRange) -> Any:
    """Floats with four digits, so that a YAML file holds exactly what was tried."""
    return min(max(float(f"{value:.{_DIGITS}g}"), where.low), where.high) if where.kind is float else value


def _trial(stored: Any) -> Trial:
    attributes = stored.user_attrs
    return Trial(stored.number, dict(attributes["values"]), stored.value, dict(attributes.get("row", {})))
