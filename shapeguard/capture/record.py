"""One event, described and given to every recorder that watches this thread.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Hashable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import torch
from torch._C import DisableTorchFunction, _len_torch_function_stack

from shapeguard.capture import state as states
from shapeguard.capture.chains import chain_of
from shapeguard.capture.form import Form
from shapeguard.capture.layout import Layout, describe_call, describe_result
from shapeguard.capture.segment import Numbers, Sizes, flat
from shapeguard.capture.spots import Spot, Spots, spots_of, take
from shapeguard.capture.state import Standing, recorders, state
from shapeguard.capture.trouble import let_through, own_trouble

Known = tuple[Sizes, tuple[int | None, ...]]  # sizes and origins, as a reader gives them
_NOTHING: Mapping[str, Any] = {}
_main_thread = threading.main_thread().ident


class Event:
    """A call seen from the door: described on the way in, because the call may change what it was given.

    It keeps no tensor while the call runs: what the call frees is freed as early as without us.
    With a ``place`` (anything that tells apart who calls what) a call like an earlier one is known at sight.
    """

    __slots__ = (
        "_form",
        "_given",
        "_known",
        "_spot",
        "layout",
        "numbers",
        "origins",
        "recorders",
        "rows",
        "takes_tensors",
    )

    def __init__(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] = _NOTHING,
        place: Hashable = None,
        code: CodeType | None = None,
        told: tuple[Sequence[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        self.recorders = watching = recorders()
        self.rows: list[int | None] = []  # the row of each recorder, once it is done
        self._known = False
        self._form: Form | None = None
        spots = spots_of(watching) if place is not None else None
        self._spot = spot = spots.at(place, code) if spots is not None else None
        if _len_torch_function_stack():  # the user's modes are not to see what we ask
            with DisableTorchFunction():
                self._look(spot, args, kwargs, *(told or (args, kwargs)))
        else:
            self._look(spot, args, kwargs, *(told or (args, kwargs)))

    def _look(
        self,
        spot: Spot | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        told_args: Sequence[Any],
        told_kwargs: Mapping[str, Any],
    ) -> None:
        if spot is not None:
            for form in spot.forms:
                known = take(form, told_args, told_kwargs, self.recorders[0])
                if known is not None:
                    self.recognised(form, *known)
                    return
        numbers: list[int] = []
        tensors: list[torch.Tensor] = []
        self.layout: Layout = describe_call(args, kwargs, numbers, tensors)
        self.numbers: Numbers = tuple(numbers)
        self.takes_tensors = bool(tensors)
        self.origins: list[Sequence[int | None]] = [
            [recorder.origin(tensor) for tensor in tensors] for recorder in self.recorders
        ]
        if spot is not None:
            self._form = spot.form(told_args, told_kwargs, self.layout, self.numbers, self.recorders[0])

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
        if error:
            self._describe(kind, op, function, None, frame, module, error, owner)
        elif _len_torch_function_stack():
            with DisableTorchFunction():
                if not self._again(result, owner):
                    self._describe(kind, op, function, result, frame, module, error, owner)
        elif not self._again(result, owner):
            self._describe(kind, op, function, result, frame, module, error, owner)

    def _again(self, result: Any, owner: Any) -> bool:
        """Record the event as one more of its form; False when the result is of another."""
        form = self._form
        if not self._known or form is None or form.read_result is None:
            return False
        try:
            made = form.read_result(result, form)
        except Exception as trouble:
            let_through(trouble)
            return False
        if made is None:
            return False
        recorder = self.recorders[0]
        row = recorder.again(form, self._given, self.origins[0], *made)
        if owner is not None and row is not None:
            recorder.segments[row].owner = recorder.origin(owner)
        self.rows.append(row)
        return True

    def _describe(
        self,
        kind: str,
        op: str,
        function: Any,
        result: Any,
        frame: FrameType | None,
        module: Any,
        error: str,
        owner: Any,
    ) -> None:
        numbers: list[int] = []
        outputs: list[torch.Tensor] = []
        made: Layout = () if error else describe_result(result, numbers, outputs)
        if kind == "op" and not error and not outputs and not self.takes_tensors:
            return
        inside = state.inside  # below a library's door the user's call chain stays the same: it was taken there
        chain = inside if inside is not None else chain_of(frame)
        key = (kind, op, function, chain, module, (self.layout, made), _thread_name())
        everything = (*(flat(self._given) if self._known else self.numbers), *numbers)
        for recorder, origins in zip(self.recorders, self.origins, strict=True):
            row = None if kind in recorder.unwanted else recorder.add(key, everything, origins, outputs, error, owner)
            self.rows.append(row)
        if (
            self._spot is not None
            and self._form is not None
            and not error
            and not self._known
            and self.rows[0] is not None
        ):
            self._spot.learn(self._form, key, self.recorders[0].rows_of(key), result, tuple(numbers))

    def recognised(self, form: Form, given: Sizes, origins: Sequence[int | None]) -> None:
        """Take over what a reader has read."""
        self._form = form
        self._known = True
        self.layout = form.layout
        self._given = given
        self.origins = [origins]
        self.takes_tensors = bool(origins)

    @classmethod
    def read(cls, spots: Spots, form: Form, known: Known) -> Event:
        """The event of a call that was recognised before it was made, and whose result may be of another form."""
        event = cls.__new__(cls)
        event.recorders = spots.watching
        event.rows = []
        event._spot = None
        event.recognised(form, *known)
        return event

    def made(self, value: Any) -> None:
        """Set ``value`` down as made by this event, beyond what it returned. It may be anything that takes a weak reference."""
        for recorder, row in zip(self.recorders, self.rows, strict=False):
            if row is not None:
                recorder.remember(value, row)


def recalled(
    now: Standing, place: Hashable, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Spots, Form, Known] | None:
    """The form of a call that is like an earlier one of this place, and what was read of it."""
    spots: Spots | None = now.spots
    own = now.recorders
    if (
        spots is None
        or spots.watching is not (states.process_recorders if own is None else own)
        or _len_torch_function_stack()
    ):
        return None
    spot = spots.known.get(place)
    if spot is None:
        return None
    for form in spot.forms:
        try:
            known: Known | None = form.read(args, kwargs, spots.recorder.origins, form)
        except Exception as trouble:  # not of this form, or without a shape
            let_through(trouble)
            continue
        if known is not None:
            return spots, form, known
    return None


def again(spots: Spots, form: Form, known: Known, result: Any, owner: Any = None) -> bool:
    """Record one more event of a form; False when the result is of another."""
    try:
        made = form.read_result(result, form) if form.read_result is not None else None
        if made is None:
            return False
        recorder = spots.recorder
        row = recorder.again(form, known[0], known[1], made[0], made[1])
        if owner is not None and row is not None:
            recorder.segments[row].owner = recorder.origin(owner)
    except Exception as trouble:
        own_trouble(trouble)
    return True


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
