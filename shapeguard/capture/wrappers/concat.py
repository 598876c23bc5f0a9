"""``torch.cat`` and its family, called from code that our function mode does not see.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from shapeguard.capture.wrappers.door import idle, is_compiling, seen_by_mode, watched


def wrap_function(kind: str, op: str, names: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for a torch function whose positional parameters have these names."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            if is_compiling() or seen_by_mode() or idle():
                return original(*args, **kwargs)
            frame = sys._getframe(1)
            return watched(
                original, args, kwargs, frame, kind, op, lambda: {**dict(zip(names, args, strict=False)), **kwargs}
            )

        return function

    return wrap


def wrap_concat(op: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for one of the concatenating functions."""
    return wrap_function("concat", op, ("tensors", "dim"))
