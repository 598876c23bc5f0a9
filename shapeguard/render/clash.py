"""Which of an operand's dimensions clash, so that every renderer marks the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.values.findings import Mismatch, OperandView


def clashing_dims(operands: Sequence[OperandView], mismatch: Mismatch | None) -> list[frozenset[int]]:
    """For each operand the dimensions to mark; an empty set where nothing can be said without guessing."""
    if mismatch is None or mismatch.kind == "rank" or mismatch.kind == "count":
        return [frozenset() for _ in operands]
    if mismatch.kind != "numel" and any(operand.clashing is not None for operand in operands):
        return [frozenset(() if operand.clashing is None else (operand.clashing,)) for operand in operands]
    rank = max((len(operand.shape or ()) for operand in operands), default=0)
    return [frozenset(_find(operand.shape or (), mismatch, rank)) for operand in operands]


def _find(shape: Sequence[int], mismatch: Mismatch, rank: int) -> list[int]:
    """The named dimension where its size is one of those that clash, else the only dimension of such a size.

    A dimension counted in the longest operand is looked for from the right too: shapes broadcast from there. In a
    matmul the two inner dimensions have different numbers, and only the sizes tell which is the other's.
    """
    if mismatch.kind == "numel":
        return list(range(len(shape)))
    if mismatch.dim is not None:
        for dim in (mismatch.dim, mismatch.dim - rank + len(shape)):
            if 0 <= dim < len(shape) and shape[dim] in mismatch.sizes:
                return [dim]
    candidates = [dim for dim, size in enumerate(shape) if size in mismatch.sizes]
    return candidates if len(candidates) == 1 else []
