"""Track people through a video: ``python track.py --help``. The installed command ``nanomot track`` is the same."""

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
    sys.exit(main(["track", *sys.argv[1:]]))
