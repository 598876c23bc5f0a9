"""Threads of the program: hearing of one that fails, and waiting for them as the interpreter does at exit."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from shapeguard.capture.launch_traceback import prune_traceback, write_stderr


def notice_failing_threads(failed: Callable[[BaseException, str], None]) -> Callable[[Any], Any]:
    """Hear of an exception that leaves a thread before ``threading.excepthook`` does.

    That hook itself stays as it is, so the program may replace it or ask for it. Every thread makes its caller of the
    hook when it is created; that maker is what is wrapped here.
    """

    def wrap(
        make: Callable[[], Callable[[threading.Thread], None]],
    ) -> Callable[[], Callable[[threading.Thread], None]]:
        def make_noticing() -> Callable[[threading.Thread], None]:
            invoke = make()

            def notice_and_invoke(thread: threading.Thread) -> None:
                exc = sys.exc_info()[1]
                if exc is not None and not isinstance(exc, SystemExit):
                    failed(exc, thread.name)
                    prune_traceback(exc)
                invoke(thread)

            return notice_and_invoke

        return make_noticing

    return wrap


def wait_for_threads() -> bool:
    """Wait for the non-daemon threads by the function that the interpreter itself calls at exit, where it is then done.

    Joining them one by one would wait forever for the idle workers of an executor, which this function ends.

    Returns:
        Whether the user lost patience (KeyboardInterrupt): the threads are left alone then, as python does.
    """
    interruption: BaseException | None = None
    try:
        threading._shutdown()  # type: ignore[attr-defined]
    except BaseException as error:
        interruption = error
    if interruption is None:
        return False
    prune_traceback(interruption)
    _show_ignored(interruption)
    return isinstance(interruption, KeyboardInterrupt)


def _show_ignored(exc: BaseException) -> None:
    """Write what the interpreter writes here; its own hook for that cannot be called from Python code."""
    if sys.unraisablehook is not sys.__unraisablehook__:
        what: Any = SimpleNamespace(exc_type=type(exc), exc_value=exc, exc_traceback=exc.__traceback__)
        what.err_msg, what.object = None, threading
        sys.unraisablehook(what)
        return
    lines = [f"Exception ignored in: {threading!r}\n", "Traceback (most recent call last):\n"]
    write_stderr("".join([*lines, *traceback.format_tb(exc.__traceback__), f"{type(exc).__name__}: {exc}\n"]))
