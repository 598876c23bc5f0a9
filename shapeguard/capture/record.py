"""One event, described and given to every recorder that watches this thread.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

import torch
from torch._C import DisableTorchFunction, _len_torch_function_stack

from shapeguard.capture.chains import chain_of
from shapeguard.capture.layout import Layout, describe_call, describe_result
from shapeguard.capture.state import recorders, state

_main_thread = threading.main_thread().ident


class Event:
    """A call seen from the door: described on the way in, because the call may change what it was given.

    It keeps no tensor while the call runs: what the call frees is freed as early as without us.
    """

    __slots__ = ("layout", "numbers", "origins", "recorders", "rows", "takes_tensors")

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> None:
        self.numbers: list[int] = []
        tensors: list[torch.Tensor] = []
        if _len_torch_function_stack():  # the user's modes are not to see what we ask
            with DisableTorchFunction():
                self.layout: Layout = describe_call(args, kwargs, self.numbers, tensors)
        else:
            self.layout = describe_call(args, kwargs, self.numbers, tensors)
        self.takes_tensors = bool(tensors)
        self.recorders = recorders()
        self.origins = [[recorder.origin(tensor) for tensor in tensors] for recorder in self.recorders]
        self.rows: list[int | None] = []  # the row of each recorder, once it is done

    def done(
        self,
        kind: str,
        op: str,
        function: Any,
        result: Any,
        frame: FrameType | None,
        module: Any = "",
        error: str = "",
        owner: Any = None,
    ) -> None:
        """Record the event with its result; ``owner`` is the called object, where it was built is looked up."""
        outputs: list[torch.Tensor] = []
        if error:
            made: Layout = ()
        elif _len_torch_function_stack():
            with DisableTorchFunction():
                made = describe_result(result, self.numbers, outputs)
        else:
            made = describe_result(result, self.numbers, outputs)
        if kind == "op" and not error and not outputs and not self.takes_tensors:
            return
        inside = state.inside  # below a library's door the user's call chain stays the same: it was taken there
        chain = inside if inside is not None else chain_of(frame)
        key = (kind, op, function, chain, module, (self.layout, made), _thread_name())
        numbers = tuple(self.numbers)
        for recorder, origins in zip(self.recorders, self.origins, strict=True):
            row = None if kind in recorder.unwanted else recorder.add(key, numbers, origins, outputs, error, owner)
            self.rows.append(row)

    def made(self, value: Any) -> None:
        """Set ``value`` down as made by this event, beyond what it returned. It may be anything that takes a weak reference."""
        for recorder, row in zip(self.recorders, self.rows, strict=False):
            if row is not None:
                recorder.remember(value, row)


def _thread_name() -> str:
    return "" if threading.get_ident() == _main_thread else threading.current_thread().name


def caller() -> FrameType:
    """The frame that called the wrapper that called this."""
    return sys._getframe(2)


def failed(error: BaseException) -> str:
    """How an exception stands in an event."""
    try:
        return f"{type(error).__name__}: {str(error)[:500]}"
    except Exception:
        return f"{type(error).__name__}: (the exception's own text could not be made)"
