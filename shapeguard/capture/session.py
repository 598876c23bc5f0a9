"""What is installed in the process while any guard is open: patches, import hooks, thread starts, the function mode.

Several guards share it: each place is patched once and counted, and goes back to what it was when its last guard leaves.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from shapeguard.capture import quiet
from shapeguard.capture.imports import ImportHooks
from shapeguard.capture.patching import PatchSet
from shapeguard.capture.sites import SITES, STANDARD, PatchSite
from shapeguard.capture.state import state

_WITH_MODE = ("user", "all")  # levels
_lock = threading.RLock()
_WATCHED_MODULES = tuple(dict.fromkeys(site.module for site in SITES))


class _Place:
    """A patched site: its patches, and the installations that want it. Undone when the last one lets go."""

    def __init__(self) -> None:
        self.patches = PatchSet()
        self.holders: set[Installation] = set()


_places: dict[PatchSite, _Place] = {}


class Installation:
    """What one guard holds of the process: undone as a whole by ``close``."""

    def __init__(self, level: str, groups: Iterable[str], on_error: Callable[[Exception], None]) -> None:
        self._groups = frozenset(groups) - (frozenset() if level in _WITH_MODE else {"ops"})
        self._level = level
        self._on_error = on_error
        self._stack = PatchSet()
        self._mode_thread: int | None = None

    def open(self) -> None:
        """Patch what is imported already, and what will be as soon as it is."""
        if self._level == "crash":
            return
        quiet.count_threads()
        self._stack.callback(self._take_mode_off)
        self._stack.callback(functools.partial(_release, self))
        hooks = ImportHooks(on_error=self._on_error)
        self._stack.callback(hooks.uninstall)
        for name in _WATCHED_MODULES:
            if name in STANDARD:
                hooks.when_imported(name, functools.partial(self._imported, name))
        hooks.when_imported("torch", functools.partial(self._torch_imported, hooks))
        hooks.install()

    def close(self) -> None:
        """Put everything back."""
        self._stack.close()

    def _torch_imported(self, hooks: ImportHooks, _: ModuleType) -> None:
        """Wrappers need torch whole: nothing of it is patched before, and a program that never imports it is left alone."""
        for name in _WATCHED_MODULES:
            module = sys.modules.get(name)
            if name in STANDARD:
                continue
            if (
                name.partition(".")[0] == "torch" and module is not None
            ):  # whole by now; the hooks would wait for the next import
                self._imported(name, module)
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
            place = _places.setdefault(site, _Place())
            first = not place.holders
            place.holders.add(self)
            if first:
                wrap = site.wrapper()
                for owner in site.owners(module):
                    if hasattr(owner, site.name):
                        _apply(place.patches, owner, site, wrap)

    # -- the function mode -----------------------------------------------------------------------------------------

    def _enter_mode(self) -> None:
        if self._level in _WITH_MODE:
            self._mode_thread = threading.get_ident()
            enter_mode(everything=self._level == "all")

    def _take_mode_off(self) -> None:
        if self._mode_thread == threading.get_ident():
            self._mode_thread = None
            leave_mode(everything=self._level == "all")


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


def _release(holder: Installation) -> None:
    """Let go of every place that this installation holds."""
    with _lock:
        for site, place in list(_places.items()):
            if place.holders <= {holder}:
                place.patches.close()
                _places.pop(site, None)
            place.holders.discard(holder)


def enter_mode(everything: bool) -> None:
    """Put the function mode on this thread's stack, once however many guards ask for it."""
    from shapeguard.capture.modes import put_under
    from shapeguard.capture.ops import OpsMode

    state.mode_uses += 1
    state.mode_everything += everything
    if state.mode is None:
        state.mode = OpsMode(everything)
        put_under(state.mode)
    state.mode.everything = state.mode_everything > 0


def leave_mode(everything: bool) -> None:
    """Take the function mode off this thread's stack when nobody asks for it any more."""
    if state.mode is None:
        return
    from shapeguard.capture.modes import take_off

    state.mode_uses -= 1
    state.mode_everything -= everything
    state.mode.everything = state.mode_everything > 0
    if state.mode_uses <= 0:
        take_off(state.mode)
        state.mode = None
        state.mode_uses = state.mode_everything = 0


def torch_module() -> Any:
    """torch, when the program has imported it."""
    return sys.modules.get("torch")
