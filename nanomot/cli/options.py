"""Values on the command line that argparse does not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from nanomot.errors import NanomotError


def parse_classes(words: Sequence[str] | None, default: str) -> list[int | str] | str | None:
    """Class names and ids, separated by blanks or commas; ``default`` where nothing was said, None for ``all``."""
    if words is None:
        return default
    parts = [part.strip() for word in words for part in word.split(",") if part.strip()]
    return None if parts == ["all"] else [int(part) if part.isdecimal() and part.isascii() else part for part in parts]


def parse_assignments(words: Sequence[str]) -> dict[str, Any]:
    """``key=value`` pairs; values are read as YAML, so that numbers and true/false keep their types.

    Raises:
        NanomotError: a word has no ``=``, or its value is not YAML.
    """
    values: dict[str, Any] = {}
    for word in words:
        key, sign, text = word.partition("=")
        if not sign or not key:
            raise NanomotError(f"--set takes KEY=VALUE, not {word!r}.")
        try:
            values[key.strip()] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise NanomotError(f"--set {key}: {text!r} is not a value.") from error
    return values
