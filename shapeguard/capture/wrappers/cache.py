"""KV caches of transformers: update, reorder, crop, row selection, with the layer's index.

Imported only after the user's program has imported torch and transformers' cache classes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch

from shapeguard.capture import quiet
from shapeguard.capture.lanes import Lane, lane_of, learn
from shapeguard.capture.record import Event
from shapeguard.capture.state import state
from shapeguard.capture.wrappers.door import fell, idle, is_compiling, tellers, watched

METHODS = ("update", "reorder_cache", "crop", "batch_select_indices", "batch_repeat_interleave", "reset")
_PARAMETERS = {
    "update": ("key_states", "value_states", "layer_idx"),
    "reorder_cache": ("beam_idx",),
    "crop": ("tokens_to_remove",),
    "batch_select_indices": ("indices",),
    "batch_repeat_interleave": ("repeats",),
    "reset": (),
}


def wrap_method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for one method of a Cache or of one of its layers."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def tell(error: BaseException, frame: FrameType, caller: FrameType) -> None:
            names = frame.f_code.co_varnames
            if caller.f_code in tellers:
                return  # a layer's, called by the cache's, which stands for it
            given = {own: frame.f_locals[own] for own in names[1 : frame.f_code.co_argcount] if own in frame.f_locals}
            call = _Call(frame.f_locals[names[0]], name, (), given)
            fell(error, "cache", call.op, call.labelled(), caller, call.module, call.cache)

        if type(code := getattr(original, "__code__", None)) is CodeType:
            tellers[code] = tell

        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            if quiet.steady:
                return original(self, *args, **kwargs)
            now = state.now
            if now.covered:
                return original(self, *args, **kwargs)
            if len(args) > 2 and type(args[2]) is int:  # an update as the models make it, with the layer's index
                lane = lane_of(now, (id(self), args[2]))
                if lane is not None and lane.goes_on(now, self, (*_kept(self, args[2]), *args[:2])):
                    return _along(lane, original, self, args, kwargs)
            if is_compiling() or idle():
                return original(self, *args, **kwargs)
            return _described(_Call(self, name, args, kwargs), original, args, kwargs, sys._getframe(1))

        method._torchdynamo_inline = original  # type: ignore[attr-defined]  # what torch.compile traces instead
        return method

    return wrap


class _Call:
    """One call of a method, in words."""

    __slots__ = ("cache", "given", "layer", "name")

    def __init__(self, cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.cache = cache
        self.name = name
        self.given = {**dict(zip(_PARAMETERS[name], args, strict=False)), **kwargs}
        self.layer = self.given.pop("layer_idx", None)

    @property
    def op(self) -> str:
        return f"{type(self.cache).__name__}.{self.name}"

    @property
    def module(self) -> str:
        return f"layers.{self.layer}" if self.layer is not None else ""

    def labelled(self) -> dict[str, Any]:
        found = _past(self.cache, self.layer)
        for label in _PARAMETERS[self.name]:
            if label in self.given:
                found[label] = self.given[label]
        found["cache"] = type(self.cache).__name__
        return found

    def learn(self, event: Event) -> None:
        """What the cache now holds was made by this event, also where the call returned something else."""
        layer = _layer(self.cache, self.layer)
        for attribute in _KEPT.values():
            value = getattr(layer, attribute, None)
            if isinstance(value, torch.Tensor):
                event.made(value)
        if self.name == "update" and self.layer is not None:
            new = (self.given.get("key_states"), self.given.get("value_states"))
            learn((id(self.cache), self.layer), self.cache, event, (*_kept(self.cache, self.layer), *new), ahead=True)


def _described(
    call: _Call, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    return watched(
        functools.partial(original, call.cache),
        args,
        kwargs,
        frame,
        "cache",
        call.op,
        call.labelled,
        call.module,
        owner=call.cache,
        after=call.learn,
        in_lanes=True,
    )


def _along(lane: Lane, original: Callable[..., Any], cache: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The foreseen update: counted, and what the layer holds from now on set down as made by it."""
    state.now.covered = True
    try:
        result = original(cache, *args, **kwargs)
    except BaseException as error:
        state.now.covered = False
        call = _Call(cache, "update", args, kwargs)
        fell(error, "cache", call.op, call.labelled(), sys._getframe(2), call.module, cache)
        raise
    state.now.covered = False
    lane.count(result)
    return result


def _kept(cache: Any, index: Any) -> tuple[Any, Any]:
    """A layer's keys and values as they are now."""
    try:
        layer = cache.layers[index]
        return layer.keys, layer.values
    except Exception:  # of another make: no lane fits it
        return None, None


def _layer(cache: Any, index: int | None) -> Any:
    """The cache's layer of this index; the cache itself where it is a layer, its first layer where none is named."""
    cache = getattr(cache, "self_attention_cache", cache)
    layers = getattr(cache, "layers", None)
    if layers is None:
        return cache
    position = index or 0
    return layers[position] if position < len(layers) else None


def _past(cache: Any, index: int | None) -> dict[str, Any]:
    """What is cached before the call: keys and values as (batch, kv_heads, past, head_dim)."""
    layer = _layer(cache, index)
    found: dict[str, Any] = {}
    for label, attribute in _KEPT.items():
        value = getattr(layer, attribute, None)
        if isinstance(value, torch.Tensor) and value.dim() > 1:
            found[label] = value
    for name in _LIMITS:
        limit = getattr(layer, name, None)
        if isinstance(limit, int):
            found[name] = limit
    return found


_LIMITS = ("max_cache_len", "max_batch_size", "sliding_window")
_KEPT = {"past keys": "keys", "past values": "values"}
