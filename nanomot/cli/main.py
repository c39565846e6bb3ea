"""``nanomot VERB …``: finds the verb, and turns problems into one sentence and an exit status."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
from collections.abc import Sequence

from nanomot.cli.companions import check_companions
from nanomot.cli.interruption import graceful_stop
from nanomot.errors import NanomotError
from nanomot.video.opencv import require_opencv

EXIT_OK = 0
EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with all verbs."""
    from nanomot import __version__
    from nanomot.cli import data, detect, models, track, trackers, tune, val

    parser = argparse.ArgumentParser(
        prog="nanomot", description="Multi-object tracking for people who have a light detector and little compute."
    )
    parser.add_argument("--version", action="version", version=f"nanomot {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in (track, val, tune, detect, data, models, trackers):
        verb.add_parser(verbs)
    for name, verb_parser in verbs.choices.items():
        verb_parser.set_defaults(parser=verb_parser, verb=name)
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; words that no flag takes end the program with the verb's usage and a suggestion."""
    args, surplus = parser.parse_known_args(argv)
    if surplus:
        flags = [flag for action in args.parser._actions for flag in action.option_strings]
        near = difflib.get_close_matches(surplus[0].split("=")[0], flags, n=1)
        if not surplus[0].startswith("-") and "--path" in flags:
            near = [f"--path {surplus[0]}"]
        hint = f"; did you mean {near[0]}?" if near else ""
        args.parser.error(f"unrecognized arguments: {' '.join(surplus)}{hint}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 2 a problem that stderr names, 130 interrupted."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("nanomot").setLevel(logging.INFO)
    try:
        # Libraries do not survive an interruption in the middle of their import: it has to wait for the end of it.
        with graceful_stop() as stop:
            check_companions()
            require_opencv()
            parser = build_parser()
        if stop.is_set():
            raise KeyboardInterrupt
        args = parse(parser, argv)
        status: int = args.run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except NanomotError as error:
        print(f"nanomot: {error}", file=sys.stderr)
        return EXIT_PROBLEM
    except ModuleNotFoundError as error:
        advice = "install nanomot with all that it needs: python -m pip install ."
        print(f"nanomot: the package {error.name} is missing; {advice}", file=sys.stderr)
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        print("nanomot: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (a pager, head); the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        named = f"{error.filename}: " if error.filename else "the output: "
        # What Python still holds back for a full standard output would fail once more at exit.
        sys.stdout = None
        print(f"nanomot: {named}{error.strerror or error}.", file=sys.stderr)
        return EXIT_PROBLEM
