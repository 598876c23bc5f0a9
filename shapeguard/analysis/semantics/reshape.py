"""view, reshape, flatten, unflatten: other dims over the same elements."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    at_least_rank,
    must_equal,
    product,
    refuse,
    wrap,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound
from shapeguard.analysis.semantics.strides import strides_allow
from shapeguard.values.shapes import Shape, numel


@register("view", "_unsafe_view", params="input *size=")
def view(call: Bound) -> Axes:
    """A view also needs the strides to allow it, where ``values["stride"]`` tells them."""
    given = call.tensor("input")
    axes = regrouped(given, solve_size(given, call.numbers("size")))
    strides_allow(given, call.values.get("stride"), [axis.size for axis in axes])
    return axes


@register("reshape", params="input *size=")
def reshape(call: Bound) -> Axes:
    given = call.tensor("input")
    return regrouped(given, solve_size(given, call.numbers("size")))


@register("view_as", "reshape_as", params="input other")
def view_as(call: Bound) -> Axes:
    given, other = call.tensor("input"), call.tensor("other")
    axes = regrouped(given, solve_size(given, list(other.shape), other.label))
    if call.name == "view_as":
        strides_allow(given, call.values.get("stride"), [axis.size for axis in axes])
    return axes


@register("flatten", "Flatten", params="input start_dim= end_dim=")
def flatten(call: Bound) -> Axes:
    given = call.tensor("input")
    start = wrap(call.number("start_dim", 1 if call.name == "Flatten" else 0), given.rank, given.label)
    end = wrap(call.number("end_dim", -1), given.rank, given.label)
    if not given.rank:
        return [Axis(1)]
    if start > end:
        refuse("rank", Side("start_dim", None, start), Side("end_dim", None, end), f"dim {start} to dim {end}")
    return [*given.axes[:start], _merged(given.axes[start : end + 1]), *given.axes[end + 1 :]]


@register("ravel", params="input")
def ravel(call: Bound) -> Axes:
    return [_merged(call.tensor("input").axes)]


@register("unflatten", "Unflatten", params="input dim= sizes=")
def unflatten(call: Bound) -> Axes:
    given = call.tensor("input")
    at_least_rank(given, 1)
    dim = wrap(call.number("dim"), given.rank, given.label)
    sizes = call.numbers("sizes" if call.has("sizes") else "unflattened_size")
    axis = given.axes[dim]
    return [*given.axes[:dim], *(Axis(size, axis.sources) for size in _split(axis, sizes)), *given.axes[dim + 1 :]]


def solve_size(given: Operand, size: Sequence[int], label: str = "size") -> Shape:
    """The size with -1 replaced, refused where it does not hold exactly the elements that there are."""
    total = numel(given.shape)
    have = Side(given.label, None, total)
    if size.count(-1) != 1:
        asked = product(size)
        if asked != total:
            text = f"{list(size)} holds {asked} elements, {given.label} has {total}"
            refuse("numel", Side(label, None, asked), have, text)
        return tuple(size)
    rest = product(number for number in size if number != -1)
    if rest == 0 or total % rest:
        text = f"{total} elements are not divisible by {rest}, the product of the other sizes of {list(size)}"
        refuse("divides", have, Side(label, None, rest), text)
    return tuple(total // rest if number == -1 else number for number in size)


def _split(axis: Axis, sizes: Sequence[int]) -> Shape:
    rest = product(number for number in sizes if number != -1)
    if -1 not in sizes:
        must_equal(Side("sizes", None, rest), axis.side)
    elif rest == 0 or axis.size % rest:
        refuse("divides", axis.side, Side("sizes", None, rest))
    return tuple(axis.size // rest if number == -1 else number for number in sizes)


def regrouped(given: Operand, size: Shape) -> Axes:
    """Each new dim with the smallest run of old dims that holds its elements: (2, 12) -> (2, 3, 4) splits dim 1."""
    if 0 in size:
        return [Axis(number, _same_place(given, dim, number)) for dim, number in enumerate(size)]
    axes: Axes = []
    old = 0
    while len(axes) < len(size):
        if size[len(axes)] == 1:
            axes.append(Axis(1, _same_place(given, old, 1)))
            old += bool(axes[-1].sources)
        else:
            end, new = _group_end(given.shape, old, size, len(axes))
            axes += _group(given.axes[old:end], size[len(axes) : new])
            old = end
    return axes


def _same_place(given: Operand, dim: int, size: int) -> tuple[tuple[str, int], ...]:
    return ((given.label, dim),) if dim < given.rank and given.shape[dim] == size else ()


def _group_end(shape: Shape, old: int, size: Shape, new: int) -> tuple[int, int]:
    """Where the old and the new dims that start here first hold the same number of elements."""
    there, asked = 1, size[new]
    new += 1
    while there != asked:
        if there < asked:
            there, old = there * shape[old], old + 1
        else:
            asked, new = asked * size[new], new + 1
    return old, new


def _group(old: Axes, sizes: Shape) -> Axes:
    sources = tuple(source for axis in old if axis.size != 1 for source in axis.sources)
    return [Axis(size, sources if size != 1 else ()) for size in sizes]


def _merged(axes: Axes) -> Axis:
    return Axis(product(axis.size for axis in axes), tuple(source for axis in axes for source in axis.sources))
