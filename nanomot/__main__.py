"""``python -m nanomot`` is the command ``nanomot``."""

import sys

from nanomot.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
