"""Tokens added to a tokenizer, and embeddings resized: the two that must go together.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from shapeguard.capture.record import Event
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import Door, idle


def wrap_vocabulary(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for ``add_tokens``, ``add_special_tokens`` and ``resize_token_embeddings``."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            if idle():
                return original(self, *args, **kwargs)
            frame = sys._getframe(1)
            before = _size(self)
            with Door(frame):
                result = original(self, *args, **kwargs)
                if (
                    _size(self) != before or name == "resize_token_embeddings"
                ):  # asked for what it had already, says much
                    _record(self, name, before, frame)
            return result

        return method

    return wrap


def _size(owner: Any) -> int:
    """Tokens of a tokenizer, or rows of a model's embedding; -1 where it cannot be asked."""
    try:
        embedding = owner.get_input_embeddings() if hasattr(owner, "get_input_embeddings") else None
        return len(owner) if embedding is None else int(embedding.weight.shape[0])
    except BaseException as trouble:
        own_trouble(trouble)
        return -1


def _record(owner: Any, name: str, before: int, frame: FrameType) -> None:
    try:
        event = Event((), {"before": before, "after": _size(owner)})
        event.done("vocabulary", f"{type(owner).__name__}.{name}", None, None, frame, owner=owner)
    except BaseException as trouble:
        own_trouble(trouble)
