"""Track people through a video: ``python track.py --help``. The installed command ``nanomot track`` is the same."""

import sys

from nanomot.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["track", *sys.argv[1:]]))
