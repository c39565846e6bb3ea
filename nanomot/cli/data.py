"""``nanomot data``: which benchmarks are here, and fetching them from their official addresses."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from detectors.download import download
from nanomot.errors import NanomotError
from nanomot.evaluation.archives import Archive, Record, arrange, read_record, record_path, sha256_of, write_record
from nanomot.evaluation.benchmarks import Benchmark, benchmark_names, find_sequences, load_benchmark
from nanomot.evaluation.unpack import require_space, unpack

_LOG = logging.getLogger("nanomot")


def add_parser(subparsers: Any) -> None:
    """Add ``data`` with its verbs to a parser's subparsers."""
    parser = subparsers.add_parser(
        "data",
        help="list and download benchmarks",
        description="Benchmarks that nanomot knows by name, and their official archives.",
    )
    verbs = parser.add_subparsers(dest="data_command", required=True, metavar="{list,download}")
    listing = verbs.add_parser("list", help="print a table of all benchmarks and what of them is here")
    fetch = verbs.add_parser(
        "download",
        help="fetch benchmarks and unpack them",
        description="Fetch the official archives of benchmarks, check them and unpack them into the folder that "
        "--data-root of other verbs names. What an interruption left is used by the next run; an archive that you have "
        "put into <data-root>/<benchmark> yourself is not fetched again.",
    )
    fetch.add_argument(
        "names", nargs="+", metavar="NAME", help="MOT15, MOT16, MOT17, MOT20, DanceTrack, or a YAML file"
    )
    fetch.add_argument("--split", nargs="+", metavar="SPLIT", help="only archives that hold these splits")
    fetch.add_argument("--keep-archive", action="store_true", help="do not delete archives that have been unpacked")
    for verb in (listing, fetch):
        verb.add_argument(
            "--data-root", type=Path, default=Path("data"), help="folder that holds MOT17/train/… (%(default)s)"
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out the verb that ``args`` names; returns the exit status."""
    root = args.data_root.expanduser()
    if args.data_command == "list":
        _print_list(root)
        return 0
    benchmarks = [load_benchmark(name) for name in args.names]
    for benchmark in benchmarks:
        _bring(benchmark, root, args.split, args.keep_archive)
    return 0


def _print_list(root: Path) -> None:
    rows = [("name", "size", "here", "address")]
    for name in benchmark_names():
        benchmark = load_benchmark(name)
        here = ", ".join(_counts(benchmark, root, list(benchmark.splits)))
        rows.append((name, _total_size(benchmark.archives), here, benchmark.address))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"\n'here' counts sequences below {root} (--data-root); `nanomot data download NAME` fetches the rest.")


def _total_size(archives: tuple[Archive, ...]) -> str:
    known = [archive.size for archive in archives if archive.size is not None]
    if not known:
        return "?"
    return f"{'' if len(known) == len(archives) else 'over '}{sum(known) / 1e9:.1f} GB"


def _counts(benchmark: Benchmark, root: Path, splits: list[str]) -> list[str]:
    """``train 21 of 21`` for every split that has official sequences or is here."""
    counts = []
    for split in splits:
        try:
            here = len(find_sequences(benchmark, root, split))
        except NanomotError:
            here = 0
        official = len(benchmark.sequences.get(split, ())) * max(len(benchmark.detectors), 1)
        if official or here:
            counts.append(f"{split} {here}" + (f" of {official}" if official else ""))
    return counts


def _bring(benchmark: Benchmark, root: Path, splits: list[str] | None, keep: bool) -> None:
    """Fetch and unpack the archives of one benchmark, and say what is here then."""
    for split in splits or ():
        if split not in benchmark.splits:
            raise NanomotError(f"{benchmark.name} has no split {split!r}; it has {', '.join(benchmark.splits)}.")
    archives = [item for item in benchmark.archives if not splits or item.split in ("", *splits)]
    if not archives:
        where = f" Get it from {benchmark.address}." if benchmark.address else ""
        raise NanomotError(f"{benchmark.name}: has no archive that could be fetched directly.{where}")
    if benchmark.licence:
        print(f"{benchmark.name}: {benchmark.licence} ({benchmark.address})")
    folder = root / benchmark.folder
    for archive in archives:
        record = read_record(folder / archive.name)
        if record is not None and record.is_unpacked(folder):
            print(f"{archive.name}: already here ({len(record.files)} files)")
            continue
        _fetch_and_unpack(benchmark, archive, folder, record, keep)
    taken = {item.split for item in archives} - {""} or set(benchmark.sequences) or set(benchmark.splits)
    counts = _counts(benchmark, root, [split for split in benchmark.splits if split in taken])
    print(f"{folder}: {', '.join(counts) or 'no'} sequences")


def _fetch_and_unpack(benchmark: Benchmark, archive: Archive, folder: Path, record: Record | None, keep: bool) -> None:
    path = folder / archive.name
    digest = _fetch(archive, path)
    if archive.sha256 is None:
        _compare(path, digest, record)
    files = unpack(path, folder, lambda paths: arrange(paths, archive, benchmark.splits))
    # Only now: a digest that a damaged download left behind would forbid the sound one that follows.
    write_record(path, Record(archive.url, path.stat().st_size, digest, files))
    if not keep:
        path.unlink()
    print(f"{archive.name}: {len(files)} files{'' if keep else '; the archive is deleted'}")


def _fetch(archive: Archive, path: Path) -> str:
    """Bring the archive to its place unless it lies there; its sha256."""
    if path.is_file():
        size = path.stat().st_size
        fault = f"has {size} bytes instead of {archive.size}" if archive.size not in (None, size) else ""
        digest = "" if fault else sha256_of(path)
        if not fault and archive.sha256 not in (None, digest):
            fault = f"its sha256 is {digest} instead of {archive.sha256}"
        if fault:
            raise NanomotError(f"{path}: {fault}; delete it, and it is fetched again.")
        return digest
    part = path.with_name(f"{path.name}.part")
    have = part.stat().st_size if part.is_file() else 0
    require_space(path.parent, (archive.size or 0) - have, f"for {archive.name}")
    _LOG.info("fetching %s", archive.url)
    try:
        download(archive.url, path, size=archive.size, sha256=archive.sha256)
    except NanomotError as error:
        raise NanomotError(f"{error} A file fetched by other means can be put into {path.parent} instead.") from error
    return archive.sha256 or sha256_of(path)


def _compare(path: Path, digest: str, record: Record | None) -> None:
    """Without an official digest, show this one and hold it against that of an earlier download."""
    known = record.sha256 if record is not None and record.files else digest
    if digest != known:
        raise NanomotError(
            f"{path}: its sha256 is {digest}, but the archive that was unpacked here before had {known}; "
            f"delete {path.name} to fetch it again (it may be damaged), or {record_path(path)} if the address now "
            "holds another archive and that is the one you want."
        )
    is_first = record is None or not record.files
    same = "no official one is known; kept for later downloads" if is_first else "the same as before"
    print(f"{path.name}: sha256 {digest} ({same})")
