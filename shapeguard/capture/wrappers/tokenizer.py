"""Tokenizer calls: padding side, row lengths, settings. Never the text.

Imported only after the user's program has imported torch and transformers' tokenizers.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from shapeguard.capture.record import Event, failed
from shapeguard.capture.state import recorders, state
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import Door, idle
from shapeguard.capture.wrappers.padding import Rows, readable, side

_SETTINGS = (
    "padding",
    "truncation",
    "max_length",
    "return_tensors",
    "return_attention_mask",
    "add_special_tokens",
    "add_generation_prompt",
    "tokenize",
)
_MAX_ROWS = 32


def wrap_tokenizer(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for ``__call__``, ``pad`` and ``apply_chat_template`` of the tokenizers' base class."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            if idle():
                return original(self, *args, **kwargs)
            frame = sys._getframe(1)
            with Door(frame):
                outer, state.covered = state.covered, True
                try:
                    result = original(self, *args, **kwargs)
                except BaseException as error:
                    state.covered = outer
                    _record(self, name, args, kwargs, None, frame, failed(error))
                    raise
                finally:
                    state.covered = outer
                _record(self, name, args, kwargs, result, frame)
            return result

        return method

    return wrap


def _record(
    tokenizer: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, frame: Any, error: str = ""
) -> None:
    try:
        data = result if isinstance(result, Mapping) else {"input_ids": result}
        tensors = {key: value for key, value in data.items() if isinstance(value, torch.Tensor)}
        settings = {key: kwargs[key] for key in _SETTINGS if key in kwargs}
        event = Event((), {**settings, **_facts(tokenizer, args, data), **_cut(tokenizer, settings, result)})
        event.done(
            "tokenizer", f"{type(tokenizer).__name__}.{name}", None, tensors, frame, error=error, owner=tokenizer
        )
        for recorder in recorders():
            if recorder.latest is not None and isinstance(result, Mapping):
                recorder.remember(result, recorder.latest)
    except TypeError:
        return  # a result that cannot be weakly referenced is only not remembered
    except BaseException as trouble:
        own_trouble(trouble)


def _facts(tokenizer: Any, args: tuple[Any, ...], data: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "padding_side": getattr(tokenizer, "padding_side", None),
        "pad_token_id": getattr(tokenizer, "pad_token_id", None),
        "eos_token_id": getattr(tokenizer, "eos_token_id", None),
        "vocabulary": len(tokenizer),
        "texts": len(args[0]) if args and isinstance(args[0], list | tuple) else 1,
    }
    rows, mask = readable(data.get("input_ids")), readable(data.get("attention_mask"))
    if rows is not None:
        lengths = [sum(row) for row in mask] if mask is not None else [len(row) for row in rows]
        facts["row_lengths"] = lengths[:_MAX_ROWS]
        facts["padded"] = _padded(tokenizer, rows, mask)
        if doubled := _doubled_start(tokenizer, rows, mask):
            facts["double bos"] = doubled
    return facts


def _doubled_start(tokenizer: Any, rows: Rows, mask: Rows | None) -> int:
    """How many rows begin with the start token twice."""
    start, doubled = getattr(tokenizer, "bos_token_id", None), 0
    for number, row in enumerate(rows):
        first = mask[number].index(1) if mask is not None and 1 in mask[number] else 0
        doubled += row[first : first + 2] == [start, start]
    return doubled if start is not None and start != getattr(tokenizer, "pad_token_id", None) else 0


def _cut(tokenizer: Any, settings: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """How many tokens truncation took from each row, and from which end: the fast tokenizers keep what they cut off."""
    if not settings.get("truncation"):
        return {}
    facts: dict[str, Any] = {"truncation_side": getattr(tokenizer, "truncation_side", None)}
    encodings = getattr(result, "encodings", None)
    if encodings:
        cut = [sum(sum(part.attention_mask) for part in encoding.overflowing) for encoding in encodings[:_MAX_ROWS]]
        if any(cut):
            facts["cut"] = cut
            if alike := _cut_alike(encodings[:_MAX_ROWS]):
                facts["cut alike"] = alike
    return facts


def _cut_alike(encodings: Sequence[Any]) -> int:
    """How many rows, whose texts differ only in what was cut off, were left with the same ids as another one."""
    rests: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for encoding in encodings:
        rest = tuple(token for part in encoding.overflowing for token in part.ids)
        rests.setdefault(tuple(encoding.ids), set()).add(rest)
    return sum(len(found) for found in rests.values() if len(found) > 1)


def _padded(tokenizer: Any, rows: Rows, mask: Rows | None) -> str:
    if mask is not None:
        return side([not value for value in row] for row in mask)
    pad = getattr(tokenizer, "pad_token_id", None)
    return side([token == pad for token in row] for row in rows)
