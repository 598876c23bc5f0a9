"""The door into a library: our mode is off behind it, the user's call chain is taken once, and the call is one event.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch
from torch._C import _get_tracing_state

from shapeguard.capture import quiet
from shapeguard.capture.chains import chain_of
from shapeguard.capture.modes import ModeOff
from shapeguard.capture.record import Event, again, failed, recalled
from shapeguard.capture.segment import Numbers
from shapeguard.capture.state import recorders, state
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.usercode import OWN_PACKAGE

is_compiling = torch.compiler.is_compiling
Told = tuple[tuple[Any, ...], Mapping[str, Any]]  # positional and keyword values


def idle() -> bool:
    """Whether this call passes unseen: it is being traced, nobody watches, or an event stands for it already."""
    return is_compiling() or state.now.covered or not recorders() or _get_tracing_state() is not None


class Door:
    """Context of a library call. Entered again from inside it does nothing."""

    __slots__ = ("_before", "_frame", "_off")

    def __init__(self, frame: FrameType) -> None:
        self._frame = frame

    def __enter__(self) -> None:
        now = state.now
        self._before = now.inside
        self._off: ModeOff | None = None
        if self._before is not None:
            return
        now.inside = chain_of(self._frame)
        quiet.begin()
        mode = now.mode
        if mode is not None and not mode.everything:
            self._off = ModeOff()
            self._off.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            return
        quiet.end()
        state.now.inside = None
        if self._off is not None:
            self._off.__exit__(kind, error, trace)


def watched(
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType,
    kind: str,
    op: str,
    described: Callable[[], Mapping[str, Any]],
    module: Any = "",
    cover: bool = True,
    owner: Any = None,
    after: Callable[[Event], None] | None = None,
    told: Told | None = None,
    in_lanes: bool = False,
) -> Any:
    """Call ``original`` behind a door as one event with the labelled values of ``described``.

    With ``cover`` the events below it are left out, because this one stands for them. ``after`` is told of the event
    when it is recorded. ``told`` are the values of ``described`` in their order where they can be had without their
    labels; it must follow from them, ``op`` and ``module`` what the labels are. ``in_lanes`` are calls for which the
    caller keeps lanes: nothing else is learnt of them.
    """
    now = state.now
    if now.inside is None:
        with Door(frame):
            return watched(
                original, args, kwargs, frame, kind, op, described, module, cover, owner, after, told, in_lanes
            )
    code = frame.f_code
    place = None if in_lanes else (op, module, id(code), frame.f_lasti, now.inside)
    outer = now.covered
    labelled = None if told is not None else _labelled(described)
    values = told if told is not None else ((), labelled) if labelled is not None else None
    if values is not None and place is not None:
        found = recalled(now, place, values[0], values[1])
        if found is not None:
            labelled = values = None  # what the call frees is freed as early as without us
            spots, form, known = found
            now.covered = cover or outer
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                now.covered = outer
                _close(Event.read(spots, form, known), kind, op, None, frame, module, failed(error), owner, after)
                raise
            finally:
                now.covered = outer
            if after is not None or not again(spots, form, known, result, owner):
                _close(Event.read(spots, form, known), kind, op, result, frame, module, "", owner, after)
            return result
    event = _open(described, labelled, told, place, code) if values is not None else None
    labelled = values = None
    now.covered = cover or outer
    try:
        result = original(*args, **kwargs)
    except BaseException as error:
        now.covered = outer
        _close(event, kind, op, None, frame, module, failed(error), owner, after)
        raise
    finally:
        now.covered = outer
    _close(event, kind, op, result, frame, module, "", owner, after)
    return result


def fell(
    error: BaseException,
    kind: str,
    op: str,
    labelled: Mapping[str, Any],
    frame: FrameType,
    module: Any,
    owner: Any = None,
    numbers: Numbers | None = None,
) -> None:
    """Set down a call that had been let through and that raised; ``numbers`` are those of its arguments before it was made."""
    try:
        event = Event((), labelled)
        if numbers is not None and len(numbers) == len(event.numbers):
            event.numbers = numbers
    except BaseException as trouble:
        own_trouble(trouble)
        return
    _close(event, kind, op, None, frame, module, failed(error), owner, None)


# How a call is told by the frame of its function, by the function's code: of a step that is passed only what fails is told.
tellers: dict[CodeType, Callable[[BaseException, FrameType, FrameType], None]] = {}


def fell_inside(error: BaseException) -> None:
    """Set down the calls below a step that was passed, through which an exception came, the innermost first."""
    trace, frames = error.__traceback__, []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in reversed(frames):
        tell = tellers.get(frame.f_code)
        caller = frame.f_back
        while caller is not None and caller.f_code.co_filename.startswith(OWN_PACKAGE):
            caller = caller.f_back  # the wrapper
        if tell is not None and caller is not None:
            try:
                tell(error, frame, caller)
            except BaseException as trouble:
                own_trouble(trouble)


def _labelled(described: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    try:
        return described()
    except BaseException as trouble:
        own_trouble(trouble)
        return None


def _open(
    described: Callable[[], Mapping[str, Any]],
    labelled: Mapping[str, Any] | None,
    told: Told | None,
    place: tuple[Any, ...] | None,
    code: CodeType,
) -> Event | None:
    try:
        return Event((), labelled if labelled is not None else described(), place, code, told)
    except BaseException as trouble:
        own_trouble(trouble)
        return None


def _close(
    event: Event | None,
    kind: str,
    op: str,
    result: Any,
    frame: FrameType,
    module: Any,
    error: str,
    owner: Any,
    after: Callable[[Event], None] | None,
) -> None:
    if event is None:
        return
    try:
        event.done(kind, op, None, result, frame, module, error, owner)
        if after is not None:
            after(event)
    except BaseException as trouble:
        own_trouble(trouble)
