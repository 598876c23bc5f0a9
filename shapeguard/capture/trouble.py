"""Our own failure is never the user's: it is noted, and the program goes on."""

from __future__ import annotations

from types import FrameType, TracebackType

from shapeguard.capture.state import recorders


def let_through(trouble: BaseException) -> None:
    """Raise again what a signal handler of the program raised while our code was at work; what is ours goes no further."""
    if _of_a_signal_handler(trouble.__traceback__):
        raise trouble


def own_trouble(trouble: BaseException) -> None:
    """Note what went wrong while an event was described. It is raised again only where it is not ours.

    Not ours are KeyboardInterrupt, and what the program's own signal handler raised (a timeout) while our code happened
    to be at work.
    """
    if isinstance(trouble, KeyboardInterrupt) or _of_a_signal_handler(trouble.__traceback__):
        raise trouble
    text = f"an event was lost: {type(trouble).__name__} in {_place(trouble.__traceback__)}: {_message(trouble)}"
    for recorder in recorders():
        recorder.note(text)


def _of_a_signal_handler(trace: TracebackType | None) -> bool:
    """Whether one of the frames was called as a handler is: with a signal's number and the interrupted frame."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_argcount >= 2:
            names = code.co_varnames[code.co_argcount - 2 : code.co_argcount]
            number, frame = (trace.tb_frame.f_locals.get(name) for name in names)
            if issubclass(type(number), int) and type(frame) is FrameType:
                return True
        trace = trace.tb_next
    return False


def _place(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else "?"


def _message(trouble: BaseException) -> str:
    try:
        return str(trouble)[:200]
    except BaseException:  # the user's own type of exception may do anything here
        return "(without a text)"
