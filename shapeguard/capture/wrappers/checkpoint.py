"""Checkpoints of which nothing was loaded: with ``strict=False`` torch says so only in what it returns.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any
from weakref import WeakSet

from shapeguard.capture.record import Event
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import idle

_untouched: WeakSet[Any] = (
    WeakSet()
)  # modules that a checkpoint left as they were: whether the next one does is told too


def wrap_load(original: Callable[..., Any]) -> Callable[..., Any]:
    """``Module.load_state_dict``: what it returned is looked at, and told where no entry found its place."""

    @functools.wraps(original)
    def load_state_dict(self: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, state_dict, *args, **kwargs)
        if not idle():
            _look(self, state_dict, result, sys._getframe(1))
        return result

    return load_state_dict


def _look(module: Any, given: Any, result: Any, frame: FrameType) -> None:
    try:
        missing, unexpected = getattr(result, "missing_keys", ()), getattr(result, "unexpected_keys", ())
        if not isinstance(given, Mapping):
            return
        nothing = len(unexpected) >= len(given) > 0
        if not nothing and module not in _untouched:
            return
        _untouched.add(module)
        saved = prefix(unexpected, missing) if nothing else ""
        built = prefix(missing, unexpected) if nothing and not saved else ""
        facts = {"entries": len(given), "unexpected": len(unexpected), "saved_prefix": saved, "model_prefix": built}
        event = Event((), facts)
        event.done("checkpoint", f"{type(module).__name__}.load_state_dict", None, None, frame, owner=module)
    except BaseException as trouble:
        own_trouble(trouble)


def prefix(names: Sequence[str], others: Sequence[str]) -> str:
    """What stands in front of all names, ``module.``, where without it most of them are among the others; "" elsewhere."""
    first, known = next(iter(names), ""), set(others)
    for end in (place + 1 for place, letter in enumerate(first) if letter == "."):
        if not all(name.startswith(first[:end]) for name in names):
            return ""
        if 2 * sum(name[end:] in known for name in names) > len(names):
            return first[:end]
    return ""
