"""cat, stack and their family."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    at_least_rank,
    must_equal,
    refuse,
    same_rank,
    wrap,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("cat", "concat", "concatenate", params="*tensors dim=")
def cat(call: Bound) -> Axes:
    tensors = _some(call)
    for tensor in tensors:
        at_least_rank(tensor, 1)
    # torch keeps an old promise: a tensor of shape (0,) joins anything
    kept = [tensor for tensor in tensors if tensor.shape != (0,)]
    if not kept:
        return tensors[0].axes
    return join([(tensor.label, tensor.axes) for tensor in kept], call.number("dim", 0))


@register("stack", params="*tensors dim=")
def stack(call: Bound) -> Axes:
    tensors = _some(call)
    first = tensors[0]
    dim = wrap(call.number("dim", 0), first.rank + 1, first.label)
    for tensor in tensors[1:]:
        same_rank(first, tensor)
        for place in range(first.rank):
            must_equal(first.side(place), tensor.side(place))
    axes = [_shared(place, [tensor.axes for tensor in tensors]) for place in range(first.rank)]
    return [*axes[:dim], Axis(len(tensors)), *axes[dim:]]


@register("hstack", params="*tensors")
def hstack(call: Bound) -> Axes:
    parts = _raised(call, _at_least_1d)
    return join(parts, 0 if len(parts[0][1]) == 1 else 1)


@register("vstack", "row_stack", params="*tensors")
def vstack(call: Bound) -> Axes:
    return join(_raised(call, _at_least_2d), 0)


@register("dstack", params="*tensors")
def dstack(call: Bound) -> Axes:
    return join(_raised(call, _at_least_3d), 2)


@register("column_stack", params="*tensors")
def column_stack(call: Bound) -> Axes:
    return join(_raised(call, _as_column), 1)


def join(parts: Sequence[tuple[str, Axes]], dim: int) -> Axes:
    """Concatenate along ``dim``; all other dims must agree with the first part's."""
    label, first = parts[0]
    dim = wrap(dim, len(first), label)
    for other, axes in parts[1:]:
        _fits(label, first, other, axes, dim)
    return [
        _joined(place, [axes for _, axes in parts]) if place == dim else _shared(place, [axes for _, axes in parts])
        for place in range(len(first))
    ]


def _fits(label: str, first: Axes, other: str, axes: Axes, dim: int) -> None:
    if len(axes) != len(first):
        refuse("rank", Side(label, None, len(first)), Side(other, None, len(axes)))
    for place, (left, right) in enumerate(zip(first, axes, strict=True)):
        if place != dim:
            must_equal(Side(label, left.side.dim, left.size), Side(other, right.side.dim, right.size), dim=place)


def _joined(place: int, parts: Sequence[Axes]) -> Axis:
    return Axis(sum(axes[place].size for axes in parts), _sources(place, parts))


def _shared(place: int, parts: Sequence[Axes]) -> Axis:
    return Axis(parts[0][place].size, _sources(place, parts))


def _sources(place: int, parts: Sequence[Axes]) -> tuple[tuple[str, int], ...]:
    return tuple(source for axes in parts for source in axes[place].sources)


def _some(call: Bound) -> list[Operand]:
    if not call.all:
        refuse("count", Side("", None, 1), Side("tensors", None, 0), "1 tensor or more is wanted, the list holds 0")
    return call.all


def _raised(call: Bound, lift: Callable[[Axes], Axes]) -> list[tuple[str, Axes]]:
    return [(tensor.label, lift(tensor.axes)) for tensor in _some(call)]


def _at_least_1d(axes: Axes) -> Axes:
    return axes or [Axis(1)]


def _at_least_2d(axes: Axes) -> Axes:
    return [Axis(1), *_at_least_1d(axes)] if len(axes) < 2 else axes


def _at_least_3d(axes: Axes) -> Axes:
    return [*_at_least_2d(axes), Axis(1)] if len(axes) < 3 else axes


def _as_column(axes: Axes) -> Axes:
    return [*_at_least_1d(axes), Axis(1)] if len(axes) < 2 else axes
