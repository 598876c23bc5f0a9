"""Which text a cache holds that a generation left behind: the next one must begin with it.

``generate`` takes the cached positions for the beginning of the ids it is given and reads only what stands behind them.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from shapeguard.capture.wrappers.padding import Rows, readable

_texts: WeakKeyDictionary[Any, Rows] = WeakKeyDictionary()


def remember(given: Any, result: Any) -> None:
    """Note the text of the cache that a generation was given, or that it hands back. Only what lies on the CPU is read."""
    cache = getattr(result, "past_key_values", None)
    cache = given if cache is None else cache
    if cache is None or not hasattr(cache, "get_seq_length"):
        return
    rows = readable(getattr(result, "sequences", result))
    if rows is None:
        _texts.pop(cache, None)
    else:
        _texts[cache] = rows


def of_another_text(cache: Any, length: int | None, rows: Rows | None) -> bool:
    """Whether the cache's filled positions are known to hold other tokens than these rows begin with."""
    held = _texts.get(cache) if cache is not None and hasattr(cache, "get_seq_length") else None
    if held is None or rows is None or not length or len(held) != len(rows):
        return False
    return any(
        held_row[:length][: len(row)] != row[:length][: len(held_row)] for held_row, row in zip(held, rows, strict=True)
    )
