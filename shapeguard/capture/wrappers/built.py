"""Constructors: the user's line in which a module, tokenizer, cache or config was made, and with which numbers.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from shapeguard.capture.record import Event
from shapeguard.capture.state import recorders, state
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.usercode import USER, user_code
from shapeguard.capture.wrappers.door import is_compiling

_REACH = 40  # library frames between a constructor and the user's line: from_pretrained is deep
_MAX_NUMBERS = 24


def wrap_module_init(original: Callable[..., Any]) -> Callable[..., Any]:
    """``nn.Module.__init__``: only what the user's code builds itself, not what a library builds inside."""
    return _wrapped(original, directly=True)


def wrap_init(original: Callable[..., Any]) -> Callable[..., Any]:
    """A constructor whose objects are few: set down to the user's line however deep the library builds it."""
    return _wrapped(original, directly=False)


def _wrapped(original: Callable[..., Any], directly: bool) -> Callable[..., Any]:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if state.inside is None and not is_compiling() and recorders():
            try:
                _built(self, sys._getframe(1), directly)
            except BaseException as trouble:
                own_trouble(trouble)

    return __init__


def _built(built: Any, frame: FrameType | None, directly: bool) -> None:
    constructor: FrameType | None = None
    while frame is not None and _constructs(frame, built):
        constructor, frame = frame, frame.f_back
    if not directly:
        for _ in range(_REACH):
            if frame is None or user_code.kind(frame.f_code) == USER:
                break
            frame = frame.f_back
    if frame is None or user_code.kind(frame.f_code) != USER:
        return
    if any(recorder.origin(built) is not None for recorder in recorders()):
        return  # the outermost constructor comes last; the first call has said it all
    numbers = _numbers_of(constructor) if constructor is not None else {}
    event = Event((), {**numbers, **(_settings(built) if not directly else {})})
    event.done("construct", type(built).__name__, None, None, frame)
    for recorder in recorders():
        if recorder.latest is not None:
            recorder.remember(built, recorder.latest)


def _constructs(frame: FrameType, built: Any) -> bool:
    """Whether a frame runs a constructor of this very object."""
    code = frame.f_code
    if code.co_name not in ("__init__", "__post_init__"):
        return False
    if _reads_locals(code):
        methods = (vars(base).get(code.co_name) for base in type(built).__mro__)
        return any(getattr(method, "__code__", None) is code for method in methods)
    return _first_argument(frame) is built


def _reads_locals(code: CodeType) -> bool:
    """Whether a function looks at its own ``locals()``: before Python 3.13 our look would change what it sees."""
    return sys.version_info < (3, 13) and not _READERS.isdisjoint(code.co_names)


_READERS = frozenset({"locals", "vars", "eval", "exec", "dir", "currentframe", "_getframe", "stack"})


def _first_argument(frame: FrameType) -> Any:
    names = frame.f_code.co_varnames
    return frame.f_locals.get(names[0]) if names else None


def _numbers_of(constructor: FrameType) -> dict[str, Any]:
    """The arguments of a constructor that are numbers, words or short lists of numbers."""
    code = constructor.f_code
    if _reads_locals(code):
        return {}
    values = constructor.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    given: dict[str, Any] = {name: values.get(name) for name in code.co_varnames[1:count]}
    if code.co_flags & inspect.CO_VARARGS:  # nn.LSTM(*args, **kwargs): the base class has the names
        names = _base_names(type(values.get(code.co_varnames[0])))
        given.update(zip(names, values.get(code.co_varnames[count], ()), strict=False))
        count += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        given.update(values.get(code.co_varnames[count], {}))
    return {name: value for name, value in given.items() if _is_plain(value)}


def _base_names(cls: type) -> tuple[str, ...]:
    """Parameter names of the first constructor in the class's line that has any; RNNBase's first one is set by its children."""
    for base in cls.__mro__:
        code = getattr(vars(base).get("__init__"), "__code__", None)
        if code is not None and code.co_argcount > 1:
            names: tuple[str, ...] = code.co_varnames[1 : code.co_argcount]
            return names[1:] if names[0] == "mode" else names
    return ()


def _settings(built: Any) -> dict[str, Any]:
    """The numbers a config or tokenizer keeps."""
    kept: dict[str, Any] = {
        name: value for name, value in vars(built).items() if not name.startswith("_") and type(value) is int
    }
    if hasattr(type(built), "padding_side") or "padding_side" in vars(built):
        kept["padding_side"] = getattr(built, "padding_side", None)
    return dict(list(kept.items())[:_MAX_NUMBERS])


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return len(value) <= 8 and all(isinstance(item, int) for item in value)
    return isinstance(value, int | bool) or (isinstance(value, str) and len(value) < 24)
