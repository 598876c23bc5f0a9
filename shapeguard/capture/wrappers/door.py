"""The door into a library: our mode is off behind it, the user's call chain is taken once, and the call is one event.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch

from shapeguard.capture.chains import chain_of
from shapeguard.capture.modes import put_on, take_off
from shapeguard.capture.ops import own_trouble
from shapeguard.capture.record import Event, failed
from shapeguard.capture.state import recorders, state

is_compiling = torch.compiler.is_compiling


def idle() -> bool:
    """Whether this call passes unseen: it is being traced, nobody watches, or an event stands for it already."""
    return state.covered or is_compiling() or not recorders()


def seen_by_mode() -> bool:
    """Whether our function mode is on this thread's stack now and so sees the call itself."""
    return state.mode is not None and not state.mode_off


class Door:
    """Context of a library call. Entered again from inside it does nothing."""

    __slots__ = ("_before", "_below", "_frame")

    def __init__(self, frame: FrameType) -> None:
        self._frame = frame
        self._before = state.inside
        self._below = -1

    def __enter__(self) -> None:
        if self._before is not None:
            return
        state.inside = chain_of(self._frame)
        mode = state.mode
        if mode is not None and not mode.everything:
            self._below = take_off(mode)
            state.mode_off = True

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            return
        state.inside = None
        state.mode_off = False
        if self._below >= 0:
            put_on(state.mode, self._below)


def watched(
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType,
    kind: str,
    op: str,
    described: Callable[[], Mapping[str, Any]],
    module: Any = "",
    cover: bool = True,
    owner: Any = None,
) -> Any:
    """Call ``original`` behind a door as one event with the labelled values of ``described``.

    With ``cover`` the events below it are left out, because this one stands for them.
    """
    event = _open(described)
    with Door(frame):
        outer, state.covered = state.covered, state.covered or cover
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            state.covered = outer
            _close(event, kind, op, None, frame, module, failed(error), owner)
            raise
        finally:
            state.covered = outer
        _close(event, kind, op, result, frame, module, owner=owner)
    return result


def _open(described: Callable[[], Mapping[str, Any]]) -> Event | None:
    try:
        return Event((), described())
    except Exception as trouble:
        own_trouble(trouble)
        return None


def _close(
    event: Event | None,
    kind: str,
    op: str,
    result: Any,
    frame: FrameType,
    module: Any,
    error: str = "",
    owner: Any = None,
) -> None:
    if event is None:
        return
    try:
        event.done(kind, op, None, result, frame, module, error, owner)
    except Exception as trouble:
        own_trouble(trouble)
