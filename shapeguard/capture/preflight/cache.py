"""Facts of a KV cache that a generation is given: kind, rows, heads, filled length, room. Only shapes are asked."""

from __future__ import annotations

from typing import Any

from shapeguard.values.pipeline import CacheFacts


def cache_facts(cache: Any) -> CacheFacts | None:
    """What a cache says of itself; None where there is none."""
    if cache is None:
        return None
    if isinstance(cache, tuple | list):
        return CacheFacts(type(cache).__name__, legacy=True)
    own = getattr(cache, "self_attention_cache", cache)
    layers = getattr(own, "layers", None)
    layer = layers[0] if isinstance(layers, list) and layers else None
    shape = _shape(getattr(layer, "keys", None))
    room = getattr(layer, "max_cache_len", None)
    fixed = type(room) is int and "Static" in f"{type(layer).__name__} {type(cache).__name__}"
    rows, kv_heads, length, head_dim = shape if shape is not None else (None, None, 0, None)
    return CacheFacts(
        type(cache).__name__,
        rows=rows,
        kv_heads=kv_heads,
        length=None
        if fixed or "Sliding" in type(layer).__name__
        else length,  # a filled length would be a tensor's value
        head_dim=head_dim,
        room=room if fixed else None,
    )


def _shape(keys: Any) -> tuple[int, int, int, int] | None:
    shape = tuple(getattr(keys, "shape", ()))
    return (shape[0], shape[1], shape[2], shape[3]) if len(shape) == 4 else None
