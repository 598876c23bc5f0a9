"""Which sizes of tensors to be joined disagree, whose fault that is, and what may be cut. Plain shapes, no tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Shape = tuple[int, ...]

# What may be cut. Features never: their number is the model's.
_ROWS = frozenset({"batch", "row", "rows", "beam", "beams", "sample", "samples"})
_POSITIONS = frozenset(
    {"seq", "sequence", "length", "past", "query", "key", "position", "positions", "token", "tokens", "time"}
)


class Clash(NamedTuple):
    """A dimension in which operands disagree: the odd operand's place and that of one of the majority, with their sizes."""

    dim: int
    usual: int
    odd: int
    sizes: tuple[int, int]  # of the usual and the odd one


class Cut(NamedTuple):
    """What an operand lost: ``kept`` of the ``size`` entries that it had in ``dim``, the first ones."""

    operand: str
    dim: int
    meaning: str  # "batch", "seq"
    size: int
    kept: int


class Kept(NamedTuple):
    """How much of the operands went into the result."""

    rows: tuple[int, ...]  # of each operand: the entries of its dimension 0 that are in the result
    of: tuple[int, ...]  # of each operand: the entries of its dimension 0
    cuts: tuple[Cut, ...]  # empty where nothing was lost


def disagreeing(shapes: Sequence[Shape], joined: int | None) -> list[int]:
    """The dimensions in which shapes of equal rank differ, but for the one they are joined along."""
    return [
        dim
        for dim in range(len(shapes[0]))
        if dim != joined and any(shape[dim] != shapes[0][dim] for shape in shapes[1:])
    ]


def clash_in(dim: int, shapes: Sequence[Shape]) -> Clash:
    """Who is at odds with whom in a dimension: the first operand that differs from most, the first where all are as many."""
    sizes = [shape[dim] for shape in shapes]
    counts = [sizes.count(size) for size in sizes]
    usual = sizes[counts.index(max(counts))]
    odd = next(place for place, size in enumerate(sizes) if size != usual)
    return Clash(dim, sizes.index(usual), odd, (usual, sizes[odd]))


def meanings(rank: int, whole_numbers: bool) -> tuple[str, ...]:
    """What the dimensions usually are; ``whole_numbers`` tells token ids and masks from hidden states."""
    if rank == 1:
        return ("seq",)
    if rank == 2:
        return ("batch", "seq" if whole_numbers else "feature")
    if rank == 3:
        return ("batch", "seq", "feature")
    if rank == 4:
        return ("batch", "heads", "seq", "head_dim")
    return ("batch", *["feature"] * (rank - 3), "seq", "feature") if rank else ()


def may_be_cut(meaning: str) -> bool:
    """Whether a dimension of this meaning holds rows or positions."""
    return meaning in _ROWS or meaning in _POSITIONS


def cuts_of(
    shapes: Sequence[Shape], names: Sequence[str], dims: Sequence[str], result: Shape, joined: int | None
) -> list[Cut]:
    """What each operand would lose in every dimension, but for the joined one, of a result that is smaller than it."""
    return [
        Cut(name, dim, dims[dim], size, result[dim])
        for name, shape in zip(names, shapes, strict=True)
        for dim, size in enumerate(shape)
        if dim != joined and size > result[dim]
    ]


def share(cut: Cut) -> float:
    """How much of the dimension is cut off, from 0 to 1."""
    return (cut.size - cut.kept) / cut.size


def told(cut: Cut) -> str:
    """``past keeps 3 of 4 in dim 0 (batch)``."""
    return f"{cut.operand} keeps {cut.kept} of {cut.size} in dim {cut.dim} ({cut.meaning})"
