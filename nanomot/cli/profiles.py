"""``--profile``: detector, input shape and tracker chosen together, from ``configs/profiles.yaml``."""

from __future__ import annotations

import argparse
from typing import Any

from nanomot.resources import configs_dir, load_yaml


def profiles() -> dict[str, dict[str, Any]]:
    """The shipped profiles: name -> flag -> value."""
    return load_yaml(configs_dir() / "profiles.yaml")


def add_profile_option(group: Any) -> None:
    """Add ``--profile`` to an argument group."""
    group.add_argument(
        "--profile",
        choices=tuple(profiles()),
        help="model, input shape and tracker that go well together; flags that are given themselves win",
    )


def take_profile(args: argparse.Namespace) -> None:
    """Set the flags of ``--profile`` that the verb has and the user has left at their defaults."""
    for name, value in (profiles()[args.profile] if args.profile else {}).items():
        if hasattr(args, name) and getattr(args, name) == args.parser.get_default(name):
            setattr(args, name, value)
