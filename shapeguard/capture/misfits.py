"""What transformers knows of a checkpoint that does not fit the model it is loaded into, before it says that it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shapeguard.values.recording import NamedValue

_MOST = 8


def attributes(value: Any) -> dict[str, Any] | None:
    """An object's own attributes, past what its class answers: ``__getattr__`` may be anything; None for one without."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return own if isinstance(own, dict) else None


def misfits(value: Any) -> Iterator[NamedValue]:
    """Of an account of a loading, for each parameter that did not fit: its shape in the checkpoint, and in the model."""
    found = (attributes(value) or {}).get("mismatched_keys")
    if not isinstance(found, set | list | tuple):
        return
    entries = [entry for entry in found if isinstance(entry, tuple) and len(entry) == 3 and isinstance(entry[0], str)]
    for name, saved, built in sorted(entries)[:_MOST]:
        yield NamedValue(name, "saved", shape=tuple(map(int, saved)), type="Tensor")
        yield NamedValue(name, "built", shape=tuple(map(int, built)), type="Parameter")
