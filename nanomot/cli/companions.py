"""The packages that travel beside nanomot, made sure to be ours: their names are common."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from nanomot.errors import NanomotError

COMPANIONS = ("detectors", "reid")


def check_companions() -> None:
    """Make sure that ``import detectors`` and ``import reid`` find the packages that lie beside this one.

    Raises:
        NanomotError: another package of that name comes first on the import path, or ours is missing.
    """
    home = Path(__file__).resolve().parents[2]
    for name in COMPANIONS:
        spec = find_spec(name)
        if spec is None:
            raise NanomotError(f"{home}: the package {name!r} is missing beside nanomot; install nanomot again.")
        place = Path(spec.origin or next(iter(spec.submodule_search_locations or ["?"]))).resolve()
        if place != home / name / "__init__.py":
            raise NanomotError(
                f"{place}: shadows nanomot's own package {name!r}; rename it, or run nanomot from another folder and "
                "without it on PYTHONPATH."
            )
