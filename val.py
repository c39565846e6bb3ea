"""Measure trackers on a benchmark: ``python val.py --help``. The installed command ``nanomot val`` is the same."""

import sys

if __name__ == "__main__":
    try:
        from nanomot.cli.main import main
    except ModuleNotFoundError as error:
        print(
            f"nanomot: the package {error.name} is missing; install everything with: python -m pip install .",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(main(["val", *sys.argv[1:]]))
