"""Binary files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from nanomot.errors import NanomotError
from nanomot.video.part_file import part_path, prepare_output


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it; a crash leaves the old file or the new one.

    Raises:
        NanomotError: the folder or the file cannot be written.
    """
    prepare_output(path)
    part = part_path(path)
    try:
        part.write_bytes(content)
        os.replace(part, path)  # noqa: PTH105  # the name of the operation, atomic on every system
    except OSError as error:
        part.unlink(missing_ok=True)
        raise NanomotError(f"{path}: cannot be written ({error.strerror}).") from error
