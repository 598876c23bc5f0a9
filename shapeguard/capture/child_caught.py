"""Exceptions that a child turns into text: the last place where their frames are alive.

Processes, pools and loaders catch what their work raises and send it on as text, or print it. They make that text with
the ``traceback`` module; there we look at the exception first. The text itself is made as without us: of a traceback
that has none of our frames in it.
"""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from shapeguard.capture.children import notice
from shapeguard.capture.launch_traceback import prune_traceback
from shapeguard.capture.patching import PatchSet

# Module and function that hand an exception over. Other users of the traceback module are not listened to.
_HANDS_OVER = frozenset(
    {
        ("multiprocessing.process", "_bootstrap"),
        ("multiprocessing.pool", "__init__"),
        ("concurrent.futures.process", "__init__"),
        ("joblib.externals.loky.process_executor", "__init__"),
        ("loky.process_executor", "__init__"),
        ("torch._utils", "__init__"),
        ("torch.multiprocessing.spawn", "_wrap"),
        ("torch.distributed.elastic.multiprocessing.errors.error_handler", "record_exception"),
    }
)
_IMPORTED_NAMES = ("concurrent.futures.process", "joblib.externals.loky.process_executor", "loky.process_executor")


def noticing() -> PatchSet:
    """Listen from now on, in this child; what is returned undoes it."""
    patches = PatchSet()
    for name in ("print_exc", "format_exc", "format_exception"):
        patches.add(traceback, name, _noticing)
    for module in map(sys.modules.get, _IMPORTED_NAMES):
        if module is not None and "format_exception" in vars(module):
            patches.add(module, "format_exception", _noticing)
    return patches


def _noticing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        error = sys.exc_info()[1]
        if error is not None and _hands_over(sys._getframe(1)) and not isinstance(error, SystemExit):
            notice(error)
            prune_traceback(error)
            if len(args) == 3:  # type, exception, traceback: the latter was taken before our frames were
                args = (args[0], args[1], error.__traceback__) if args[1] is error else args
        return original(*args, **kwargs)

    return function


def _hands_over(frame: FrameType) -> bool:
    return (frame.f_globals.get("__name__"), frame.f_code.co_name) in _HANDS_OVER
