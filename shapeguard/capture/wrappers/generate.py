"""``generate()``: what it was really given, and a door around it.

Imported only after the user's program has imported torch and transformers' generation.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch

from shapeguard.capture.paths import path_of
from shapeguard.capture.state import state
from shapeguard.capture.wrappers.door import idle, watched
from shapeguard.capture.wrappers.padding import ids_side, mask_side

_SETTINGS = (
    "max_new_tokens",
    "max_length",
    "num_beams",
    "num_return_sequences",
    "do_sample",
    "use_cache",
    "pad_token_id",
    "eos_token_id",
    "cache_implementation",
)


def wrap_generate(original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of ``GenerationMixin.generate``."""

    @functools.wraps(original)
    def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
        if idle():
            return original(self, *args, **kwargs)
        outermost = state.root is None
        if outermost:
            state.root = self
        try:
            return watched(
                functools.partial(original, self),
                args,
                kwargs,
                sys._getframe(1),
                "generate",
                "generate",
                lambda: _labelled(self, args, kwargs),
                path_of(self),
                cover=False,
                owner=self,
            )
        finally:
            if outermost:
                state.root = None

    return generate


def _labelled(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    config = getattr(model, "config", None)
    ids = args[0] if args else kwargs.get("input_ids", kwargs.get("inputs"))
    mask = kwargs.get("attention_mask")
    settings = effective_settings(model, kwargs)
    given = {"input_ids": ids, **{k: v for k, v in kwargs.items() if isinstance(v, torch.Tensor) and k != "inputs"}}
    given["past_key_values"] = kwargs.get("past_key_values")
    pads = [settings.get("pad_token_id"), getattr(config, "pad_token_id", None)]
    return {
        **given,
        **settings,
        "model": type(model).__name__,
        "encoder-decoder": bool(getattr(config, "is_encoder_decoder", False)),
        "ids padded": ids_side(ids, pads),
        "mask padded": "absent" if mask is None else mask_side(mask),
    }


def effective_settings(model: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Settings as generate will see them: its arguments before the given config before the model's."""
    configs = (kwargs.get("generation_config"), getattr(model, "generation_config", None))
    settings: dict[str, Any] = {}
    for name in _SETTINGS:
        value = kwargs.get(name)
        for config in configs:
            value = getattr(config, name, None) if value is None else value
        if value is not None and not isinstance(value, torch.Tensor):
            settings[name] = value
    return settings
