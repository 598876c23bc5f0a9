"""The pipeline done right, as code to copy: batched generation with a decoder-only model, one readable page each.

* :mod:`~shapeguard.reference.loading`: a model and its tokenizer from a folder, a GGUF file or the Hub
* :mod:`~shapeguard.reference.pad_token`: a pad token that the model has a row for
* :mod:`~shapeguard.reference.prompts`: padding side, prompts to ids and mask
* :mod:`~shapeguard.reference.generation`: ``model.generate`` with everything said explicitly
* :mod:`~shapeguard.reference.decoding`: the same loop by hand, in which finished rows leave the batch
* :mod:`~shapeguard.reference.concat`: concatenation that loses nothing silently; needs no transformers
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapeguard.reference.concat import safe_cat, safe_stack
    from shapeguard.reference.decoding import decode_loop
    from shapeguard.reference.generation import end_ids, generate
    from shapeguard.reference.loading import load
    from shapeguard.reference.prompts import encode, mask_of, prepare

_HOME = {
    "decode_loop": "decoding",
    "encode": "prompts",
    "end_ids": "generation",
    "generate": "generation",
    "load": "loading",
    "mask_of": "prompts",
    "prepare": "prompts",
    "safe_cat": "concat",
    "safe_stack": "concat",
}

__all__ = [
    "decode_loop",
    "encode",
    "end_ids",
    "generate",
    "load",
    "mask_of",
    "prepare",
    "safe_cat",
    "safe_stack",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"shapeguard.reference.{_HOME[name]}"), name)
    raise AttributeError(f"module 'shapeguard.reference' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
