"""The one exception that a user is meant to read."""

from __future__ import annotations


class NanomotError(Exception):
    """A problem that the user can act on, told in one clear sentence.

    The message names the file, the frame or the key that is at fault. The command line prints it without a
    traceback and exits with status 2; library users catch this one type.
    """
