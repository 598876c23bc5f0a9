"""Where processes start: the hooks by which children of a guarded process are guarded too.

A forked child is told by the operating system's fork itself. A spawned one is told by the data that multiprocessing
sends ahead of the process object; plain ``subprocess`` children are not Python's business and are left alone.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from shapeguard.capture.child_caught import noticing
from shapeguard.capture.children import after_fork_in_child, before_fork, finish, opened, spawn_options
from shapeguard.capture.children_spawn import Announcement
from shapeguard.capture.imports import ImportHooks
from shapeguard.capture.patching import PatchSet
from shapeguard.capture.state import recorders, state

_KEY = "shapeguard"
_lock = threading.RLock()
_holders: set[object] = set()
_installed = PatchSet()
_at_fork = False


def acquire(holder: object, note: Callable[[str], None]) -> None:
    """Hook in, once however many captures are open."""
    with _lock:
        first = not _holders
        _holders.add(holder)
        if first:
            _install(note)


def release(holder: object) -> None:
    """Put everything back when the last capture has closed. The fork hooks stay, and do nothing then."""
    with _lock:
        if _holders <= {holder}:
            _installed.close()
        _holders.discard(holder)


def _install(note: Callable[[str], None]) -> None:
    _register_at_fork()
    hooks = ImportHooks(on_error=lambda error: note(f"children are not watched: {error}"))
    hooks.when_imported("multiprocessing.process", lambda module: _patch_process(_installed, module))
    hooks.when_imported("multiprocessing.spawn", lambda module: _patch_spawn(_installed, module))
    _installed.callback(hooks.uninstall)
    hooks.install()


def _register_at_fork() -> None:
    global _at_fork
    if not _at_fork and hasattr(os, "register_at_fork"):
        _at_fork = True
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def _before_fork() -> None:
    if opened:
        before_fork()


def _after_fork() -> None:
    if opened:
        getattr(_lock, "_at_fork_reinit", lambda: None)()
        after_fork_in_child()


def _patch_process(patches: PatchSet, module: ModuleType) -> None:
    patches.add(module.BaseProcess, "_bootstrap", _wrap_bootstrap)


def _patch_spawn(patches: PatchSet, module: ModuleType) -> None:
    patches.add(module, "get_preparation_data", _wrap_preparation)


def _wrap_bootstrap(original: Callable[..., int]) -> Callable[..., int]:
    """All that a child of multiprocessing does, from its start to its exit code."""

    @functools.wraps(original)
    def _bootstrap(self: Any, *args: Any, **kwargs: Any) -> int:
        if not any(children.in_child for children in opened):
            return original(self, *args, **kwargs)
        _begin_anew()
        patches = noticing()
        try:
            status = original(self, *args, **kwargs)
        finally:
            patches.close()
        finish("crashed" if status else "completed")
        return status

    return _bootstrap


def _begin_anew() -> None:
    """A forked child never returns to the frames that forked it: a library's door above it does not count."""
    state.inside, state.root, state.covered = None, None, False
    if state.mode_off and state.mode is not None and recorders():
        from shapeguard.capture.modes import is_on, put_on

        if not is_on(state.mode):
            put_on(state.mode)
    state.mode_off = False


def _wrap_preparation(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """What a spawned child is told before its process object, and before it imports the main module again."""

    @functools.wraps(original)
    def get_preparation_data(*args: Any, **kwargs: Any) -> dict[str, Any]:
        data = original(*args, **kwargs)
        try:
            options = spawn_options()
        except OSError:
            options = []
        return {_KEY: Announcement(options), **data} if options else data

    return get_preparation_data
