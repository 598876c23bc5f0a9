"""Callbacks right after a module was imported, without importing anything.

Callbacks of ``torch.nn.functional`` wait until ``torch`` as a whole is there: patched earlier, its functions would be
copied by the modules of torch that are still to come (``from torch.nn.functional import …``), out of reach of an undo.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from types import ModuleType

from shapeguard.capture.imports_finder import Finder

Callback = Callable[[ModuleType], object]
OnError = Callable[[Exception], object]

_LAZY = getattr(importlib.util, "_LazyModule", None)  # what importlib.util.LazyLoader makes of a module


class ImportHooks:
    """A set of post-import callbacks. Nothing is called before :meth:`install` or after :meth:`uninstall`.

    Errors of callbacks go to ``on_error`` and never into the user's import.
    """

    def __init__(self, on_error: OnError) -> None:
        self._on_error = on_error
        self._lock = threading.RLock()
        self._installed = False
        self._callbacks: dict[str, list[Callback]] = {}
        self._packages: set[str] = set()  # top-level packages of all those modules
        self._executing: set[str] = set()  # modules whose callbacks will be called when they are done
        self._late: dict[str, list[Callback]] = {}  # they or their packages are under way; asked with every import
        self._finder = Finder(self)

    def when_imported(self, name: str, callback: Callback) -> None:
        """Call ``callback(module)`` each time ``name`` has been executed, or at once if it is there already.

        A module in a package is called back when the top-level package is there, too. The callback gets what
        ``sys.modules`` holds then: a module may have put something else in its place.
        """
        with self._lock:
            self._callbacks.setdefault(name, []).append(callback)
            self._packages.add(_package(name))
            ready = self._installed and self._is_ready(name, [callback])
        if ready:
            self._call(name, [callback])

    def install(self) -> None:
        """Begin; modules that are imported already get their callbacks now."""
        with self._lock:
            if self._installed:
                return
            self._installed = True
            sys.meta_path.insert(0, self._finder)
            ready = {name: calls[:] for name, calls in self._callbacks.items() if self._is_ready(name, calls)}
        self._call_all(ready)

    def uninstall(self) -> None:
        """Leave ``sys.meta_path`` as if we had never been there; callbacks are not called any more."""
        with self._lock:
            self._installed = False
            self._callbacks.clear()
            self._packages.clear()
            self._late.clear()
            self._executing.clear()
            with contextlib.suppress(ValueError):
                sys.meta_path.remove(self._finder)

    # -- for the finder and the loader -----------------------------------------------------------------------------

    def wants(self, name: str) -> bool:
        """Whether somebody waits for this module; quick, for it is asked with every import of the program."""
        if self._late:
            self._call_late()
        return name in self._callbacks or name in self._packages

    def begin(self, name: str) -> None:
        """The module is going to be executed by our loader."""
        with self._lock:
            self._executing.add(name)

    def end(self, name: str, done: bool) -> None:
        """The module was executed (``done``) or has failed: call back for it, and for those that waited for it."""
        with self._lock:
            self._executing.discard(name)
            self._late.pop(name, None)
            ready = {name: self._callbacks.get(name, [])[:]} if done else {}
            if done and _package(name) == name:
                waiting = [other for other in self._late if _package(other) == name and not _under_way(other)]
                ready.update({other: self._late.pop(other) for other in waiting})
            elif done and not _is_complete(_package(name)):
                self._late[name] = ready.pop(name)
        self._call_all(ready)

    def wait_for(self, name: str) -> None:
        """The module has no loader that could be stood in for (a namespace package): look for it later."""
        with self._lock:
            self._late[name] = self._callbacks.get(name, [])[:]

    def _is_ready(self, name: str, callbacks: list[Callback]) -> bool:
        """Whether the module is wholly imported; if its import is under way, see to it that it is noticed."""
        if name not in sys.modules or name in self._executing:
            return False
        if _is_complete(name) and _is_complete(_package(name)):
            return True
        self._late.setdefault(name, []).extend(callbacks)
        return False

    def _call_late(self) -> None:
        with self._lock:
            names = [name for name in self._late if _is_complete(name) and _is_complete(_package(name))]
            ready = {name: self._late.pop(name) for name in names}
        self._call_all(ready)

    def _call_all(self, ready: dict[str, list[Callback]]) -> None:
        for name, callbacks in ready.items():
            self._call(name, callbacks)

    def _call(self, name: str, callbacks: list[Callback]) -> None:
        module = sys.modules.get(name)
        if module is None:
            return
        for callback in callbacks:
            try:
                callback(module)
            except Exception as error:
                self._on_error(error)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _is_complete(name: str) -> bool:
    return name in sys.modules and not _under_way(name)


def _under_way(name: str) -> bool:
    """Whether a module in ``sys.modules`` is still being executed."""
    try:
        module = sys.modules[name]
        if type(module) is _LAZY:  # any look at its attributes would execute it
            return True
        return bool(getattr(module.__spec__, "_initializing", False))
    except Exception:  # anything may stand in sys.modules
        return False
