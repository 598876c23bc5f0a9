"""``install()``: guard a whole process or notebook; every uncaught exception is explained where it is shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from shapeguard.capture.capture import Capture, Level
from shapeguard.capture.launch_traceback import prune_traceback
from shapeguard.capture.patching import PatchSet
from shapeguard.errors import UsageError
from shapeguard.values.findings import Report

_installed: _Installed | None = None


class _Installed:
    """The capture of the process, and the hooks that explain."""

    def __init__(self, level: Level, watch: Iterable[str] | None, show: Callable[[Report], None]) -> None:
        self._make = lambda: Capture(level, watch=watch, whole_process=True)
        self._capture = self._make()
        self._show = show
        self._stack = ExitStack()
        self._lock = threading.Lock()

    def open(self) -> None:
        with ExitStack() as undo:
            patches = PatchSet()
            undo.callback(patches.close)
            undo.callback(self._end)
            self._capture.open()
            patches.add(sys, "excepthook", self._wrap_excepthook)
            patches.add(threading, "excepthook", self._wrap_thread_hook)
            shell = _ipython()
            if shell is not None:
                patches.add(type(shell), "showtraceback", self._wrap_showtraceback)
            self._stack = undo.pop_all()

    def close(self) -> None:
        self._stack.close()

    def _end(self) -> None:
        try:
            self._capture.close("completed")
        except UsageError:
            return  # it was never opened

    def explain(self, error: BaseException, thread: str = "") -> None:
        """Say what is known about an exception that was just shown, and go on watching with a fresh recording."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return
        with self._lock:
            from shapeguard.analysis import analyze

            self._capture.failed(error, thread)
            recording = self._capture.close("crashed")
            self._capture = self._make()
            self._capture.open()
        self._show(analyze(recording))

    def _wrap_excepthook(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            prune_traceback(error)
            original(kind, error, error.__traceback__)
            self.explain(error)

        return excepthook

    def _wrap_thread_hook(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def excepthook(args: Any) -> None:
            original(args)
            if args.exc_value is not None:
                self.explain(args.exc_value, args.thread.name if args.thread is not None else "")

        return excepthook

    def _wrap_showtraceback(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def showtraceback(shell: Any, *args: Any, **kwargs: Any) -> Any:
            error = sys.exc_info()[1]
            try:
                return original(shell, *args, **kwargs)
            finally:
                if error is not None:
                    self.explain(error)

        return showtraceback


def _ipython() -> Any:
    """The running IPython shell, if this is one."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _print_answer(report: Report) -> None:
    from shapeguard.render.terminal import render

    if sys.stderr is not None:
        sys.stderr.write(render(report, color=sys.stderr.isatty()))


def install(level: Level = "user", *, watch: Iterable[str] | None = None) -> None:
    """Guard this process or notebook until :func:`uninstall`: after every uncaught exception the answer follows.

    Raises:
        UsageError: installed already, or an unknown level or group.
    """
    global _installed
    if _installed is not None:
        raise UsageError("shapeguard is installed in this process already; call uninstall() first to change the level")
    installed = _Installed(level, None if watch is None else tuple(watch), _print_answer)
    installed.open()
    _installed = installed


def uninstall() -> None:
    """Undo :func:`install`; does nothing where it was not called."""
    global _installed
    installed, _installed = _installed, None
    if installed is not None:
        installed.close()
