"""KV caches of transformers: update, reorder, crop, row selection, with the layer's index.

Imported only after the user's program has imported torch and transformers' cache classes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch

from shapeguard.capture.record import Event
from shapeguard.capture.wrappers.door import idle, is_compiling, watched

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
    parameters = _PARAMETERS[name]

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            if is_compiling() or idle():
                return original(self, *args, **kwargs)
            given = {**dict(zip(parameters, args, strict=False)), **kwargs}
            layer = given.pop("layer_idx", None)

            def labelled() -> dict[str, Any]:
                found = _past(self, layer)
                for label in parameters:
                    if label in given:
                        found[label] = given[label]
                found["cache"] = type(self).__name__
                return found

            return watched(
                functools.partial(original, self),
                args,
                kwargs,
                sys._getframe(1),
                "cache",
                f"{type(self).__name__}.{name}",
                labelled,
                f"layers.{layer}" if layer is not None else "",
                owner=self,
                after=lambda event: _remember(event, self, layer),
            )

        return method

    return wrap


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


def _remember(event: Event, cache: Any, index: int | None) -> None:
    """What the cache now holds was made by this event, also where the call returned something else."""
    layer = _layer(cache, index)
    for attribute in _KEPT.values():
        value = getattr(layer, attribute, None)
        if isinstance(value, torch.Tensor):
            event.made(value)
