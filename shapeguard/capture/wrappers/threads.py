"""Threads and pools: what guarded code starts is guarded like it.

Nothing here needs torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from threading import Thread
from typing import Any, NamedTuple

from shapeguard.capture import quiet
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.state import recorders, state


class _Watch(NamedTuple):
    """How the starting thread is watched."""

    recorders: tuple[Recorder, ...] | None
    mode: bool
    everything: bool


_inherited: dict[int, _Watch] = {}  # by the id of a thread that was started and does not run yet


def wrap_start(original: Callable[..., Any]) -> Callable[..., Any]:
    """``Thread.start``: note how the starting thread is watched."""

    @functools.wraps(original)
    def start(self: Thread) -> None:
        if not quiet.is_clock(self):
            quiet.not_alone()
        if recorders() and not _is_pool_worker(self):
            _inherited[id(self)] = _watch_here()
        try:
            original(self)
        except BaseException:
            _inherited.pop(id(self), None)
            raise

    return start


def wrap_body(original: Callable[..., Any]) -> Callable[..., Any]:
    """``Thread._bootstrap_inner``: the whole life of a thread."""

    @functools.wraps(original)
    def _bootstrap_inner(self: Thread) -> None:
        watch = _inherited.pop(id(self), None)
        if watch is None:
            original(self)
        else:
            _run_watched(watch, original, self)

    return _bootstrap_inner


def wrap_submit(original: Callable[..., Any]) -> Callable[..., Any]:
    """``ThreadPoolExecutor.submit``: workers live on after their guard, so each task brings its watch along."""

    @functools.wraps(original)
    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if not recorders():
            return original(self, fn, *args, **kwargs)
        return original(self, _run_watched, _watch_here(), fn, *args, **kwargs)

    return submit


def _watch_here() -> _Watch:
    mode = state.mode
    return _Watch(state.recorders, mode is not None, mode is not None and mode.everything)


def _is_pool_worker(thread: Thread) -> bool:
    pools = sys.modules.get("concurrent.futures.thread")
    return pools is not None and vars(thread).get("_target") is getattr(pools, "_worker", None)


def _run_watched(watch: _Watch, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run in this thread as the other one is watched; recorders that were closed meanwhile are left out."""
    from shapeguard.capture.session import enter_mode, leave_mode

    before = state.recorders
    state.recorders = None if watch.recorders is None else tuple(r for r in watch.recorders if not r.closed)
    mode = watch.mode and bool(recorders())
    if mode:
        enter_mode(watch.everything)
    try:
        return function(*args, **kwargs)
    finally:
        if mode:
            leave_mode(watch.everything)
        state.recorders = before
