"""What a call needs that is not installed, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shapeguard.errors import MissingDependencyError

_OPTIONAL = ("torch", "transformers")


@contextmanager
def needing(what: str) -> Iterator[None]:
    """Imports for ``what``.

    Raises:
        MissingDependencyError: torch or transformers is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _OPTIONAL:
            raise
        raise MissingDependencyError(f"{what} needs {error.name}: pip install {error.name}") from None
