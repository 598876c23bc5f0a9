"""Tensors brought to shapes that fit and joined; the errors that say why they do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch

from shapeguard.errors import ShapeMismatchError, UsageError
from shapeguard.reference.fitting import (
    Cut,
    Kept,
    Shape,
    clash_in,
    cuts_of,
    disagreeing,
    may_be_cut,
    meanings,
    share,
    told,
)

OnMismatch = Literal["raise", "clamp", "pad"]


class How(NamedTuple):
    """What the caller asks for beyond the operands."""

    on_mismatch: str
    pad_value: complex
    names: tuple[str, ...] | None
    dims: tuple[str, ...] | None
    max_cut: float


class _Operands(NamedTuple):
    """Tensors of equal rank, and what they and their dimensions are called."""

    call: str  # "safe_cat along dim 1"
    tensors: list[torch.Tensor]
    empty: list[torch.Tensor]  # of shape (0,): torch.cat passes over them, whatever the rank of the others
    shapes: list[Shape]
    names: list[str]
    dims: tuple[str, ...]
    joined: int | None  # the dimension they are joined along; None: a new one


def checked(
    on_mismatch: str, pad_value: complex, names: Sequence[str] | None, dims: Sequence[str] | None, max_cut: float
) -> How:
    """The keywords, once they are known to make sense.

    Raises:
        UsageError: they do not.
    """
    if on_mismatch not in ("raise", "clamp", "pad"):
        raise UsageError(f"on_mismatch: expected 'raise', 'clamp' or 'pad', got {on_mismatch!r}")
    if not 0 <= max_cut <= 1:
        raise UsageError(f"max_cut: expected a share from 0 to 1, got {max_cut!r}")
    words = None if names is None else tuple(names)
    return How(on_mismatch, pad_value, words, None if dims is None else tuple(dims), max_cut)


def joined(op: str, tensors: Sequence[torch.Tensor], dim: int, how: How) -> torch.Tensor:
    """``torch.cat`` or ``torch.stack`` of the operands, made to fit as was asked."""
    join: Any = torch.cat if op == "cat" else torch.stack
    operands = _operands(op, tensors, dim, how)
    odd = disagreeing(operands.shapes, operands.joined) if operands is not None else []
    if operands is None or not odd:
        result: torch.Tensor = join(tensors, dim)  # or torch says what else is wrong
        return result
    if how.on_mismatch == "raise":
        raise _mismatch(operands, odd[0])
    fitted = _clamped(operands, odd, how) if how.on_mismatch == "clamp" else _padded(operands, odd, how)
    result = join([*fitted, *operands.empty], dim)
    return result


def kept_of(op: str, tensors: Sequence[torch.Tensor], dim: int, how: How, result: torch.Tensor) -> Kept:
    """What of the operands is in the result, told by its shape."""
    operands = _operands(op, tensors, dim, how)
    shape = tuple(result.shape)
    if op == "stack":
        place = dim % len(shape)
        shape = shape[:place] + shape[place + 1 :]  # without the new dimension
    rows = tuple(tensor.shape[0] if tensor.dim() else 1 for tensor in tensors)
    if operands is None or not shape or operands.joined == 0:
        return Kept(rows, rows, _cuts(operands, shape))
    return Kept(tuple(min(count, shape[0]) for count in rows), rows, _cuts(operands, shape))


def born(tensor: torch.Tensor) -> str:
    """The ``file:line`` that made a tensor, or "". An open guard knows it and puts an answer of its own in this place."""
    return ""


def _cuts(operands: _Operands | None, shape: Shape) -> tuple[Cut, ...]:
    if operands is None:
        return ()
    return tuple(cuts_of(operands.shapes, operands.names, operands.dims, shape, operands.joined))


# -- the operands ----------------------------------------------------------------------------------------------------


def _operands(op: str, tensors: Sequence[torch.Tensor], dim: int, how: How) -> _Operands | None:
    """The operands, where they are tensors of equal rank and there is such a dimension; None where torch is to judge."""
    if not isinstance(tensors, list | tuple) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        return None
    if how.names is not None and len(how.names) != len(tensors):
        raise UsageError(
            f"names: expected {len(tensors)}, one for each tensor, got {len(how.names)}; "
            "what the dimensions are is said by dims="
        )
    names = list(how.names) if how.names is not None else [f"tensors[{place}]" for place in range(len(tensors))]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    ranks = [len(shape) for shape in shapes]
    passed = [op == "cat" and shape == (0,) and max(ranks) > 1 for shape in shapes]
    live = [place for place, skip in enumerate(passed) if not skip]
    if not live:
        return None
    rank = ranks[live[0]]
    call = f"safe_{op} along dim {dim}"
    for place in live:
        if ranks[place] != rank:
            raise _rank_mismatch(call, [tensors[live[0]], tensors[place]], (names[live[0]], names[place]))
    slots = rank if op == "cat" else rank + 1
    if not isinstance(dim, int) or not -slots <= dim < slots:
        return None
    return _Operands(
        call,
        [tensors[place] for place in live],
        [tensor for tensor, skip in zip(tensors, passed, strict=True) if skip],
        [shapes[place] for place in live],
        [names[place] for place in live],
        _meanings(how, tensors[live[0]], rank),
        dim % rank if op == "cat" else None,
    )


def _meanings(how: How, tensor: torch.Tensor, rank: int) -> tuple[str, ...]:
    if how.dims is None:
        return meanings(rank, not (tensor.is_floating_point() or tensor.is_complex()))
    if len(how.dims) != rank:
        raise UsageError(f"dims: expected {rank} words, one for each dimension, got {len(how.dims)}: {how.dims}")
    return how.dims


# -- made to fit -----------------------------------------------------------------------------------------------------


def _clamped(operands: _Operands, odd: list[int], how: How) -> list[torch.Tensor]:
    """Each operand's first entries, as many as all have, where rows or positions disagree."""
    target = list(operands.shapes[0])
    for dim in odd:
        if not may_be_cut(operands.dims[dim]):
            raise _mismatch(operands, dim, "a feature dimension is never cut (dims= says what the dimensions are)")
        target[dim] = min([shape[dim] for shape in operands.shapes])
    for cut in _cuts(operands, tuple(target)):
        if share(cut) > how.max_cut:
            raise _mismatch(operands, cut.dim, f"{told(cut)}, which is more cut off than max_cut={how.max_cut} allows")
    tensors = operands.tensors
    for dim in odd:
        tensors = [tensor.narrow(dim, 0, target[dim]) for tensor in tensors]  # (4, seq) -> (3, seq)
    return tensors


def _padded(operands: _Operands, odd: list[int], how: How) -> list[torch.Tensor]:
    """Each operand with the pad value behind its last entries, as many as the largest has."""
    tensors = operands.tensors
    for tensor in tensors:
        _check_pad_value(how.pad_value, tensor.dtype)
    for dim in odd:
        size = max([shape[dim] for shape in operands.shapes])
        tensors = [_extended(tensor, dim, size, how.pad_value) for tensor in tensors]  # (3, seq) -> (4, seq)
    return tensors


def _extended(tensor: torch.Tensor, dim: int, size: int, value: Any) -> torch.Tensor:
    missing = size - tensor.shape[dim]
    if not missing:
        return tensor
    shape = [*tensor.shape[:dim], missing, *tensor.shape[dim + 1 :]]
    return torch.cat([tensor, tensor.new_full(shape, value)], dim)


def _check_pad_value(value: complex, dtype: torch.dtype) -> None:
    """torch would wrap -100 around in uint8 and round 0.5 off in int64 without a word."""
    if dtype.is_complex:
        return
    fits = not isinstance(value, complex)
    if not isinstance(value, complex) and not dtype.is_floating_point:
        low, high = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
        fits = low <= value <= high and value == int(value)
    if not fits:
        raise UsageError(f"pad_value: expected a number that {dtype} holds, got {value!r}")


# -- the errors ------------------------------------------------------------------------------------------------------


def _mismatch(operands: _Operands, dim: int, refused: str = "") -> ShapeMismatchError:
    clash = clash_in(dim, operands.shapes)
    names = operands.names[clash.usual], operands.names[clash.odd]
    usual, odd = (_described(operands.tensors[place], operands.names[place]) for place in (clash.usual, clash.odd))
    cut = "'clamp' (cut, with a warning) or " if may_be_cut(operands.dims[dim]) else ""
    advice = refused or f"find out where the two sizes part, or ask for on_mismatch={cut}'pad'"
    return ShapeMismatchError(
        f"{operands.call}: expected {clash.sizes[0]} in dim {dim} ({operands.dims[dim]}) as in {usual}, "
        f"got {clash.sizes[1]} in {odd}; {advice}",
        names,
        dim,
        clash.sizes,
    )


def _rank_mismatch(call: str, tensors: list[torch.Tensor], names: tuple[str, str]) -> ShapeMismatchError:
    first, other = (_described(tensor, name) for tensor, name in zip(tensors, names, strict=True))
    ranks = (tensors[0].dim(), tensors[1].dim())
    return ShapeMismatchError(
        f"{call}: expected {ranks[0]} dimensions as in {first}, got {ranks[1]} in {other}; "
        "unsqueeze or squeeze one of them",
        names,
        None,
        ranks,
    )


def _described(tensor: torch.Tensor, name: str) -> str:
    """``new (3, 1), made at generate.py:73``."""
    place = born(tensor)
    return f"{name} {tuple(tensor.shape)}" + (f", made at {place}" if place else "")
