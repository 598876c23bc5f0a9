"""Where a thread stands: which recorders watch it, and whether it runs the user's code or a library's."""

from __future__ import annotations

import threading
from typing import Any

from shapeguard.capture.recorder import Recorder


class ThreadState(threading.local):
    """State of one thread. ``recorders`` is None while the thread follows the process."""

    recorders: tuple[Recorder, ...] | None = None
    mode: Any = None  # our TorchFunctionMode, while it belongs on this thread's stack
    mode_uses: int = 0  # guards of this thread that asked for it
    mode_everything: int = 0  # those of them that asked for level "all"
    inside: int | None = None  # id of the call chain by which a library was entered; None in the user's own code
    root: Any = None  # the outermost nn.Module at work
    mode_off: bool = False  # the mode is off the stack, because library code runs
    covered: bool = False  # an event is being recorded that stands for what happens below it


state = ThreadState()
process_recorders: tuple[Recorder, ...] = ()


def recorders() -> tuple[Recorder, ...]:
    """The recorders that watch this thread."""
    own = state.recorders
    return process_recorders if own is None else own


def set_process_recorders(value: tuple[Recorder, ...]) -> None:
    """Let these recorders watch every thread that has none of its own."""
    global process_recorders
    process_recorders = value
