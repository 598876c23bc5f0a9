"""Our place on torch's stack of function modes: on, off and on again around library code, leaving other modes as they are.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch._C import (
    _get_function_stack_at,
    _len_torch_function_stack,
    _pop_torch_function_stack,
    _push_on_torch_function_stack,
)

from shapeguard.capture import quiet
from shapeguard.capture.state import state


def is_on(mode: Any) -> bool:
    """Whether this very mode object is on the thread's stack."""
    return any(_get_function_stack_at(i) is mode for i in range(_len_torch_function_stack()))


def take_off(mode: Any) -> int:
    """Take our mode off, wherever it stands. Returns how many modes stood above it, or -1 when it was not there.

    The top mode may be somebody else's (``torch.device("meta")`` is a mode), so the others are put back in their order.
    """
    depth = _len_torch_function_stack()
    if depth and _get_function_stack_at(depth - 1) is mode:
        _pop_torch_function_stack()
        return 0
    if not is_on(mode):
        return -1
    above: list[Any] = []
    try:
        while (top := _pop_torch_function_stack()) is not mode:
            above.append(top)
        return len(above)
    finally:
        _push_back(above)


def put_on(mode: Any, below: int = 0) -> None:
    """Put our mode on the stack, under the ``below`` topmost modes."""
    if not below:
        _push_on_torch_function_stack(mode)
        return
    others: list[Any] = []
    try:
        for _ in range(min(below, _len_torch_function_stack())):
            others.append(_pop_torch_function_stack())
        _push_on_torch_function_stack(mode)
    finally:
        _push_back(others)


def put_under(mode: Any) -> None:
    """Put our mode under all that are there: a context that ends takes off the top of the stack, whatever that is.

    Only the default device stays at the very bottom, where torch looks for it.
    """
    depth = _len_torch_function_stack()
    default = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    at_bottom = depth > 0 and default is not None and _get_function_stack_at(0) is default
    put_on(mode, depth - at_bottom)


def _push_back(others: list[Any]) -> None:
    """Other people's modes, last popped first; in a ``finally``, so that an interrupt loses none."""
    while others:
        _push_on_torch_function_stack(others[-1])
        others.pop()


class ModeOff:
    """Context in which our mode is off this thread's stack. Entered where it is off already it does nothing."""

    __slots__ = ("_below", "_mode")

    def __enter__(self) -> None:
        self._below = -1
        now = state.now
        self._mode = mode = now.mode
        if mode is not None and not now.mode_off:
            self._below = take_off(mode)
            now.mode_off = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._below < 0:
            return
        now = state.now
        now.mode_off = False
        if now.mode is self._mode:  # else the guard was closed meanwhile
            put_on(self._mode, self._below)


class SwitchedOn:
    """Context of user code that a library calls: the mode is back, and what happens is watched, as long as it runs."""

    __slots__ = ("_before", "_mode", "_put")

    def __enter__(self) -> None:
        now = state.now
        self._before = now.inside, now.mode_off, now.covered
        self._mode = mode = now.mode
        self._put = mode is not None and not is_on(mode)
        now.inside, now.mode_off, now.covered = None, False, False
        quiet.end()
        if self._put:
            put_on(mode)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._put:
            take_off(self._mode)
        now = state.now
        now.inside, now.mode_off, now.covered = self._before
        if now.inside is not None:
            quiet.begin()
