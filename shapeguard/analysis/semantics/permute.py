"""Dims moved, added, dropped or repeated."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Side,
    UnknownCallError,
    at_least_rank,
    must_equal,
    product,
    refuse,
    wrap,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("repeat", "tile", params="input *repeats=")
def repeat(call: Bound) -> Axes:
    given, times = call.tensor("input"), call.numbers("dims" if call.has("dims") else "repeats")
    lead = len(times) - given.rank
    if lead < 0 and call.name == "repeat":
        refuse("rank", Side("repeats", None, len(times)), Side(given.label, None, given.rank))
    axes = [Axis(1)] * lead + given.axes
    times = [1] * -lead + times
    return [Axis(axis.size * time, axis.sources) for axis, time in zip(axes, times, strict=True)]


@register("repeat_interleave", params="input repeats= dim=")
def repeat_interleave(call: Bound) -> Axes:
    given, counts = call.tensor("input"), call.find("repeats")
    if counts is not None and counts.rank == 1 and counts.shape[0] > 1:
        along = given.side(wrap(call.number("dim"), given.rank, given.label)) if call.has("dim") else None
        must_equal(along or Side(given.label, 0, product(given.shape)), counts.side(0), "length")
    times = call.number("repeats")
    if not call.has("dim"):
        sources = tuple(source for axis in given.axes for source in axis.sources)
        return [Axis(product(given.shape) * times, sources)]
    at_least_rank(given, 1)
    dim = wrap(call.number("dim"), given.rank, given.label)
    axes = given.axes
    axes[dim] = Axis(axes[dim].size * times, axes[dim].sources)
    return axes


@register("permute", params="input *dims=")
def permute(call: Bound) -> Axes:
    given, dims = call.tensor("input"), call.numbers("dims")
    if len(dims) != given.rank:
        refuse("rank", Side("dims", None, len(dims)), Side(given.label, None, given.rank))
    return [given.axes[wrap(dim, given.rank, given.label)] for dim in dims]


@register("transpose", "swapaxes", "swapdims", params="input dim0= dim1=")
def transpose(call: Bound) -> Axes:
    given = call.tensor("input")
    one, other = (wrap(call.number(name), given.rank, given.label) for name in ("dim0", "dim1"))
    axes = given.axes
    if axes:
        axes[one], axes[other] = axes[other], axes[one]
    return axes


@register("t", params="input")
def t(call: Bound) -> Axes:
    given = call.tensor("input")
    if given.rank > 2:
        refuse("rank", Side("", None, 2), Side(given.label, None, given.rank), f"t() of a tensor of {given.rank} dims")
    return given.axes[::-1]


@register("T", params="input")
def all_reversed(call: Bound) -> Axes:
    return call.tensor("input").axes[::-1]


@register("mT", "adjoint", "mH", params="input")
def matrix_transposed(call: Bound) -> Axes:
    given = call.tensor("input")
    at_least_rank(given, 2)
    return [*given.axes[:-2], given.axes[-1], given.axes[-2]]


@register("movedim", "moveaxis", params="input source= destination=")
def movedim(call: Bound) -> Axes:
    given = call.tensor("input")
    old = [wrap(dim, given.rank, given.label) for dim in call.numbers("source")]
    new = [wrap(dim, given.rank, given.label) for dim in call.numbers("destination")]
    if not len(set(old)) == len(old) == len(new) == len(set(new)):
        raise UnknownCallError("movedim with a dim twice, or without a place for each")
    rest = iter(axis for dim, axis in enumerate(given.axes) if dim not in old)
    moved = dict(zip(new, old, strict=False))
    return [given.axes[moved[dim]] if dim in moved else next(rest) for dim in range(given.rank)]


@register("unsqueeze", params="input dim=")
def unsqueeze(call: Bound) -> Axes:
    given = call.tensor("input")
    dim = wrap(call.number("dim"), given.rank + 1, given.label)
    return [*given.axes[:dim], Axis(1), *given.axes[dim:]]


@register("squeeze", params="input *dim=")
def squeeze(call: Bound) -> Axes:
    given = call.tensor("input")
    if not call.has("dim"):
        return [axis for axis in given.axes if axis.size != 1]
    dims = {wrap(dim, given.rank, given.label) for dim in call.numbers("dim")}
    return [axis for dim, axis in enumerate(given.axes) if axis.size != 1 or dim not in dims]


@register("diagonal", params="input offset= dim1= dim2=")
def diagonal(call: Bound) -> Axes:
    given, offset = call.tensor("input"), call.number("offset", 0)
    at_least_rank(given, 2)
    one = wrap(call.number("dim1", 0), given.rank, given.label)
    other = wrap(call.number("dim2", 1), given.rank, given.label)
    length = min(given.shape[one] + min(offset, 0), given.shape[other] - max(offset, 0))
    rest = [axis for dim, axis in enumerate(given.axes) if dim not in (one, other)]
    return [*rest, Axis(max(length, 0), given.axes[one].sources + given.axes[other].sources)]
