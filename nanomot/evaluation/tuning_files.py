"""What a search leaves behind: the best parameters as YAML, its trials as a table, and what it all depended on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from nanomot.evaluation.judge import COMBINED, Row
from nanomot.evaluation.report import environment, text_table, write_json
from nanomot.evaluation.scoring import METRICS
from nanomot.evaluation.tuning_plan import Plan, Trial
from nanomot.evaluation.whole_file import write_whole
from nanomot.trackers.parameters import load_values

BEST, TRIALS, REPORT = "best.yaml", "trials.csv", "tuning.json"

Table = Mapping[str, Mapping[str, Row]]
"""Where and when (``"held out, after"``) -> sequence or ``COMBINED`` -> metrics."""


def parameters_of(plan: Plan, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a file for ``--config`` must hold: the searched parameters and all that differ from the shipped ones."""
    _, shipped = load_values(plan.tracker, None, plan.mode, {})
    everything = {**plan.start, **values}
    chosen = {} if plan.mode is None else {"mode": plan.mode}
    return chosen | {name: value for name, value in everything.items() if name in values or value != shipped[name]}


def write_best(path: Path, plan: Plan, best: Trial, remarks: Sequence[str]) -> None:
    """Write the parameters of a trial as a YAML file that ``--config`` takes, ``remarks`` above them."""
    heading = "".join(f"# {' '.join(remark.split())}\n" for remark in remarks)
    content = yaml.safe_dump(parameters_of(plan, best.values), sort_keys=False, allow_unicode=True)
    write_whole(path, (heading + content).encode())


def write_trials(path: Path, plan: Plan, trials: Sequence[Trial]) -> None:
    """Write one line per trial: its number, score, metrics and values; a refused one has no score."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["trial", "score", *METRICS, *plan.searched])
    for trial in trials:
        numbers = ["" if trial.score is None else trial.score, *(trial.row.get(metric, "") for metric in METRICS)]
        table.writerow([trial.number, *numbers, *(trial.values[name] for name in plan.searched)])
    write_whole(path, text.getvalue().encode())


def write_report(path: Path, plan: Plan, trials: Sequence[Trial], best: Trial, tables: Mapping[str, Table]) -> None:
    """Write what the search depended on, its best trial and the tables."""
    content = {
        "environment": {**environment(), "optuna": version("optuna")},
        "settings": plan.settings(),
        "trials": len(trials),
        "start": {"score": trials[0].score, "values": trials[0].values},
        "best": {"trial": best.number, "score": best.score, "values": best.values},
        "parameters": parameters_of(plan, best.values),
        "tables": tables,
    }
    write_json(path, content)


def combined_text(table: Table) -> str:
    """The rows over all sequences as aligned text."""
    return text_table({name: rows[COMBINED] for name, rows in table.items()}, tuple(METRICS))
