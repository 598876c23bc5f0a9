"""What is installed in the process while any guard is open: patches, import hooks, thread starts, the function mode.

Several guards share it: each place is patched once and counted, and goes back to what it was when its last guard leaves.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from shapeguard.capture.imports import ImportHooks
from shapeguard.capture.patching import PatchSet
from shapeguard.capture.sites import SITES, PatchSite
from shapeguard.capture.state import recorders, state

_lock = threading.RLock()
_patched: dict[PatchSite, tuple[PatchSet, int]] = {}
_WATCHED_MODULES = tuple(dict.fromkeys(site.module for site in SITES))


class Installation:
    """What one guard holds of the process: undone as a whole by ``close``."""

    def __init__(self, level: str, groups: Iterable[str], on_error: Callable[[Exception], None]) -> None:
        self._groups = frozenset(groups)
        self._level = level
        self._on_error = on_error
        self._stack = ExitStack()

    def open(self) -> None:
        """Patch what is imported already, and what will be as soon as it is."""
        if self._level == "crash":
            return
        self._stack.callback(self._take_mode_off)
        hooks = ImportHooks(on_error=self._on_error)
        self._stack.callback(hooks.uninstall)
        hooks.when_imported("torch", functools.partial(self._torch_imported, hooks))
        hooks.install()
        thread_patches = PatchSet()
        self._stack.callback(thread_patches.close)
        thread_patches.add(threading.Thread, "_bootstrap_inner", _wrap_thread_body)
        thread_patches.add(threading.Thread, "start", _wrap_thread_start)

    def close(self) -> None:
        """Put everything back."""
        self._stack.close()

    def _torch_imported(self, hooks: ImportHooks, _: ModuleType) -> None:
        """Wrappers need torch whole: nothing is patched before, and a program that never imports it is left alone."""
        for name in _WATCHED_MODULES:
            if name.partition(".")[0] == "torch":  # whole by now: the hooks themselves would wait for the next import
                self._imported(name, importlib.import_module(name))
            else:
                hooks.when_imported(name, functools.partial(self._imported, name))
        if "ops" in self._groups:
            self._enter_mode()

    def _imported(self, name: str, module: ModuleType) -> None:
        for site in SITES:
            if site.module == name and (site.always or site.group in self._groups):
                try:
                    self._acquire(site, module)
                except Exception as error:
                    self._on_error(error)

    def _acquire(self, site: PatchSite, module: ModuleType) -> None:
        with _lock:
            patches, uses = _patched.get(site, (None, 0))
            self._stack.callback(_release, site)
            _patched[site] = (patches or PatchSet(), uses + 1)
            if patches is None:
                wrap = site.wrapper()
                for owner in site.owners(module):
                    if hasattr(owner, site.name):
                        _apply(_patched[site][0], owner, site, wrap)

    # -- the function mode -----------------------------------------------------------------------------------------

    def _enter_mode(self) -> None:
        if self._level in ("user", "all"):
            enter_mode(everything=self._level == "all")
            self._mode_thread = threading.get_ident()

    _mode_thread: int | None = None

    def _take_mode_off(self) -> None:
        if self._mode_thread == threading.get_ident():
            leave_mode()


def _apply(patches: PatchSet, owner: Any, site: PatchSite, wrap: Callable[[Any], Any]) -> None:
    patches.add(owner, site.name, wrap)
    if site.builtin:
        _register_builtin(patches, vars(owner)[site.name], site.builtin)


def _register_builtin(patches: PatchSet, wrapper: Any, operator: str) -> None:
    """``torch.jit.script`` knows builtin functions by identity; it must know the wrapper too."""
    from torch.jit import _builtins

    table = _builtins._get_builtin_table()
    patches.callback(functools.partial(table.pop, id(wrapper), None))
    _builtins._register_builtin(wrapper, operator)


def _release(site: PatchSite) -> None:
    with _lock:
        patches, uses = _patched[site]
        if uses > 1:
            _patched[site] = (patches, uses - 1)
        else:
            del _patched[site]
            patches.close()


def enter_mode(everything: bool) -> None:
    """Put the function mode on this thread's stack, once however many guards ask for it."""
    from shapeguard.capture.modes import put_on
    from shapeguard.capture.ops import OpsMode

    state.mode_uses += 1
    if state.mode is None:
        state.mode = OpsMode(everything)
        put_on(state.mode)
    elif everything:
        state.mode.everything = True


def leave_mode() -> None:
    """Take the function mode off this thread's stack when nobody asks for it any more."""
    from shapeguard.capture.modes import take_off

    if state.mode is None:
        return
    state.mode_uses -= 1
    if state.mode_uses <= 0:
        take_off(state.mode)
        state.mode = None
        state.mode_uses = 0


# -- threads -----------------------------------------------------------------------------------------------------------


def _wrap_thread_start(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        _inherited[self] = (state.recorders, state.mode is not None and state.mode.everything, state.mode is not None)
        original(self)

    return start


_inherited: dict[threading.Thread, tuple[Any, bool, bool]] = {}


def _wrap_thread_body(original: Callable[..., Any]) -> Callable[..., Any]:
    """A thread started by guarded code is guarded like it."""

    @functools.wraps(original)
    def _bootstrap_inner(self: threading.Thread) -> None:
        own, everything, watched = _inherited.pop(self, (None, False, False))
        state.recorders = own
        if watched and recorders():
            enter_mode(everything)
        try:
            original(self)
        finally:
            if watched:
                leave_mode()

    return _bootstrap_inner


def torch_module() -> Any:
    """torch, when the program has imported it."""
    return sys.modules.get("torch")
