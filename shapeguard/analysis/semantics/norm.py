"""Normalisation layers: channels stand in dim 1, layer_norm works on the last dims."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import (
    Axes,
    Operand,
    Side,
    at_least_rank,
    must_divide,
    must_equal,
    must_have_rank,
    product,
    refuse,
    same_shape,
    written,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound
from shapeguard.values.shapes import format_shape

_BATCH = "input running_mean running_var weight bias training="
_PER_CHANNEL = ("running_mean", "running_var", "weight", "bias")


@register("batch_norm", params=_BATCH)
def batch_norm(call: Bound) -> Axes:
    return _batch_normed(call, call.tensor("input"))


@register("BatchNorm1d", params=_BATCH)
def batch_norm_1d(call: Bound) -> Axes:
    return _batch_normed(call, _ranked(call, 2, 3))


@register("BatchNorm2d", params=_BATCH)
def batch_norm_2d(call: Bound) -> Axes:
    return _batch_normed(call, _ranked(call, 4))


@register("BatchNorm3d", params=_BATCH)
def batch_norm_3d(call: Bound) -> Axes:
    return _batch_normed(call, _ranked(call, 5))


def _ranked(call: Bound, *ranks: int) -> Operand:
    must_have_rank(call.tensor("input"), *ranks)
    return call.tensor("input")


def _batch_normed(call: Bound, given: Operand) -> Axes:
    """In training each channel needs more than one value: a last batch of one row fails."""
    at_least_rank(given, 2)
    if call.flag("training") and product(given.shape) == given.shape[1]:
        text = f"1 value for each channel of {format_shape(given.shape)}, and training needs 2 or more"
        refuse("count", Side("", 0, 2), Side(given.label, 0, 1), text, role="batch")
    _per_channel(call, given, 1)
    return given.axes


@register("instance_norm", params=_BATCH)
def instance_norm(call: Bound) -> Axes:
    given = call.tensor("input")
    at_least_rank(given, 2)
    _per_channel(call, given, 1)
    return given.axes


@register("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", params="input num_features= affine= weight bias")
def instance_norm_layer(call: Bound) -> Axes:
    """Its number of features counts only where it has weights for them."""
    given = call.tensor("input")
    at_least_rank(given, 2)
    if call.flag("affine"):
        channels = given.rank - (2 if call.name.endswith("1d") else 3 if call.name.endswith("2d") else 4)
        must_equal(Side("num_features", None, call.number("num_features")), given.side(channels), "channel", channels)
    return given.axes


@register("prelu", "PReLU", params="input weight num_parameters=")
def prelu(call: Bound) -> Axes:
    """One slope for all, or one for each channel (dim 1)."""
    given, weight = call.tensor("input"), call.find("weight")
    slopes = weight.side(0) if weight is not None else Side("num_parameters", None, call.number("num_parameters", 1))
    if slopes.size > 1 and given.rank > 1:
        must_equal(slopes, given.side(1), "channel", 1)
    return given.axes


@register("group_norm", "GroupNorm", params="input num_groups= weight bias")
def group_norm(call: Bound) -> Axes:
    given = call.tensor("input")
    at_least_rank(given, 2)
    must_divide(given.side(1), Side("num_groups", None, call.number("num_groups")), "channel")
    _per_channel(call, given, 1)
    return given.axes


@register("layer_norm", "LayerNorm", params="input normalized_shape= weight bias")
def layer_norm(call: Bound) -> Axes:
    return _over_last_dims(call, _normalized_shape(call))


@register("rms_norm", "RMSNorm", params="input normalized_shape= weight")
def rms_norm(call: Bound) -> Axes:
    return _over_last_dims(call, _normalized_shape(call))


def _normalized_shape(call: Bound) -> Operand:
    """As written, or the weight's shape, which is the same."""
    if call.has("normalized_shape"):
        return written("normalized_shape", call.numbers("normalized_shape"))
    return call.tensor("weight")


def _over_last_dims(call: Bound, wanted: Operand) -> Axes:
    given, lead = call.tensor("input"), call.tensor("input").rank - wanted.rank
    for name in ("weight", "bias"):
        operand = call.find(name)
        if operand is not None:
            same_shape(wanted, operand, ["feature"])
    if lead < 0:
        refuse("rank", Side(wanted.label, None, wanted.rank), Side(given.label, None, given.rank))
    for dim in range(wanted.rank):
        must_equal(wanted.side(dim), given.side(lead + dim), "feature", lead + dim)
    return given.axes


def _per_channel(call: Bound, given: Operand, dim: int, names: Sequence[str] = _PER_CHANNEL) -> None:
    for name in names:
        operand = call.find(name)
        if operand is not None:
            have = Side(operand.label, 0, product(operand.shape))
            must_equal(have, given.side(dim), "channel", dim)
