"""The user's call chains, interned for the process: an event keeps one number.

To walk all frames at every operation would cost more than to record it. So a call of a module of the user's leaves a mark
on the stack (``marked``), and the part of the chain that lies outside of the innermost mark is worked out once a call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from sys import _getframe
from types import CodeType, FrameType
from typing import Any

from shapeguard.capture.state import state
from shapeguard.capture.usercode import USER, user_code

MAX_CHAIN = 12  # user frames kept

Place = tuple[CodeType, int]  # a code object and the offset of the instruction that was running
Key = tuple[int, ...]  # of each place the code's id and the offset

chains: list[tuple[Place, ...]] = [()]
_ids: dict[Key, int] = {(): 0}
_joined: dict[tuple[Key, int], int] = {}  # by the places inside a mark, and the chain outside of it
_lock = threading.Lock()


def marked(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a call with a mark on the stack."""
    marks = state.now.marks
    depth = len(marks)
    marks.append((id(_getframe()), []))
    try:
        return call(*args, **kwargs)
    finally:
        del marks[depth:]


MARK = marked.__code__


def chain_of(frame: FrameType | None) -> int:
    """Id of the chain of user frames that leads to this frame, innermost first; 0 where there are none."""
    return _chain(frame, state.now.marks, -1)


def _chain(frame: FrameType | None, marks: list[tuple[int, list[int]]], innermost: int) -> int:
    key: list[int] = []
    inner = frame
    known = user_code.known
    while frame is not None:
        code = frame.f_code
        kind = known.get(id(code))
        if kind is None:
            kind = user_code.kind(code)
        if kind == USER:
            key += (id(code), frame.f_lasti)
            if len(key) == 2 * MAX_CHAIN:
                break
        elif code is MARK and len(marks) >= -innermost and marks[innermost][0] == id(frame):
            outer = marks[innermost][1]  # empty until it is asked for
            if not outer:
                outer.append(_chain(frame.f_back, marks, innermost - 1))
            return _join(tuple(key), outer[0], inner)
        frame = frame.f_back
    found = _ids.get(tuple(key))
    return found if found is not None else _intern(_places(inner, MAX_CHAIN))


def _join(key: Key, outer: int, inner: FrameType | None) -> int:
    if not key:
        return outer
    found = _joined.get((key, outer))
    if found is None:
        places = (*_places(inner, len(key) // 2), *chains[outer])[:MAX_CHAIN]
        found = _joined[key, outer] = _intern(places)
    return found


def _places(frame: FrameType | None, count: int) -> tuple[Place, ...]:
    places: list[Place] = []
    while frame is not None and len(places) < count:
        if user_code.is_user(frame):
            places.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(places)


def _intern(places: tuple[Place, ...]) -> int:
    key = tuple(part for code, offset in places for part in (id(code), offset))
    with _lock:
        known = _ids.setdefault(key, len(chains))
        if known == len(chains):
            chains.append(places)
    return known
