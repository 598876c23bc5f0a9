"""Elementwise ops, and expansion to a given shape."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    broadcast,
    broadcast_into,
    product,
    refuse,
    written,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

_BINARY = """
add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow float_power maximum minimum fmax
fmin atan2 arctan2 hypot logaddexp logaddexp2 xlogy copysign nextafter ldexp heaviside gcd lcm
eq ne lt le gt ge not_equal less less_equal greater greater_equal isclose allclose
logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor lshift rshift bitwise_left_shift
bitwise_right_shift lerp addcmul addcdiv clamp clip clamp_min clamp_max masked_fill linalg_cross cross
"""


@register(_BINARY, params="input other")
def elementwise(call: Bound) -> Axes:
    """All tensors of the call broadcast together; in place they broadcast to the first one."""
    if not call.inplace:
        return broadcast(operand.axes for operand in call.all)
    target = call.tensor("input")
    broadcast_into(target.axes, broadcast(operand.axes for operand in call.all if operand is not target))
    return target.axes


@register("where", params="condition input other")
def where(call: Bound) -> Axes | None:
    return broadcast(operand.axes for operand in call.all) if len(call.all) > 1 else None


@register("broadcast_tensors", params="*tensors")
def broadcast_tensors(call: Bound) -> Axes:
    return broadcast(operand.axes for operand in call.all)


@register("copy", "copy_", params="input src")
def copy(call: Bound) -> Axes:
    target = call.tensor("input")
    broadcast_into(target.axes, call.tensor("src").axes)
    return target.axes


@register("expand", "broadcast_to", params="input *size=")
def expand(call: Bound) -> Axes:
    return expand_to(call.tensor("input"), call.numbers("size"))


@register("expand_as", params="input other")
def expand_as(call: Bound) -> Axes:
    other = call.tensor("other")
    return expand_to(call.tensor("input"), other.shape, other)


def expand_to(operand: Operand, size: list[int] | tuple[int, ...], like: Operand | None = None) -> Axes:
    """Stretch dims of size 1 and add leading ones; -1 in ``size`` keeps a dim as it is."""
    label = like.label if like else "size"
    lead = len(size) - operand.rank
    if lead < 0:
        refuse("rank", Side(label, None, len(size)), Side(operand.label, None, operand.rank))
    wanted = [operand.shape[dim - lead] if want == -1 and dim >= lead else want for dim, want in enumerate(size)]
    target = (like or written(label, wanted)).axes
    broadcast_into(target, operand.axes, label)
    born = [Axis(axis.size, axis.sources if like else ()) for axis in target]
    kept = [own if own.size == out.size else out for own, out in zip(operand.axes, born[lead:], strict=True)]
    return born[:lead] + kept


@register("masked_scatter", params="input mask source")
def masked_scatter(call: Bound) -> Axes:
    """As many elements of ``source`` are taken as the mask has True ones."""
    target, mask = call.tensor("input"), call.tensor("mask")
    if call.inplace:
        broadcast_into(target.axes, mask.axes)
    axes = target.axes if call.inplace else broadcast([target.axes, mask.axes])
    _enough(call, mask, axes)
    return axes


def _enough(call: Bound, mask: Operand, axes: Axes) -> None:
    true, source = call.value("mask_count"), call.find("source")
    if true is None or source is None:
        return
    wanted = true * product(axis.size for axis in axes) // max(product(mask.shape), 1)
    there = product(source.shape)
    if wanted > there:
        text = f"{mask.label} has {wanted} true elements, {source.label} holds {there}"
        refuse("count", Side(mask.label, None, wanted), Side(source.label, None, there), text)


@register("masked_select", params="input mask")
def masked_select(call: Bound) -> None:
    broadcast([call.tensor("input").axes, call.tensor("mask").axes])
