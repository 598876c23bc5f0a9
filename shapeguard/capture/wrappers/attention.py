"""Attention: transformers' interface, ``F.scaled_dot_product_attention`` and ``nn.MultiheadAttention``.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any

from shapeguard.capture import quiet
from shapeguard.capture.lanes import lane_of, learn
from shapeguard.capture.modes import ModeOff, SwitchedOn
from shapeguard.capture.paths import path_of
from shapeguard.capture.state import state
from shapeguard.capture.usercode import USER, user_code
from shapeguard.capture.wrappers.concat import wrap_function
from shapeguard.capture.wrappers.door import fell, idle, is_compiling, tellers, watched

wrap_sdpa = wrap_function(
    "attention", "scaled_dot_product_attention", ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
)


def wrap_get_interface(original: Callable[..., Any]) -> Callable[..., Any]:
    """transformers' models look their attention function up at every call; what they get is a watched one."""
    made: dict[Any, Callable[..., Any]] = {}

    @functools.wraps(original)
    def get_interface(self: Any, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        attention: Callable[..., Any] = original(self, *args, **kwargs)
        if quiet.steady:
            return attention
        if not quiet.types and (is_compiling() or idle()):
            return attention
        if attention not in made:
            made[attention] = _watched_attention(attention)
        return made[attention]

    get_interface._torchdynamo_inline = original  # type: ignore[attr-defined]  # what torch.compile traces instead
    return get_interface


def _watched_attention(attention: Callable[..., Any]) -> Callable[..., Any]:
    """An attention function called as ``f(module, query, key, value, attention_mask, **kwargs)``."""
    name = getattr(attention, "__name__", type(attention).__name__)
    code = getattr(attention, "__code__", None)
    is_users = code is not None and user_code.kind(code) == USER

    def switched_on(*args: Any, **kwargs: Any) -> Any:
        with SwitchedOn():
            return attention(*args, **kwargs)

    call = switched_on if is_users else attention

    def labelled(query: Any, key: Any, value: Any, attention_mask: Any) -> dict[str, Any]:
        return {"query": query, "key": key, "value": value, "attention_mask": attention_mask}

    def tell(error: BaseException, frame: FrameType, caller: FrameType) -> None:
        given = [frame.f_locals.get(parameter) for parameter in code.co_varnames[:5]] if code is not None else []
        fell(error, "attention", name, labelled(*given[1:]), caller, path_of(given[0]))

    if code is not None and code.co_argcount >= 5:
        tellers[code] = tell

    @functools.wraps(attention)
    def forward(module: Any, query: Any, key: Any, value: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
        now = state.now
        caller = id(module)
        given = (query, key, value) if attention_mask is None else (query, key, value, attention_mask)
        lane = lane_of(now, caller)
        if lane is not None and not is_users and lane.goes_on(now, module, given):
            now.covered = True
            try:
                result = attention(module, query, key, value, attention_mask, **kwargs)
            except BaseException as error:
                now.covered = False
                described = labelled(query, key, value, attention_mask)
                fell(error, "attention", name, described, sys._getframe(1), path_of(module))
                raise
            now.covered = False
            lane.count()
            return result
        return watched(
            call,
            (module, query, key, value, attention_mask),
            kwargs,
            sys._getframe(1),
            "attention",
            name,
            lambda: labelled(query, key, value, attention_mask),
            path_of(module),
            cover=not is_users,
            after=lambda event: learn(caller, module, event, given, ahead=False),
            in_lanes=True,
        )

    return forward


def wrap_fast_path(original: Callable[..., Any]) -> Callable[..., Any]:
    """``forward`` of a module that has a fast path: under any function mode it is not taken, and other numbers come out."""
    return scriptable(original, _past_the_mode)


def wrap_multihead_attention(original: Callable[..., Any]) -> Callable[..., Any]:
    """``nn.MultiheadAttention.forward``, whoever calls it."""
    return scriptable(original, _multihead_attention)


def scriptable(original: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """A method that hands ``run(original, self, args, kwargs)`` on, with the globals of the original.

    ``torch.jit.script`` reads the original's source and looks the names in it up in the globals of what it was given.
    """

    def method(self, *args, **kwargs):  # type: ignore[no-untyped-def]  # TorchScript would resolve the annotations
        return run(original, self, args, kwargs)

    made = FunctionType(method.__code__, original.__globals__, original.__name__, None, method.__closure__)
    return functools.wraps(original)(made)


def _past_the_mode(original: Callable[..., Any], module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if is_compiling():
        return original(module, *args, **kwargs)
    with ModeOff():
        return original(module, *args, **kwargs)


_MULTIHEAD = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")


def _multihead_attention(
    original: Callable[..., Any], module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if is_compiling():
        return original(module, *args, **kwargs)
    if idle():
        return _past_the_mode(original, module, args, kwargs)

    def labelled() -> dict[str, Any]:
        given = {**dict(zip(_MULTIHEAD, args, strict=False)), **kwargs}
        sizes = {"num_heads": module.num_heads, "embed_dim": module.embed_dim, "batch_first": module.batch_first}
        return {**{name: given.get(name) for name in _MULTIHEAD if name != "need_weights"}, **sizes}

    return watched(
        functools.partial(_past_the_mode, original, module),
        (args, kwargs),
        {},
        sys._getframe(2),
        "attention",
        type(module).__name__,
        labelled,
        path_of(module),
    )
