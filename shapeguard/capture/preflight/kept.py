"""Which text a cache holds: what a generation left behind, and what the first call of a model put there.

``generate`` takes the cached positions for the beginning of the ids it is given and reads only what stands behind them: they
must be the same. A model's own call appends all ids it is given: they must not be the cached ones again.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch

from shapeguard.capture.preflight.cache import cache_facts
from shapeguard.capture.wrappers.padding import Rows, readable


class _Text(NamedTuple):
    """The rows that a generation ended with, and how many of their tokens were cached then."""

    rows: Rows
    length: int


_NEAREST, _LOCALS, _LONGEST = 4, 24, 100_000  # functions, names in each, tokens of a prompt
_texts: WeakKeyDictionary[Any, _Text] = WeakKeyDictionary()
_begun: WeakKeyDictionary[Any, Rows] = WeakKeyDictionary()


def remember(ids: Any, given: Any, result: Any) -> None:
    """Note the text of the cache that a generation was given, or that it hands back. Only what lies on the CPU is read.

    A result that does not begin with the ids is no text of the cache: encoders read other ids, embeddings leave none.
    """
    cache = getattr(result, "past_key_values", None)
    cache = given if cache is None else cache
    if cache is None or not hasattr(cache, "get_seq_length"):
        return
    _texts.pop(cache, None)
    facts, begun, rows = cache_facts(cache), readable(ids), readable(getattr(result, "sequences", result))
    if facts is None or not facts.length or begun is None or rows is None or len(begun) != len(rows):
        return
    if all(row[: len(first)] == first for first, row in zip(begun, rows, strict=True)):
        _texts[cache] = _Text(rows, facts.length)


def of_another_text(cache: Any, length: int | None, rows: Rows | None) -> bool:
    """Whether the filled positions of a cache are known to hold other tokens than these rows begin with.

    A cache that is longer or shorter than the generation left it was changed since: of that one nothing is known.
    """
    held = _texts.get(cache) if cache is not None and hasattr(cache, "get_seq_length") else None
    if held is None or rows is None or length != held.length or len(held.rows) != len(rows):
        return False
    return any(
        left[:length][: len(row)] != row[:length][: len(left)] for left, row in zip(held.rows, rows, strict=True)
    )


def note_beginning(ids: Any, result: Any) -> None:
    """Note the ids with which a model's call began a cache. Only what lies on the CPU is read."""
    cache = getattr(result, "past_key_values", None)
    if cache is None or type(ids) is not torch.Tensor or ids.dim() != 2 or ids.shape[1] < 2:
        return
    facts = cache_facts(cache)
    if facts is not None and facts.kind == "DynamicCache" and facts.length == ids.shape[1]:
        rows = readable(ids)
        if rows is not None:
            _begun[cache] = rows


def fed_again(cache: Any, ids: Any) -> int | None:
    """How many of the ids, from the first on, are those that the cache begins with; None where they are not."""
    begun = _begun.get(cache) if type(cache).__name__ == "DynamicCache" else None
    rows = readable(ids) if begun is not None else None
    facts = cache_facts(cache)
    if begun is None or rows is None or facts is None or len(rows) != len(begun):
        return None
    known = len(begun[0])
    whole = known < len(rows[0]) and known <= (facts.length or 0)
    return known if whole and all(row[:known] == first for first, row in zip(begun, rows, strict=True)) else None


def behind_what_is_shared(cache: Any, ids: Any, frame: FrameType) -> list[int] | None:
    """(shared, cached): how many tokens of a whole prompt are taken for cached, where more than these are in the cache.

    The whole prompt is a list in one of the nearest functions that ends with the ids which are fed, and begins as the cache
    began: what the cache holds behind the shared tokens is of another prompt.
    """
    begun = _begun.get(cache) if type(cache).__name__ == "DynamicCache" else None
    rows = readable(ids) if begun is not None else None
    facts = cache_facts(cache)
    if begun is None or rows is None or facts is None or len(rows) != 1 or len(begun) != 1:
        return None
    fed, cached = rows[0], facts.length or 0
    prompts = [prompt for prompt in _lists(frame) if len(prompt) > len(fed) and prompt[-len(fed) :] == fed]
    shared = [len(prompt) - len(fed) for prompt in prompts]
    if cached in shared:
        return None
    for prompt, kept in zip(prompts, shared, strict=True):
        if kept < cached and kept <= len(begun[0]) and prompt[:kept] == begun[0][:kept]:
            return [kept, cached]
    return None


def _lists(frame: FrameType) -> Iterator[list[int]]:
    """The lists of ints among the locals of a function and those that called it."""
    at: FrameType | None = frame
    for _ in range(_NEAREST):
        if at is None:
            return
        for value in islice(at.f_locals.values(), _LOCALS):
            if type(value) is list and 1 < len(value) <= _LONGEST and all(type(token) is int for token in value):
                yield value
        at = at.f_back
