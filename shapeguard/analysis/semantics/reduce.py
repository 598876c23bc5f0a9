"""Reductions and ops along one dim."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Side,
    at_least_rank,
    broadcast,
    must_divide,
    must_have_rank,
    refuse,
    wrap,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

_REDUCE = """
sum mean prod nansum nanmean std var amax amin argmax argmin median nanmedian mode any all logsumexp count_nonzero norm
vector_norm quantile nanquantile
"""
_ALONG = """
softmax log_softmax softmin gumbel_softmax cumsum cumprod cummax cummin logcumsumexp sort argsort flip roll normalize
renorm Softmax LogSoftmax
"""


@register(_REDUCE, params="input *dim= keepdim=")
def reduce(call: Bound) -> Axes:
    """The dims in ``dim`` go (all of them without it), or stay with size 1."""
    given = call.tensor("input")
    names = ("dims", "dim") if call.has("dims") else ("dim",)
    if not any(call.has(name) for name in names):
        return [Axis(1)] * given.rank if call.flag("keepdim") else []
    dims = {wrap(dim, given.rank, given.label) for dim in call.numbers(names[0])} or set(range(given.rank))
    keep = call.flag("keepdim")
    return [Axis(1) if dim in dims else axis for dim, axis in enumerate(given.axes) if keep or dim not in dims]


@register("max", "min", params="input dim= keepdim=")
def extreme(call: Bound) -> Axes:
    """Of two tensors they are elementwise."""
    return broadcast(operand.axes for operand in call.all) if len(call.all) > 1 else reduce(call) or []


@register(_ALONG, params="input dim=")
def along(call: Bound) -> Axes:
    given = call.tensor("input")
    for name in ("dim", "dims"):
        for dim in call.numbers(name) if call.has(name) else ():
            wrap(dim, given.rank, given.label)
    return given.axes


@register("topk", params="input k= dim=")
def topk(call: Bound) -> Axes:
    given, count = call.tensor("input"), call.number("k")
    dim = wrap(call.number("dim", -1), given.rank, given.label)
    if not given.rank:
        return []
    if count > given.shape[dim]:
        refuse("index", Side("k", None, count), given.side(dim), f"{count} of only {given.shape[dim]}")
    axes = given.axes
    axes[dim] = Axis(count, axes[dim].sources)
    return axes


@register("kthvalue", params="input k= dim= keepdim=")
def kthvalue(call: Bound) -> Axes:
    given = call.tensor("input")
    dim = wrap(call.number("dim", -1), given.rank, given.label)
    if given.rank and call.number("k") > given.shape[dim]:
        refuse("index", Side("k", None, call.number("k")), given.side(dim))
    keep = call.flag("keepdim")
    return [Axis(1) if place == dim else axis for place, axis in enumerate(given.axes) if keep or place != dim]


@register("glu", "GLU", params="input dim=")
def glu(call: Bound) -> Axes:
    """Halves a dim."""
    given = call.tensor("input")
    at_least_rank(given, 1)
    dim = wrap(call.number("dim", -1), given.rank, given.label)
    must_divide(given.side(dim), Side("", None, 2), "feature")
    axes = given.axes
    axes[dim] = Axis(axes[dim].size // 2, axes[dim].sources)
    return axes


@register("bincount", params="input weights minlength=")
def bincount(call: Bound) -> Axes | None:
    must_have_rank(call.tensor("input"), 1)
    return None
