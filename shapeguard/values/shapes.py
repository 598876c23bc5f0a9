"""Shapes as plain tuples, and how they are written for people."""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]


def format_shape(shape: Sequence[int] | None, dims: Sequence[str] | None = None) -> str:
    """``(3, 2, 16, 64)``, or ``(batch 3, kv_heads 2, past 16, head_dim 64)`` where the meaning of the sizes is known."""
    if shape is None:
        return "?"
    if dims and len(dims) == len(shape) and any(dims):
        return "(" + ", ".join(f"{name} {size}".strip() for name, size in zip(dims, shape, strict=True)) + ")"
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def format_range(first: Sequence[int] | None, last: Sequence[int] | None) -> str:
    """One shape for a folded row: ``(3, 2, 16→63, 64)`` where a size grew over the repetitions."""
    if first is None or last is None or len(first) != len(last):
        return format_shape(last if last is not None else first)
    parts = [str(a) if a == b else f"{a}→{b}" for a, b in zip(first, last, strict=True)]
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def numel(shape: Sequence[int]) -> int:
    """Number of elements of a tensor of this shape."""
    total = 1
    for size in shape:
        total *= size
    return total
