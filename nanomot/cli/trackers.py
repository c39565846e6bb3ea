"""``nanomot trackers``: which trackers there are, and what their parameters mean."""

from __future__ import annotations

import argparse
from typing import Any

from nanomot.errors import NanomotError
from nanomot.resources import load_yaml
from nanomot.trackers import MODES, TRACKERS, tracker_names
from nanomot.trackers.parameters import config_path, nearest_name


def add_parser(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    parser = verbs.add_parser(
        "trackers",
        help="list trackers, or the parameters of one",
        description="List the trackers, or print one tracker's parameters with their values and meaning. Any of them "
        "can be given as --set KEY=VALUE, or in a YAML file for --config; what the file leaves out keeps its value.",
    )
    parser.add_argument("name", nargs="?", help="print this tracker's parameters")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nanomot trackers``."""
    if args.name is None:
        for name in tracker_names():
            print(f"{name:12} {_summary(name)}")
        return 0
    known = [*TRACKERS, *MODES]
    if args.name not in known:
        raise NanomotError(f"There are no parameters of a tracker {args.name!r}; {nearest_name(args.name, known)}")
    path = config_path(args.name)
    print(f"# {path}")
    print(path.read_text(encoding="utf-8"), end="")
    return 0


def _summary(name: str) -> str:
    if name not in TRACKERS:
        return "(of another package)"
    text = config_path(name).read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    modes = load_yaml(config_path(name)).get("modes", {})
    return f"{text}{' Modes: ' + ', '.join(modes) + '.' if modes else ''}"
