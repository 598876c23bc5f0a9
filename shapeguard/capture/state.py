"""Where a thread stands: which recorders watch it, and whether it runs the user's code or a library's."""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar

from shapeguard.capture.recorder import Recorder


class Standing:
    """Where one thread stands. ``recorders`` is None while the thread follows the process."""

    __slots__ = (
        "covered",
        "inside",
        "marks",
        "mode",
        "mode_everything",
        "mode_off",
        "mode_uses",
        "recorders",
        "root",
        "spots",
        "steady",
    )

    def __init__(self) -> None:
        self.recorders: tuple[Recorder, ...] | None = None
        self.mode: Any = None  # our TorchFunctionMode, while it belongs on this thread's stack
        self.mode_uses = 0  # guards of this thread that asked for it
        self.mode_everything = 0  # those of them that asked for level "all"
        self.inside: int | None = (
            None  # id of the call chain by which a library was entered; None in the user's own code
        )
        self.root: Any = None  # the outermost nn.Module at work
        self.mode_off = False  # the mode is off the stack, because library code runs
        self.covered = False  # an event is being recorded that stands for what happens below it
        self.marks: list[tuple[int, list[int]]] = []  # see chains.py
        self.steady = False  # a call is passed that repeats what was watched before, see steady.py
        self.spots: Any = None  # how this thread's places have called so far


_T = TypeVar("_T")


class _Kept(Generic[_T]):
    """An attribute of the calling thread's :class:`Standing`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, threads: ThreadState, owner: type) -> _T:
        value: _T = getattr(threads.now, self._name)
        return value

    def __set__(self, threads: ThreadState, value: _T) -> None:
        setattr(threads.now, self._name, value)


class ThreadState(threading.local):
    """Gives each thread its own. To ask a ``threading.local`` is slow: where calls are many, ``now`` is asked for once."""

    def __init__(self) -> None:
        self.now = Standing()

    recorders = _Kept[tuple[Recorder, ...] | None]()
    mode = _Kept[Any]()
    mode_uses = _Kept[int]()
    mode_everything = _Kept[int]()
    inside = _Kept[int | None]()
    root = _Kept[Any]()
    mode_off = _Kept[bool]()
    covered = _Kept[bool]()
    spots = _Kept[Any]()


state = ThreadState()
process_recorders: tuple[Recorder, ...] = ()


def recorders() -> tuple[Recorder, ...]:
    """The recorders that watch this thread."""
    own = state.now.recorders
    return process_recorders if own is None else own


def set_process_recorders(value: tuple[Recorder, ...]) -> None:
    """Let these recorders watch every thread that has none of its own."""
    global process_recorders
    process_recorders = value
