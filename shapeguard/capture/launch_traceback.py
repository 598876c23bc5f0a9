"""An uncaught exception is shown as plain python shows it: without our frames, by the hook that is installed."""

from __future__ import annotations

import builtins
import contextlib
import sys
from types import FrameType, TracebackType

from shapeguard.capture.usercode import OWN_PACKAGE, OWN_PROGRAMS


def prune_traceback(exc: BaseException) -> None:
    """Take shapeguard's frames out of the traceback of ``exc`` and of every exception it hangs together with.

    Causes, contexts and the members of exception groups are pruned too. The traceback objects are changed in place,
    so a traceback that somebody took earlier is pruned with them.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [exc]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        pruned = _without_our_frames(current.__traceback__)
        if pruned is not current.__traceback__:
            current.__traceback__ = pruned
        waiting += [current.__cause__, current.__context__, *_members(current)]


def _members(exc: BaseException) -> tuple[BaseException, ...]:
    group = getattr(builtins, "BaseExceptionGroup", None)  # Python 3.10 has none
    return exc.exceptions if group is not None and isinstance(exc, group) else ()


def _without_our_frames(tb: TracebackType | None) -> TracebackType | None:
    head = _next_foreign(tb)
    current = head
    while current is not None:
        following = _next_foreign(current.tb_next)
        if following is not current.tb_next:
            current.tb_next = following
        current = following
    return head


def _next_foreign(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and is_ours(tb.tb_frame):
        tb = tb.tb_next
    return tb


def is_ours(frame: FrameType) -> bool:
    """Whether the code of this frame belongs to shapeguard, its reference pipelines and examples excepted."""
    file = frame.f_code.co_filename
    if file.startswith(OWN_PACKAGE):
        return not file.startswith(OWN_PROGRAMS)
    # One function there goes under the file name of importlib; its globals still tell.
    return frame.f_globals.get("__name__") == "shapeguard.capture.imports_finder"


def show_uncaught(exc: BaseException) -> int | None:
    """Do what the interpreter does with an exception that left the main code: hand it to ``sys.excepthook``.

    The caller must not be handling an exception, so that the hook sees a clean ``sys.exc_info()``.

    Returns:
        The exit status when the hook itself asked for one by ``sys.exit``, else None.
    """
    sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = exc
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        write_stderr("sys.excepthook is missing\n")
        _display(exc)
        return None
    second: BaseException | None = None
    try:
        hook(type(exc), exc, exc.__traceback__)
    except BaseException as error:
        second = error
    if isinstance(second, SystemExit):
        return exit_status(second)
    if second is not None:
        prune_traceback(second)
        write_stderr("Error in sys.excepthook:\n")
        _display(second)
        write_stderr("\nOriginal exception was:\n")
        _display(exc)
    return None


def exit_status(exc: SystemExit) -> int:
    """The status that python ends with for this SystemExit; a code that is no number is printed on stderr."""
    if exc.code is None:
        return 0
    if isinstance(exc.code, int):
        return int(exc.code) if -(2**63) <= exc.code < 2**63 else -1  # as C's conversion to long
    write_stderr(exc.code)
    write_stderr("\n")
    return 1


def write_stderr(text: object) -> None:
    """Write as the interpreter itself does: where stderr is closed or gone, nothing happens."""
    with contextlib.suppress(Exception):
        (sys.stderr or sys.__stderr__).write(str(text))  # type: ignore[union-attr]


def _display(exc: BaseException) -> None:
    sys.__excepthook__(type(exc), exc, exc.__traceback__)
