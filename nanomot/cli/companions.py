"""The packages that lie beside nanomot, made sure to be ours."""

from __future__ import annotations

import importlib
from types import ModuleType

from nanomot.errors import NanomotError


def companion(name: str) -> ModuleType:
    """Import ``detectors`` or ``reid``.

    Raises:
        NanomotError: another package of that name comes first on the import path.
    """
    module = importlib.import_module(name)
    if not getattr(module, "NANOMOT_PACKAGE", False):
        place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), "somewhere")
        raise NanomotError(
            f"{place}: this package shadows nanomot's own package {name!r}; rename it, or run nanomot from another "
            "folder and without it on PYTHONPATH."
        )
    return module
