"""The exceptions shapeguard raises for bad input. None of them ever replaces an exception of the user's program."""

from __future__ import annotations


class ShapeguardError(Exception):
    """Base of all errors of shapeguard itself.

    The command line prints the message as one line and exits with ``exit_code``.
    """

    exit_code = 2


class UsageError(ShapeguardError):
    """The caller asked for something that cannot be: no such script, an unknown level, a folder that is no model."""


class OutputError(ShapeguardError):
    """The output folder cannot be used: it is a file, cannot be written, or holds something that is not ours."""


class FormatError(ShapeguardError):
    """A file is no recording or report of ours, is torn beyond reading, or has another schema version."""


class MissingDependencyError(ShapeguardError):
    """An optional library is needed for this and is not installed."""
