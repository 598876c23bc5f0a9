"""Warnings are blamed on the line they would be blamed on without our frames between it and what warns.

Nothing here needs torch.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from shapeguard.capture.usercode import OWN_PACKAGE, OWN_PROGRAMS

_MAX_DEPTH = 40


def wrap_warn(original: Callable[..., Any]) -> Callable[..., Any]:
    """``warnings.warn``: a stack level that leads past our frames is counted without them."""

    @functools.wraps(original)
    def warn(message: Any, category: Any = None, stacklevel: int = 1, source: Any = None, **kwargs: Any) -> None:
        level = stacklevel
        if type(level) is int and 1 < level < _MAX_DEPTH:
            level = _physical_level(sys._getframe(1), level)
        original(message, category, level + 1, source, **kwargs)

    return warn


def wrap_show(original: Callable[..., Any]) -> Callable[..., Any]:
    """``warnings._showwarnmsg``: what C++ code warned of is blamed on its caller, which may be our function mode."""

    @functools.wraps(original)
    def _showwarnmsg(msg: Any) -> Any:
        frame = _blamed(sys._getframe(1), msg) if _is_ours(str(msg.filename)) else None
        if frame is None:
            return original(msg)
        frame.f_globals.get("__warningregistry__", {}).clear()  # ours: nothing is known of the user's line yet
        outer = next(callers(frame), frame)
        warnings.warn_explicit(
            msg.message,
            msg.category,
            outer.f_code.co_filename,
            outer.f_lineno,
            outer.f_globals.get("__name__", "<string>"),
            outer.f_globals.setdefault("__warningregistry__", {}),
            outer.f_globals,
            msg.source,
        )
        return None

    return _showwarnmsg


def _blamed(frame: FrameType | None, msg: Any) -> FrameType | None:
    """The frame of ours on which a warning was blamed."""
    for _ in range(_MAX_DEPTH):
        if frame is None:
            return None
        if frame.f_code.co_filename == msg.filename and frame.f_lineno == msg.lineno:
            return frame
        frame = frame.f_back
    return None


def callers(frame: FrameType) -> Iterator[FrameType]:
    """The frames outwards of this one as they would be without us.

    Under a function mode a function of torch written in Python is entered twice: user, function, handle_torch_function,
    our handler, function. All between the two, and the first, are passed over.
    """
    inner: FrameType | None = frame
    outer = frame.f_back
    while outer is not None:
        detour = is_detour(outer) or (inner is not None and is_detour(inner))
        while outer is not None and is_detour(outer):
            outer = outer.f_back
        if outer is not None and detour and inner is not None and outer.f_code is inner.f_code:
            outer = outer.f_back
            continue
        if outer is None:
            return
        yield outer
        inner, outer = outer, outer.f_back


def is_detour(frame: FrameType) -> bool:
    """Whether a frame is ours, of what calls our function mode, or one of importlib's that never count."""
    code = frame.f_code
    return _is_ours(code.co_filename) or code.co_name == "handle_torch_function" or _is_importlib(frame)


def _is_ours(file: str) -> bool:
    """Whether a file is shapeguard's; the reference code is a program like the user's, and warns for itself."""
    return file.startswith(OWN_PACKAGE) and not file.startswith(OWN_PROGRAMS)


def _is_importlib(frame: FrameType) -> bool:
    """Whether the interpreter itself leaves this frame out where it counts levels."""
    return "importlib" in frame.f_code.co_filename and "_bootstrap" in frame.f_code.co_filename


def _physical_level(frame: FrameType, level: int) -> int:
    """The level that leads as far out as ``level`` would without our frames; 1 is ``frame`` itself."""
    wanted = level - 1
    for target in callers(frame):
        wanted -= 1
        if not wanted:
            return _distance(frame, target) + 1
    return level


def _distance(frame: FrameType, target: FrameType) -> int:
    distance = 0
    current: FrameType | None = frame
    while current is not None and current is not target:
        distance += not _is_importlib(current)
        current = current.f_back
    return distance
