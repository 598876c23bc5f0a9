"""``torch.cat`` and its family, called from code that our function mode does not see.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import _getframe
from types import FrameType
from typing import Any

from torch import compiler
from torch._C import _get_tracing_state, _len_torch_function_stack
from torch.compiler import is_dynamo_compiling
from torch.overrides import handle_torch_function, has_torch_function

from shapeguard.capture import quiet
from shapeguard.capture.lanes import learn
from shapeguard.capture.layout import PLAIN_TENSORS
from shapeguard.capture.ops import user_frame
from shapeguard.capture.state import recorders, state
from shapeguard.capture.usercode import MODEL, user_code
from shapeguard.capture.wrappers.builtin import StandIn
from shapeguard.capture.wrappers.door import fell, idle, is_compiling, watched

_CONTAINERS = (tuple, list)
_whose = user_code.known.get
_NOBODYS = frozenset([*PLAIN_TENSORS, type(None), bool, int, float])  # types that override nothing


class _Watched(StandIn):
    """A torch function with a row for each call."""

    def __init__(self, original: Callable[..., Any], kind: str, op: str, names: tuple[str, ...]) -> None:
        super().__init__(original)
        self._kind = kind
        self._op = op
        self._names = names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        now = state.now
        # A model behind a door that calls for itself, unless somebody takes the call; in one piece, it is called often.
        if quiet.types or now.inside is not None:
            code = _getframe(1).f_code
            if (_whose(id(code)) or user_code.kind(code)) == MODEL and not has_torch_function(
                args[0] if args and type(args[0]) in _CONTAINERS else (*args, *kwargs.values())
            ):
                return self._original(*args, **kwargs)
        if is_dynamo_compiling() or compiler._is_compiling_flag:
            return self._original(*args, **kwargs)
        if now.steady:
            return self._let_through(args, kwargs, _getframe(1))
        by_mode = (
            now.mode is not None and not now.mode_off
        )  # our function mode is on the stack and sees the call itself
        depth = _len_torch_function_stack()
        operands = args[0] if args and type(args[0]) in _CONTAINERS else (*args, *kwargs.values())
        others = depth > by_mode
        if not others:
            for operand in operands:
                if type(operand) not in _NOBODYS:
                    others = _has_override(operands)
                    break
        if others:
            # Handlers of the user's (``if func is torch.cat``) must get the function that they can name.
            return handle_torch_function(self, operands, *args, **kwargs)
        if by_mode or now.covered or not recorders() or _get_tracing_state() is not None:
            return self._original(*args, **kwargs)
        frame = _getframe(1)
        spots = now.spots
        if spots is None or now.inside is None or type(args[0] if args else None) not in _CONTAINERS:
            return self._watched(args, kwargs, frame, None)
        # A library's loop that lets something grow (ids, a mask) is foreseen like a cache, by the line that joins.
        caller = (id(frame.f_code), frame.f_lasti, *args[1:], *kwargs.values())
        try:
            lane = spots.joins.get(caller)
        except TypeError:  # given something unhashable: torch has a word for it
            return self._watched(args, kwargs, frame, None)
        if lane is None or not lane.goes_on(now, frame.f_code, operands):
            return self._watched(args, kwargs, frame, caller)
        result = self._let_through(args, kwargs, frame)
        lane.count((result,))
        return result

    def _watched(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType, caller: tuple[Any, ...] | None
    ) -> Any:
        """The call as an event; ``caller`` is the place whose lane may be learnt of it."""
        tensors = tuple(args[0]) if caller is not None else ()
        return watched(
            self._original,
            args,
            kwargs,
            frame,
            self._kind,
            self._op,
            lambda: self._labelled(args, kwargs),
            # Two lines of a library's loop that join alike, ids and their mask, are runs of their own.
            module="" if caller is None else caller[:2],
            after=None
            if caller is None
            else lambda event: learn(caller, frame.f_code, event, tensors, False, joins=True),
            told=(args, kwargs),
        )

    def _labelled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**dict(zip(self._names, args, strict=False)), **kwargs}

    def _let_through(self, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> Any:
        """A call that is foreseen, or in a step that is: told only where it fails."""
        try:
            return self._original(*args, **kwargs)
        except BaseException as error:
            fell(error, self._kind, self._op, self._labelled(args, kwargs), frame, "")
            raise

    __call__._torchdynamo_inline = StandIn.__call__  # type: ignore[attr-defined]  # what torch.compile traces instead


def _has_override(operands: Iterable[Any]) -> bool:
    """Whether somebody else's tensor class takes the call."""
    others = [
        operand
        for operand in operands
        if type(operand) not in PLAIN_TENSORS and hasattr(type(operand), "__torch_function__")
    ]
    return bool(others) and has_torch_function(others)


def wrap_function(kind: str, op: str, names: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for a torch function whose positional parameters have these names."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        return _Watched(original, kind, op, names)

    return wrap


def wrap_concat(op: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for one of the concatenating functions."""
    return wrap_function("concat", op, ("tensors", "dim"))


class _FromNumpy(StandIn):
    """``torch.from_numpy``: where it is called for the user."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_compiling() or idle() or user_frame(_getframe(1)) is None:
            return self._original(*args, **kwargs)
        return watched(self._original, args, kwargs, _getframe(1), "op", "from_numpy", dict)


wrap_from_numpy = _FromNumpy
