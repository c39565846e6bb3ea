"""Measure trackers on a benchmark: ``python val.py --help``. The installed command ``nanomot val`` is the same."""

import sys

from nanomot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["val", *sys.argv[1:]]))
