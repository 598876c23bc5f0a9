"""The user's call chains, interned for the process: an event keeps one number."""

from __future__ import annotations

import threading
from types import CodeType, FrameType

from shapeguard.capture.usercode import USER, user_code

MAX_CHAIN = 12  # user frames kept

Place = tuple[CodeType, int]  # a code object and the offset of the instruction that was running

chains: list[tuple[Place, ...]] = [()]
_ids: dict[tuple[int, ...], int] = {(): 0}
_lock = threading.Lock()


def chain_of(frame: FrameType | None) -> int:
    """Id of the chain of user frames that leads to this frame, innermost first; 0 where there are none."""
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
        frame = frame.f_back
    found = _ids.get(tuple(key))
    return found if found is not None else _intern(tuple(key), _places(inner))


def _places(frame: FrameType | None) -> tuple[Place, ...]:
    places: list[Place] = []
    while frame is not None and len(places) < MAX_CHAIN:
        if user_code.is_user(frame):
            places.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(places)


def _intern(key: tuple[int, ...], places: tuple[Place, ...]) -> int:
    with _lock:
        known = _ids.setdefault(key, len(chains))
        if known == len(chains):
            chains.append(places)
    return known
