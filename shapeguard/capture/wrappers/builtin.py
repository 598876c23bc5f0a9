"""A stand-in for a builtin function of torch, as like it as can be."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any


class StandIn:
    """Callable in place of a builtin function.

    It is no function, because a function that is a class's attribute becomes a method, and a builtin does not. It equals
    the builtin, so that tables keyed by either find it, and is pickled as the builtin.
    """

    def __init__(self, original: Callable[..., Any]) -> None:
        self._original = original
        vars(self).update(
            __module__=original.__module__,
            __name__=original.__name__,
            __qualname__=original.__qualname__,
            __doc__=original.__doc__,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._original(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_original"], name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StandIn):
            other = other._original
        return bool(other == self._original)

    def __hash__(self) -> int:
        return hash(self._original)

    def __repr__(self) -> str:
        return repr(self._original)

    def __copy__(self) -> StandIn:
        return self

    def __deepcopy__(self, memo: object) -> StandIn:
        return self

    def __reduce__(self) -> Any:
        return copy.copy, (self._original,)  # what pickle calls on loading must be there without shapeguard
