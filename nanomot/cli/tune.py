"""``nanomot tune``: a tracker's parameters searched on some sequences, and judged on others."""

from __future__ import annotations

import argparse
import logging
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from nanomot.cli.benchmark_options import add_benchmark_options
from nanomot.cli.detector_options import add_detector_options, check_detector_options
from nanomot.cli.interruption import graceful_stop
from nanomot.cli.options import parse_assignments
from nanomot.cli.outputs import run_folder
from nanomot.cli.shared_options import add_parameter_options
from nanomot.cli.tuning_data import fingerprint, tuned_and_held_out, with_copies
from nanomot.errors import NanomotError
from nanomot.evaluation.judge import COMBINED, Row
from nanomot.evaluation.scoring import DevSequence, Scorers
from nanomot.evaluation.tuning import Tuner, require_optuna
from nanomot.evaluation.tuning_files import (
    BEST,
    REPORT,
    TRIALS,
    Table,
    combined_text,
    write_best,
    write_report,
    write_trials,
)
from nanomot.evaluation.tuning_plan import OBJECTIVES, Plan, Trial, mean_row
from nanomot.trackers import TRACKERS, create_tracker, method_of_its_own
from nanomot.trackers.parameters import SearchRange, nearest_name, search_ranges

_LOG = logging.getLogger("nanomot.tune")

SINGLE = "single runs"
"""The table of what a user gets: the parameters as they are, without jitter."""

_EPILOG = """\
examples:
  nanomot tune --benchmark MOT17 --data-root data --sequences MOT17-02 MOT17-05 --tracker bytetrack --trials 200
  nanomot tune --sequences MOT17-02 MOT15/TUD-Stadtmitte --held-out MOT17-09 --detections boxes --jitter 6
  nanomot val --benchmark MOT17 --data-root data --tracker bytetrack --config runs/tune/exp/best.yaml

The same command goes on where it was stopped or killed, and with a larger --trials tries more. The held-out sequences
are not looked at before the search has ended: their scores say what the parameters are worth on videos of others.

results, in <project>/<name>/:
  best.yaml      the best parameters, for --config
  trials.csv     what was tried, with all metrics
  tuning.json    versions, settings, tables
  study.journal  the search itself (Optuna's journal)"""


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = verbs.add_parser(
        "tune",
        help="search a tracker's parameters",
        description="Search a tracker's parameters with Optuna on the sequences that are named, and tell how the best "
        "ones do on others.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        conflict_handler="resolve",
    )
    data = parser.add_argument_group("benchmark")
    add_benchmark_options(data)
    data.add_argument(
        "--sequences", nargs="+", metavar="NAME", help="to tune on; BENCHMARK/NAME for one of another benchmark"
    )
    data.add_argument(
        "--held-out", nargs="*", metavar="NAME", help="to judge by in the end (default: all others; no name: none)"
    )
    data.add_argument("--augment", default="", metavar="reverse,half", help="tune on copies too: backwards, half rate")
    boxes = parser.add_argument_group("boxes")
    boxes.add_argument("--detections", default="model", metavar="model|public|DIR", help="where boxes come from")
    add_detector_options(boxes, default_model="nanodet-plus-m_416")
    tracker = parser.add_argument_group("tracker, and where the search starts")
    tracker.add_argument("--tracking-method", "--tracker", default="nanotrack", metavar="NAME")
    add_parameter_options(tracker)
    tracker.add_argument("--min-area", type=float, default=0.0, help="leave out tracks smaller than this, pixels²")
    tracker.add_argument("--max-aspect", type=float, metavar="RATIO", help="leave out tracks wider than this x height")
    _add_search_options(parser.add_argument_group("search"))
    out = parser.add_argument_group("results")
    out.add_argument("--project", default="runs/tune", help="folder of all searches (%(default)s)")
    out.add_argument("--name", default="exp", help="folder of this search; one that is there goes on (%(default)s)")
    parser.set_defaults(run=run)


def _add_search_options(search: Any) -> None:
    search.add_argument("--trials", type=int, default=100, help="in total, those of earlier runs too (%(default)s)")
    search.add_argument("--objective", choices=OBJECTIVES, default="HOTA", help="mean: of HOTA, MOTA and IDF1")
    search.add_argument(
        "--parameters",
        metavar="A,B=LOW:HIGH",
        help="what is searched, with other ranges if need be (default: all numbers; nanomot trackers NAME)",
    )
    search.add_argument(
        "--fix", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="set a parameter, do not search it"
    )
    search.add_argument(
        "--jitter", type=int, default=0, metavar="N", help="score by N runs with parameters moved by up to 10%% (0)"
    )
    search.add_argument("--seed", type=int, default=0, help="another one is another search (%(default)s)")
    search.add_argument("--workers", type=int, default=1, help="processes that track and judge (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Carry out ``nanomot tune``."""
    from nanomot.cli.main import EXIT_INTERRUPTED, EXIT_OK

    require_optuna()
    check_detector_options(args)
    _check(args)
    plan = _plan(args)  # before the boxes, which may take hours
    tuned, held_out = tuned_and_held_out(args)
    devs = with_copies(tuned, args.augment)
    plan = replace(plan, material={"sequences": fingerprint(devs)})
    folder = run_folder(args.project, args.name, exist_ok=True)
    with graceful_stop() as stop, Tuner(plan, folder) as tuner:
        report = _Report(args, plan, folder, tuner, [dev.name for dev in tuned], [dev.name for dev in held_out])
        ended = _search(args, tuner, devs, report, stop.is_set)
        report.write()
        best = tuner.best
        if not ended or best is None:
            return EXIT_INTERRUPTED
        tables = _tables(plan, best, tuned, held_out, args.workers, stop.is_set)
        if tables is None:
            return EXIT_INTERRUPTED
        report.finish(tables)
    return EXIT_OK


def _check(args: argparse.Namespace) -> None:
    if not args.sequences:
        raise NanomotError("--sequences must name what is tuned on; all others can then tell whether it was any good.")
    for name, least in (("trials", 1), ("jitter", 0), ("workers", 1), ("seed", 0)):
        if getattr(args, name) < least:
            raise NanomotError(f"--{name} must be at least {least}, not {getattr(args, name)}.")


def _plan(args: argparse.Namespace) -> Plan:
    name = args.tracking_method
    if name not in TRACKERS:
        raise NanomotError(f"{name}: has no declared ranges to search; {nearest_name(name, TRACKERS)}")
    fixed = parse_assignments(args.fix)
    made = create_tracker(name, mode=args.mode, config=args.config, **{**parse_assignments(args.set), **fixed})
    start = asdict(made.parameters)
    searched = _searched(name, args.parameters, search_ranges(type(made.parameters)), fixed, start)
    return Plan(
        tracker=name,
        start=start,
        searched=searched,
        mode=method_of_its_own(name, args.mode, args.config),
        objective=args.objective,
        jitter=args.jitter,
        seed=args.seed,
        min_area=args.min_area,
        max_aspect=math.inf if args.max_aspect is None else args.max_aspect,
    )


def _searched(
    tracker: str,
    words: str | None,
    ranges: Mapping[str, SearchRange],
    fixed: Mapping[str, Any],
    start: Mapping[str, Any],
) -> dict[str, SearchRange]:
    """The parameters that ``--parameters`` names, or all numbers that have a range worth searching."""
    ranges = {name: where.holding(start[name]) for name, where in ranges.items()}
    if words is None:
        found = {name: where for name, where in ranges.items() if where.kind is not bool and where.narrow}
        found = {name: where for name, where in found.items() if name not in fixed}
    else:
        found = dict(_named_range(tracker, word.strip(), ranges, start) for word in words.split(",") if word.strip())
    both = sorted(set(found) & set(fixed))
    if both:
        raise NanomotError(f"{tracker}: {both[0]} is to be searched and fixed at once.")
    if not found:
        raise NanomotError(f"{tracker}: there is no parameter left to search.")
    return found


def _named_range(
    tracker: str, word: str, ranges: Mapping[str, SearchRange], start: Mapping[str, Any]
) -> tuple[str, SearchRange]:
    name, sign, text = word.partition("=")
    if name not in ranges:
        raise NanomotError(f"{tracker}: there is no parameter {name!r} to search; {nearest_name(name, ranges)}")
    where = ranges[name]
    if sign:
        try:
            low, high = (where.kind(end) for end in text.split(":"))
        except (ValueError, OverflowError) as error:
            raise NanomotError(f"--parameters takes {name}=LOW:HIGH, not {word!r}.") from error
        if where.kind is bool or not where.limits.low <= low < high <= where.limits.high:
            raise NanomotError(f"--parameters: {word} is no range within that of {name}.")
        if not low <= start[name] <= high:
            raise NanomotError(f"--parameters: {word} leaves out {start[name]}, where the search starts; see --set.")
        return name, replace(where, low=low, high=high, log=where.log and low > 0)
    if not where.narrow:
        raise NanomotError(f"{tracker}: {name} has no range to search; say which: {name}=LOW:HIGH.")
    return name, where


class _Report:
    """What is told about a search while it runs and after it, on the terminal and in files."""

    def __init__(
        self,
        args: argparse.Namespace,
        plan: Plan,
        folder: Path,
        tuner: Tuner,
        tuned: Sequence[str],
        held_out: Sequence[str],
    ) -> None:
        self._plan, self._folder, self._tuner = plan, folder, tuner
        self._best = tuner.best
        runs = f", means of {plan.jitter} jittered runs" if plan.jitter else ""
        copies = f" and copies of them ({args.augment})" if args.augment else ""
        self._where = f"{plan.objective} on {', '.join(tuned)}{copies}{runs}"
        self._held_out = ", ".join(held_out)
        self._command = _command(args)

    def see(self, trial: Trial) -> Trial | None:
        """Take note of a finished trial; the best so far."""
        if trial.score is not None and (self._best is None or trial.score > (self._best.score or 0.0)):
            self._best = trial
            _LOG.info("trial %d: %s %.3f", trial.number, self._plan.objective, trial.score)
            self._write_best([])
        return self._best

    def write(self) -> None:
        """Write what is known before anything was held out."""
        trials = self._tuner.trials
        if self._best is None:
            print(f"No trial was finished; the same command begins again. {self._folder}")
            return
        self._write_best([])
        write_trials(self._folder / TRIALS, self._plan, trials)
        print(f"{self._where}: {trials[0].score:.2f} before, {self._best.score:.2f} in trial {self._best.number}")
        print(f"{len(trials)} trials; results: {self._folder}")

    def finish(self, tables: Mapping[str, Table]) -> None:
        """Write and print how the best parameters do."""
        assert self._best is not None
        self._write_best([f"Held out ({self._held_out}): {_gains(tables[SINGLE])}"] if self._held_out else [])
        write_report(self._folder / REPORT, self._plan, self._tuner.trials, self._best, tables)
        for title, table in tables.items():
            print(f"\n{title}\n{combined_text(table)}")
        if self._held_out:
            print(f"\nheld out: {self._held_out}")
        path = self._folder / BEST
        print(f"\nuse it: --tracking-method {self._plan.tracker} --config {shlex.quote(str(path))}")

    def _write_best(self, remarks: Sequence[str]) -> None:
        assert self._best is not None
        start = self._tuner.trials[0].score or 0.0
        heading = [
            f"Parameters of {self._plan.tracker}; trial {self._best.number} of nanomot tune.",
            f"{self._where}: {start:.2f} -> {self._best.score:.2f}",
            *remarks,
            self._command,
        ]
        write_best(self._folder / BEST, self._plan, self._best, heading)


def _gains(table: Table) -> str:
    """``HOTA 30.00 -> 31.00, …`` of the held-out sequences."""
    before, after = (table[f"held out, {when}"][COMBINED] for when in ("before", "after"))
    return ", ".join(f"{metric} {before[metric]:.2f} -> {after[metric]:.2f}" for metric in ("HOTA", "MOTA", "IDF1"))


def _command(args: argparse.Namespace) -> str:
    """The command that asks for the same: all flags that have another value than by default."""
    words = ["nanomot", args.verb]
    for action in args.parser._actions:
        value = getattr(args, action.dest, action.default)
        if not action.option_strings or value == action.default:
            continue
        flag = action.option_strings[0]
        if isinstance(action, argparse._AppendAction) and action.nargs is None:
            words += [word for entry in value for word in (flag, str(entry))]
        else:
            words += [flag, *(map(str, value) if isinstance(value, list) else [str(value)])]
    return shlex.join(words)


def _search(args: argparse.Namespace, tuner: Tuner, devs: list[DevSequence], report: _Report, stop: Any) -> bool:
    """Search until all trials are done; False when it was stopped."""
    jobs = len(devs) * max(tuner.plan.jitter, 1)
    # Several trials at a time only where one alone would leave workers idle: the search learns from each.
    at_once = math.ceil(args.workers / jobs)
    done = len(tuner.trials)
    if done:
        _LOG.info("going on after %d trials", done)
    with (
        logging_redirect_tqdm(),
        tqdm(total=args.trials, initial=min(done, args.trials), unit="trial", disable=None, dynamic_ncols=True) as bar,
        Scorers(devs, args.workers) as scorers,
    ):

        def tell(trial: Trial) -> None:
            best = report.see(trial)
            bar.set_postfix_str(f"best {best.score:.3f}" if best and best.score is not None else "", refresh=False)
            bar.update()

        return tuner.run(args.trials, scorers, at_once=at_once, stop=stop, on_trial=tell)


def _tables(
    plan: Plan,
    best: Trial,
    tuned: Sequence[DevSequence],
    held_out: Sequence[DevSequence],
    workers: int,
    stop: Any,
) -> dict[str, Table] | None:
    """Before and after, on what was tuned on and on what was not; None when stopped."""
    values = {"before": {name: plan.start[name] for name in plan.searched}, "after": best.values}
    groups = {SINGLE: {when: [plan.spec(these)] for when, these in values.items()}}
    if plan.jitter:
        groups[f"means of {plan.jitter} jittered runs"] = {when: plan.specs(these) for when, these in values.items()}
    tables: dict[str, dict[str, Mapping[str, Row]]] = {title: {} for title in groups}
    for where, devs in (("tuned on", tuned), ("held out", held_out)):
        if not devs:
            continue
        with Scorers(devs, workers) as scorers:
            for title, group in groups.items():
                for when, specs in group.items():
                    rows = scorers.rows(specs, stop)
                    if rows is None:
                        return None
                    tables[title][f"{where}, {when}"] = {name: mean_row([r[name] for r in rows]) for name in rows[0]}
    return dict(tables)
