"""``nanomot models``: which models are known, where they lie, and fetching them."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from typing import Any

from detectors.catalogue import KINDS, ZooEntry, find_entry, load_zoo, nearest_names
from detectors.zoo import fetch_model, local_file, resolve_model
from nanomot.errors import NanomotError

_HEADINGS = ("name", "kind", "backbone", "input", "mAP", "FLOPs", "params", "licence", "here")

_LOG = logging.getLogger("nanomot")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``models`` with its verbs to a parser's subparsers; the chosen function is ``args.run``."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models", help="list, locate and download models", description="Models that nanomot knows by name."
    )
    verbs = parser.add_subparsers(dest="models_command", required=True, metavar="{list,path,download}")
    listing = verbs.add_parser("list", help="print a table of all models and which are on this machine")
    listing.add_argument("--kind", choices=KINDS, help="only models of this kind")
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    path = verbs.add_parser("path", help="print where a model's file lies; it is downloaded if need be")
    path.add_argument("name", help="name in the zoo, or a path")
    fetch = verbs.add_parser("download", help="download models into the cache")
    fetch.add_argument("names", nargs="+", metavar="name", help="names in the zoo")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Carry out the verb that ``args`` names; returns the exit status."""
    if args.models_command == "list":
        _print_list(args.kind, args.json)
    elif args.models_command == "path":
        _print_path(args.name)
    else:
        _download_all(args.names)
    return 0


def _download_all(names: list[str]) -> None:
    """Download every model that can be had; the first failure is raised when all have been tried."""
    failures = []
    for name in names:
        try:
            _download(name)
        except NanomotError as error:
            failures.append(error)
    for failure in failures[1:]:
        _LOG.error("%s", failure)
    if failures:
        raise failures[0]


def _print_list(kind: str | None, as_json: bool) -> None:
    entries = [entry for entry in load_zoo().values() if kind in (None, entry.kind)]
    if as_json:
        print(json.dumps([_as_dict(entry) for entry in entries], indent=2))
        return
    rows = [_HEADINGS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    here = sum(row[-1] not in ("-", "by hand") for row in rows[1:])
    print(
        f"\n{len(entries)} models, {here} on this machine. '-': downloaded on first use; 'by hand': no direct address, "
        "`nanomot models download NAME` says what to do."
    )


def _row(entry: ZooEntry) -> tuple[str, ...]:
    path = local_file(entry)
    return (
        entry.name,
        entry.kind,
        entry.backbone or "?",
        f"{entry.input[0]}x{entry.input[1]}" if entry.input else "?",
        "?" if entry.map is None else f"{entry.map:.1f}",
        "?" if entry.flops is None else f"{entry.flops:.2f} G",
        "?" if entry.params is None else f"{entry.params:.2f} M",
        entry.licence or "?",
        str(path) if path else "-" if entry.url else "by hand",
    )


def _as_dict(entry: ZooEntry) -> dict[str, Any]:
    path = local_file(entry)
    return {**dataclasses.asdict(entry), "path": str(path) if path else None}


def _print_path(name: str) -> None:
    entry = find_entry(name, load_zoo())
    print(resolve_model(name, entry.kind if entry else "detector").path)


def _download(name: str) -> None:
    zoo = load_zoo()
    entry = find_entry(name, zoo)
    if entry is None:
        near = nearest_names(name, zoo)
        hint = f"did you mean {' or '.join(near)}?" if near else "`nanomot models list` shows the names."
        raise NanomotError(f"{name}: is not the name of a model in the zoo; {hint}")
    path = local_file(entry)
    print(f"{entry.name}: {path} (already here)" if path else f"{entry.name}: {fetch_model(entry)}")
