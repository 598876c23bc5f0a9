"""Files that a command was told to write."""

from __future__ import annotations

from pathlib import Path

from shapeguard.errors import UsageError


def write_new(option: str, path: Path, text: str) -> None:
    """Write a text to a file that is not there yet.

    Raises:
        UsageError: it is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{option} {path}: exists already; name another file or remove it") from None
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written ({error.strerror})") from None
