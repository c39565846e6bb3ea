"""``nanomot VERB …``: finds the verb, and turns problems into one sentence and an exit status."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from nanomot.cli.companions import check_companions
from nanomot.errors import NanomotError
from nanomot.video.opencv import require_opencv

EXIT_OK = 0
EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with all verbs."""
    from nanomot import __version__
    from nanomot.cli import models, track, val

    parser = argparse.ArgumentParser(
        prog="nanomot", description="Multi-object tracking for people who have a light detector and little compute."
    )
    parser.add_argument("--version", action="version", version=f"nanomot {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    track.add_parser(verbs)
    val.add_parser(verbs)
    models.add_parser(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 2 a problem that stderr names, 130 interrupted."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("nanomot").setLevel(logging.INFO)
    try:
        check_companions()
        require_opencv()
        args = build_parser().parse_args(argv)
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except NanomotError as error:
        print(f"nanomot: {error}", file=sys.stderr)
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        print("nanomot: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (a pager, head); the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
