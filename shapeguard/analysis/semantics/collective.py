"""Collectives: what the ranks bring must agree.

Known from one rank: its own operands. Known from all (recordings joined): operands labelled ``rank0``, ``rank1``, ...,
one for each rank, which must be equal whatever the collective.
"""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    must_divide,
    must_equal,
    product,
    refuse,
    same_shape,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("all_reduce", params="tensor")
@register("distributed.broadcast", "distributed_c10d.broadcast", params="tensor")
@register("distributed.reduce", "distributed_c10d.reduce", params="tensor")
def all_reduce(call: Bound) -> Axes:
    return _agreed(call, call.all).axes


@register("all_gather", params="*tensor_list tensor")
def all_gather(call: Bound) -> Axes:
    """One place of the sender's shape for each rank."""
    return _gathered(call, "tensor_list", "tensor")


@register("distributed.gather", "distributed_c10d.gather", params="tensor *gather_list")
def gather(call: Bound) -> Axes:
    return _gathered(call, "gather_list", "tensor")


@register("distributed.scatter", "distributed_c10d.scatter", params="tensor *scatter_list")
def scatter(call: Bound) -> Axes:
    return _gathered(call, "scatter_list", "tensor")


@register("reduce_scatter", params="output *input_list")
def reduce_scatter(call: Bound) -> Axes:
    return _gathered(call, "input_list", "output")


@register("all_to_all", params="*output_tensor_list *input_tensor_list")
def all_to_all(call: Bound) -> None:
    """As many places as pieces; with all ranks known, equal shapes."""
    if _over_ranks(call):
        _agreed(call, call.all)
        return
    places, pieces = (_listed(call, name) for name in ("output_tensor_list", "input_tensor_list"))
    _as_many(Side("output_tensor_list", None, len(places)), Side("input_tensor_list", None, len(pieces)))


@register("all_to_all_single", params="output input output_split_sizes= input_split_sizes=")
def all_to_all_single(call: Bound) -> Axes:
    """Split sizes sum to dim 0; without them dim 0 splits evenly over ``world_size`` ranks."""
    for name in ("input", "output"):
        operand = call.tensor(name)
        if call.has(f"{name}_split_sizes"):
            sizes = call.numbers(f"{name}_split_sizes")
            must_equal(Side(f"{name}_split_sizes", None, sum(sizes)), operand.side(0), "batch", 0)
        elif call.has("world_size"):
            must_divide(operand.side(0), Side("world_size", None, call.number("world_size")), "batch")
    return call.tensor("output").axes


@register("all_gather_into_tensor", "_all_gather_base", params="output_tensor input_tensor")
def all_gather_into_tensor(call: Bound) -> Axes:
    return _world_times(call, call.tensor("output_tensor"), call.tensor("input_tensor"))


@register("reduce_scatter_tensor", "_reduce_scatter_base", params="output input")
def reduce_scatter_tensor(call: Bound) -> Axes:
    _world_times(call, call.tensor("input"), call.tensor("output"))
    return call.tensor("output").axes


def _gathered(call: Bound, listed: str, single: str) -> Axes:
    if _over_ranks(call):
        return _agreed(call, call.all).axes
    own, places = call.tensor(single), _listed(call, listed)
    for place in places:
        same_shape(place, own)
    if places and call.has("world_size"):
        _as_many(Side("world_size", None, call.number("world_size")), Side(listed, None, len(places)))
    return own.axes


def _listed(call: Bound, name: str) -> list[Operand]:
    return [operand for operand in call.all if operand.label.startswith(f"{name}[")]


def _over_ranks(call: Bound) -> bool:
    return len(call.all) > 1 and all(operand.label.startswith("rank") for operand in call.all)


def _agreed(call: Bound, operands: list[Operand]) -> Operand:
    first = operands[0] if operands else call.tensor("tensor")
    for operand in operands[1:] if _over_ranks(call) else ():
        same_shape(first, operand)
    return first


def _as_many(wanted: Side, got: Side) -> None:
    if wanted.size != got.size:
        refuse("count", wanted, got)


def _world_times(call: Bound, whole: Operand, part: Operand) -> Axes:
    """The whole holds ``world_size`` times the part."""
    world = call.number("world_size")
    wanted = world * product(part.shape)
    if product(whole.shape) != wanted:
        refuse("numel", Side(part.label, None, wanted), Side(whole.label, None, product(whole.shape)))
    return [Axis(axis.size, part.axes[dim].sources if dim < part.rank else ()) for dim, axis in enumerate(whole.axes)]
