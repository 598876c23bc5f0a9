"""Gates out of library code: parts that run with our mode off, and callbacks of the user's below them, watched again.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from shapeguard.capture.modes import ModeOff, SwitchedOn
from shapeguard.capture.state import recorders, state
from shapeguard.capture.usercode import USER, user_code
from shapeguard.capture.wrappers.builtin import StandIn
from shapeguard.capture.wrappers.door import is_compiling


def wrap_library(original: Callable[..., Any]) -> Callable[..., Any]:
    """Library code that issues many operations and is of no interest itself: an optimizer's arithmetic, loading weights."""

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        if is_compiling():
            return original(*args, **kwargs)
        with ModeOff():
            return original(*args, **kwargs)

    return function


def wrap_list_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """``__call__`` of a list of callables that ``generate`` calls at each step, some of which may be the user's."""

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if state.now.inside is None or is_compiling() or not _has_users(self):
            return original(self, *args, **kwargs)
        with SwitchedOn():
            return original(self, *args, **kwargs)

    return __call__


_kinds: dict[tuple[type, ...], bool] = {}  # whether lists of objects of these classes have one of the user's
_MAX_KINDS = 256
_FUNCTIONS = frozenset({FunctionType, MethodType})  # their class says nothing of whose they are


def _has_users(callbacks: list[Any]) -> bool:
    """Whether a list holds a callable of the user's; of objects, their classes tell it, and are asked once."""
    kinds = tuple(map(type, list.__iter__(callbacks)))
    known = _kinds.get(kinds)
    if known is None:
        known = any(map(is_users, list.__iter__(callbacks)))
        if len(_kinds) < _MAX_KINDS and not _FUNCTIONS.intersection(kinds):
            _kinds[kinds] = known
    return known


def is_users(callback: Any) -> bool:
    """Whether a callable object, or a function, is the user's own."""
    function = callback if hasattr(callback, "__code__") else vars(type(callback)).get("__call__")
    code = getattr(function, "__code__", None)
    return code is not None and user_code.kind(code) == USER


class _Swap(StandIn):
    """``torch.utils.swap_tensors`` refuses tensors that are weakly referenced; ours must not be what it finds."""

    def __call__(self, t1: Any, t2: Any) -> Any:
        for recorder in recorders():
            recorder.forget(t1)
            recorder.forget(t2)
        return self._original(t1, t2)


wrap_swap = _Swap
