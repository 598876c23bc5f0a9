"""The finder and the loader of :mod:`shapeguard.capture.imports`.

The finder, in front of ``sys.meta_path``, asks the other finders and puts a stand-in for the loader into the spec they
give; the stand-in gives the spec its own loader back, lets it execute the module, and reports. Only a real import (or
reload) is treated so: to a mere question, as of ``importlib.util.find_spec``, the finder does not answer.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, Protocol


class Hooks(Protocol):
    """What the finder and the loader report to."""

    def wants(self, name: str) -> bool:
        """Whether this module's import is of interest."""

    def begin(self, name: str) -> None:
        """The module is going to be executed by our loader."""

    def end(self, name: str, done: bool) -> None:
        """The module was executed (``done``) or has failed."""

    def wait_for(self, name: str) -> None:
        """The module has no loader that could be stood in for."""


class Finder:
    """Stands first in ``sys.meta_path``."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._asking = threading.local()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """The spec that the other finders have for a module that somebody waits for; None for all else."""
        if not self._hooks.wants(name) or name in vars(self._asking) or not _is_import_of(name):
            return None
        vars(self._asking)[name] = True
        try:
            spec = self._ask_others(name, path, target)
        finally:
            del vars(self._asking)[name]
        if spec is not None:
            self._stand_in(spec, name)
        return spec

    def _ask_others(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in sys.meta_path[:]:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None

    def _stand_in(self, spec: ModuleSpec, name: str) -> None:
        loader: Any = spec.loader
        if isinstance(loader, importlib.util.LazyLoader):  # it executes the module later, by the loader inside
            vars(loader)["loader"] = Loader.around(vars(loader)["loader"], name, self._hooks)
        elif hasattr(loader, "exec_module"):
            spec.loader = Loader.around(loader, name, self._hooks)
        else:
            self._hooks.wait_for(name)


class Loader:
    """Stands in for a loader from the moment its spec is found until it executes the module."""

    def __init__(self, original: Any, name: str, hooks: Hooks) -> None:
        self._original = original
        self._name = name
        self._hooks = hooks

    @classmethod
    def around(cls, loader: Any, name: str, hooks: Hooks) -> Any:
        """A stand-in for this loader; one that is left over from an import that never came to execute goes."""
        while isinstance(loader, cls) and loader._hooks is hooks:
            loader = loader._original
        return cls(loader, name, hooks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def exec_module(self, module: ModuleType) -> None:
        """Step aside, let the loader execute the module, call the callbacks."""
        self._step_aside(module)
        self._hooks.begin(self._name)
        done = False
        try:
            self._original.exec_module(module)
            done = True
        finally:
            self._hooks.end(self._name, done)

    def _step_aside(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = self._original
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._original


def _as_part_of_importlib(code: CodeType) -> CodeType:
    """The same code under importlib's file name.

    The interpreter leaves out importlib's frames where it shows the traceback of a failed import and where a warning
    counts ``stacklevel``. A frame of ours among them would break both, and the program would see another traceback and
    other warnings than without us.
    """
    return code.replace(co_filename="<frozen importlib._bootstrap>")


Loader.exec_module.__code__ = _as_part_of_importlib(Loader.exec_module.__code__)


def _is_import_of(name: str) -> bool:
    """Whether importlib is importing or reloading this very module further up the stack, rather than looking for it."""
    frame = sys._getframe(2)
    for _ in range(30):
        code = frame.f_code
        if code.co_name == "_find_and_load_unlocked" and "importlib" in code.co_filename:
            return frame.f_locals.get("name") == name
        if code.co_name == "reload" and frame.f_globals.get("__name__") == "importlib":
            return frame.f_locals.get("name") == name
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False
