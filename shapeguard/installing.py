"""``install()``: guard a whole process or notebook; every uncaught exception is explained where it is shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

from shapeguard.capture.capture import Capture, Level
from shapeguard.capture.launch_traceback import prune_traceback
from shapeguard.capture.patching import PatchSet
from shapeguard.errors import UsageError
from shapeguard.values.findings import Report

_installed: _Installed | None = None


class _Installed:
    """The capture of the process, and the hooks that explain.

    After :meth:`close` the hooks do nothing of their own: another tool may have kept one and still call it.
    """

    def __init__(self, level: Level, watch: Iterable[str] | None) -> None:
        self._capture = Capture(level, watch=watch, whole_process=True)
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._thread = threading.local()

    def open(self) -> None:
        """Start watching and hook in; undone as a whole when it fails half way."""
        with ExitStack() as undo:
            self._capture.open()
            undo.callback(self._capture.close, "completed")
            patches = PatchSet()
            undo.callback(patches.close)
            patches.add(sys, "excepthook", self._wrap_excepthook)
            patches.add(threading, "excepthook", self._wrap_thread_hook)
            shell = _ipython()
            if shell is not None:
                patches.add(type(shell), "showtraceback", self._wrap_showtraceback)
            self._stack = undo.pop_all()

    def close(self) -> None:
        """Leave everything as it was found."""
        with self._lock:
            self._stack.close()

    def _wrap_excepthook(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            with self._explained(error):
                original(kind, error, error.__traceback__)

        return excepthook

    def _wrap_thread_hook(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def excepthook(args: Any) -> None:
            with self._explained(args.exc_value, args.thread.name if args.thread is not None else ""):
                original(args)

        return excepthook

    def _wrap_showtraceback(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def showtraceback(shell: Any, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> Any:
            error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
            with self._explained(error):
                return original(shell, exc_tuple, *args, **kwargs)

        return showtraceback

    @contextmanager
    def _explained(self, error: BaseException | None, thread: str = "") -> Iterator[None]:
        """Around the showing of an exception: our frames are taken out before, the answer is said after.

        IPython's hook shows a traceback by its ``showtraceback``; only the outer of the two explains.
        """
        if error is None or self._capture.closed or getattr(self._thread, "busy", False):
            yield
            return
        self._thread.busy = True
        try:
            report = self._report(error, thread)
            prune_traceback(error)
            yield
            if report is not None:
                _say_answer(report)
        finally:
            self._thread.busy = False

    def _report(self, error: BaseException, thread: str) -> Report | None:
        """What is known about an exception, where shapes have to do with it. Never raises."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return None
        try:
            from shapeguard.analysis import analyze

            with self._lock:
                self._capture.failed(error, thread)
                recording = self._capture.snapshot()
            report = analyze(recording)
        except Exception as trouble:
            _write(f"shapeguard: the exception could not be explained ({type(trouble).__name__}: {trouble})\n")
            return None
        return report if report.findings or report.operands else None


def _ipython() -> Any:
    """The running IPython shell, if this is one."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _say_answer(report: Report) -> None:
    try:
        from shapeguard.render.terminal import render

        _write(render(report, color=sys.stderr is not None and sys.stderr.isatty()))
    except Exception as trouble:
        _write(f"shapeguard: the answer could not be shown ({type(trouble).__name__}: {trouble})\n")


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def install(level: Level = "user", *, watch: Iterable[str] | None = None) -> None:
    """Guard this process or notebook until :func:`uninstall`: after an uncaught exception the answer follows.

    Args:
        level, watch: see :func:`shapeguard.guard`.

    Raises:
        UsageError: installed already, or an unknown level or group.
    """
    global _installed
    if _installed is not None:
        raise UsageError("shapeguard is installed in this process already; call uninstall() first to change the level")
    installed = _Installed(level, None if watch is None else tuple(watch))
    installed.open()
    _installed = installed


def uninstall() -> None:
    """Undo :func:`install`; does nothing where it was not called."""
    global _installed
    installed, _installed = _installed, None
    if installed is not None:
        installed.close()
