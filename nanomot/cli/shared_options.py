"""Flags that several verbs share: the tracker's parameters and the folder of results."""

from __future__ import annotations

from typing import Any

from nanomot.camera_motion import CAMERA_MOTIONS


def add_parameter_options(group: Any) -> None:
    """Add the flags that set a tracker's parameters: ``--config``, ``--mode`` and ``--set``."""
    group.add_argument("--config", metavar="YAML", help="parameters; what the file leaves out keeps its value")
    group.add_argument("--mode", help="a named set of parameters, e.g. 'reference' for nanotrack")
    group.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="any parameter (nanomot trackers NAME)",
    )


def add_camera_option(group: Any) -> None:
    """Add ``--camera-motion``."""
    group.add_argument(
        "--camera-motion",
        choices=CAMERA_MOTIONS,
        default="none",
        help="carry tracks along with a camera that moves: sparse optical flow, or ECC, which is slower (%(default)s)",
    )


def add_folder_options(group: Any, *, project: str) -> None:
    """Add the flags that say where results lie: ``--project``, ``--name`` and ``--exist-ok``."""
    group.add_argument("--project", default=project, help="folder of all runs (%(default)s)")
    group.add_argument("--name", default="exp", help="folder of this run; numbered when it exists (%(default)s)")
    group.add_argument("--exist-ok", action="store_true", help="use the folder of this run even when it exists")
