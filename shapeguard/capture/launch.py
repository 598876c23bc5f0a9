"""Run a script or module in this process exactly as plain ``python`` would, with a watcher around it.

Known limits, all of which need somebody to look for them: a few of our frames lie below the program on the stack
(``traceback.print_stack`` shows them, the recursion limit is reached that much earlier), and modules that shapeguard
has loaded are in ``sys.modules`` before the program starts.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Protocol

from shapeguard.capture.launch_target import Program, Target, stage
from shapeguard.capture.launch_threads import notice_failing_threads, wait_for_threads
from shapeguard.capture.launch_traceback import exit_status, prune_traceback, show_uncaught
from shapeguard.capture.patching import PatchSet

if TYPE_CHECKING:  # nothing but the standard library is loaded before the user's program
    from shapeguard.values.findings import Outcome

__all__ = ["Exit", "Target", "Watcher", "launch", "prune_traceback"]


class Watcher(Protocol):
    """What wants to know of a run. A watcher that raises does not harm the run; see ``Exit.troubles``."""

    def enter(self) -> None:
        """The stage is set (argv, path, ``__main__``); the user's code runs next."""

    def failed(self, exc: BaseException, thread_name: str) -> None:
        """An exception other than SystemExit left the main code or a thread, and has not been printed yet.

        Its traceback still holds shapeguard's own frames. KeyboardInterrupt comes here too. Threads call this at any
        time, also at the same time.
        """

    def finish(self, outcome: Outcome) -> None:
        """The main code has ended and every non-daemon thread was joined; called once.

        A process that the program forked, and that ran on to the end of the main code, gets here as well.
        """


@dataclass(frozen=True)
class Exit:
    """How the process has to end. ``troubles`` are one line each on what went wrong in the watcher."""

    status: int
    by_sigint: bool = False  # the program left KeyboardInterrupt uncaught: python kills itself by the signal
    troubles: tuple[str, ...] = ()

    @property
    def success(self) -> bool:
        """Whether the operating system sees status 0."""
        return not self.by_sigint and self.status & 0xFF == 0

    def perform(self) -> NoReturn:
        """End the process by raising what makes the interpreter do so: atexit handlers and the last flush included.

        Call it where nothing catches: outside of click or typer, which turn KeyboardInterrupt into status 1.
        """
        if self.by_sigint:
            sys.excepthook = _say_nothing  # the user has seen the traceback already
            raise KeyboardInterrupt
        raise SystemExit(self.status)


def launch(target: Target, watcher: Watcher) -> Exit:
    """Run ``target`` to its end and say how the process must end. The new ``__main__`` stays in place until exit.

    Raises:
        UsageError: there is nothing to run; the watcher has not been called then.
    """
    target.check()
    program = stage(target)
    watch = _Watch(watcher)
    with ExitStack() as stack:
        patches = PatchSet()
        stack.callback(patches.close)
        patches.add(threading, "_make_invoke_excepthook", notice_failing_threads(watch.failed))
        if program.broken is None:
            ending = _end_main(program, _run(program, watch), watch)
        else:
            ending = _let_python_refuse(target, program.broken, watch)
        watch.interrupted |= wait_for_threads()
    _flush()
    watch.finish()
    return Exit(ending.status, ending.by_sigint, tuple(watch.troubles))


class _Watch:
    """The watcher behind a wall: its errors are noted, not raised. Knows the outcome."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.interrupted = False
        self.crashed = False
        self.troubles: list[str] = []

    def enter(self) -> None:
        try:
            self._watcher.enter()
        except Exception as error:
            self._note("start", error)

    def failed(self, exc: BaseException, thread_name: str) -> None:
        if isinstance(exc, KeyboardInterrupt):
            self.interrupted = True
        else:
            self.crashed = True
        try:
            self._watcher.failed(exc, thread_name)
        except (Exception, KeyboardInterrupt) as error:
            self._note("look at the failure", error)

    def finish(self) -> None:
        outcome: Outcome = "interrupted" if self.interrupted else "crashed" if self.crashed else "completed"
        try:
            self._watcher.finish(outcome)
        except (Exception, KeyboardInterrupt) as error:
            self._note("finish", error)

    def _note(self, doing: str, error: BaseException) -> None:
        self.troubles.append(
            f"shapeguard could not {doing} ({type(error).__name__}: {error}); the program is not affected"
        )


def _run(program: Program, watch: _Watch) -> BaseException | None:
    try:
        watch.enter()
        program.run()
    except BaseException as error:
        return error
    return None


def _end_main(program: Program, error: BaseException | None, watch: _Watch) -> Exit:
    """What python does between the end of the main code and the wait for the threads."""
    if program.is_file:
        _flush()
    if isinstance(error, SystemExit):
        return Exit(exit_status(error))
    ending = Exit(0) if error is None else _show(error, watch)
    program.leave()
    return ending


def _show(error: BaseException, watch: _Watch) -> Exit:
    watch.failed(error, threading.current_thread().name)
    prune_traceback(error)
    status = show_uncaught(error)
    if status is not None:
        return Exit(status)
    if type(error) is KeyboardInterrupt:  # of a subclass python makes an ordinary status 1
        return Exit(130, by_sigint=True)
    return Exit(1)


def _let_python_refuse(target: Target, error: Exception, watch: _Watch) -> Exit:
    """Have plain python say what is wrong with a script that does not compile.

    python reads a script with another parser than ``compile`` does, and words and places some errors differently.
    Nothing of the program has run, so asking python itself costs nothing and is exact.
    """
    watch.enter()
    watch.failed(error, threading.current_thread().name)
    if sys.executable:
        with contextlib.suppress(OSError):
            status = subprocess.call(target.command())
            return Exit(status if status >= 0 else 128 - status)
    prune_traceback(error)
    return Exit(show_uncaught(error) or 1)


def _flush() -> None:
    for stream in (sys.stderr, sys.stdout):
        with contextlib.suppress(Exception):
            stream.flush()


def _say_nothing(kind: type[BaseException], exc: BaseException, tb: TracebackType | None) -> None:
    return None
