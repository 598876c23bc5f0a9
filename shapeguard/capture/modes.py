"""Our place on torch's stack of function modes: on, off and on again around library code, leaving other modes as they are.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch._C import (
    _get_function_stack_at,
    _len_torch_function_stack,
    _pop_torch_function_stack,
    _push_on_torch_function_stack,
)

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
    above = []
    while (top := _pop_torch_function_stack()) is not mode:
        above.append(top)
    for other in reversed(above):
        _push_on_torch_function_stack(other)
    return len(above)


def put_on(mode: Any, below: int = 0) -> None:
    """Put our mode on the stack, under the ``below`` topmost modes."""
    others = [_pop_torch_function_stack() for _ in range(min(below, _len_torch_function_stack()))]
    _push_on_torch_function_stack(mode)
    for other in reversed(others):
        _push_on_torch_function_stack(other)


@contextmanager
def switched_on() -> Iterator[None]:
    """User code again, below a library: the mode is back for as long as it runs."""
    mode = state.mode
    before = state.inside, state.mode_off, state.covered
    put = mode is not None and not is_on(mode)
    if put:
        put_on(mode)
    state.inside, state.mode_off, state.covered = None, False, False
    try:
        yield
    finally:
        state.inside, state.mode_off, state.covered = before
        if put:
            take_off(mode)
