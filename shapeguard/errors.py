"""What shapeguard raises for bad input, and what it warns of. Nothing here ever replaces an exception of the user's program."""

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


class ShapeMismatchError(ShapeguardError, RuntimeError):
    """Tensors that were to be joined do not fit; a RuntimeError too, because that is what ``torch.cat`` raises.

    ``operands`` are the names of the two that clash, ``dim`` is the dimension (None: their ranks differ), ``sizes`` what
    each has there.
    """

    def __init__(
        self,
        message: str,
        operands: tuple[str, ...] = (),
        dim: int | None = None,
        sizes: tuple[int, ...] = (),
    ) -> None:
        super().__init__(message)
        self.operands = operands
        self.dim = dim
        self.sizes = sizes


class LossyConcatWarning(UserWarning):
    """A concatenation that was told to cut what does not fit has cut something; the text says what and how much."""


class PadTokenWarning(UserWarning):
    """A pad token was added to a tokenizer, and the model has no row for it yet."""
