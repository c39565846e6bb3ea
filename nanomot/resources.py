"""Where the files that travel with nanomot lie, and how YAML is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from nanomot.errors import NanomotError

_PACKAGE = Path(__file__).resolve().parent


def configs_dir() -> Path:
    """The folder of shipped YAML files: the checkout's ``configs/``, or its copy inside the installed package."""
    packaged = _PACKAGE / "_configs"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "configs"


def cache_dir() -> Path:
    """The user's cache folder: ``$NANOMOT_CACHE``, else ``$XDG_CACHE_HOME/nanomot``, else ``~/.cache/nanomot``."""
    explicit = os.environ.get("NANOMOT_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nanomot"


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping; an empty file gives an empty one.

    Raises:
        NanomotError: the file cannot be read, is not YAML, or holds something else; the message names it.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise NanomotError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NanomotError(f"{path}: is not valid YAML ({' '.join(str(error).split())}).") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise NanomotError(f"{path}: must hold a mapping of names to values, not a {type(content).__name__}.")
    for key in content:
        if not isinstance(key, str):
            raise NanomotError(f"{path}: its keys must be names, not {key!r}.")
    return content
