"""Convolutions: (batch, channel, length...) with weight (out, in / groups, kernel...). The batch may be missing."""

from __future__ import annotations

from collections.abc import Callable

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    UnknownCallError,
    must_divide,
    must_equal,
    must_have_rank,
    refuse,
)
from shapeguard.analysis.semantics.base import Rule, register
from shapeguard.analysis.semantics.calls import Bound

_CONV = "input weight bias stride= padding= dilation= groups="
_TRANSPOSED = "input weight bias stride= padding= output_padding= groups= dilation="


def convolution(dims: int) -> Rule:
    """The rule for ``dims`` spatial dims."""

    def conv(call: Bound) -> Axes:
        given, weight = call.tensor("input"), call.tensor("weight")
        channel = channel_dim(given, dims)
        must_have_rank(weight, dims + 2)
        groups = call.number("groups", 1)
        must_divide(weight.side(0), Side("groups", None, groups), "channel")
        wanted = Side(weight.label, 1, weight.shape[1] * groups)
        must_equal(wanted, given.side(channel), "channel", channel)
        _bias_fits(call, weight.side(0))
        return [*given.axes[:channel], weight.axes[0], *_slid(call, given, weight, dims)]

    return conv


def transposed(dims: int) -> Rule:
    """The rule for a transposed convolution: weight (in, out / groups, kernel...)."""

    def conv_transpose(call: Bound) -> Axes:
        given, weight = call.tensor("input"), call.tensor("weight")
        channel = channel_dim(given, dims)
        must_have_rank(weight, dims + 2)
        groups = call.number("groups", 1)
        must_equal(weight.side(0), given.side(channel), "channel", channel)
        must_divide(weight.side(0), Side("groups", None, groups), "channel")
        out = Axis(weight.shape[1] * groups, weight.axes[1].sources)
        _bias_fits(call, Side(weight.label, 1, out.size))
        return [*given.axes[:channel], out, *_spread(call, given, weight, dims)]

    return conv_transpose


def channel_dim(given: Operand, dims: int) -> int:
    """Where the channels stand, the number of spatial dims being known; refuses an input of another rank."""
    must_have_rank(given, dims + 1, dims + 2)
    return given.rank - dims - 1


def slid_length(length: int, kernel: int, stride: int, before_after: int, dilation: int) -> int:
    """floor((length + padding on both sides - extent of the kernel) / stride) + 1."""
    return (length + before_after - dilation * (kernel - 1) - 1) // stride + 1


def kernel_fits(axis: Axis, extent: int, padded: int, kernel: Side) -> None:
    if extent > padded:
        text = f"the kernel covers {extent}, dim {axis.side.dim} is {padded} with its padding"
        refuse("dim", Side(kernel.label, kernel.dim, extent), Side(axis.side.label, axis.side.dim, padded), text,
               dim=axis.side.dim, role="length")  # fmt: skip


def _bias_fits(call: Bound, channels: Side) -> None:
    bias = call.find("bias")
    if bias is not None:
        must_have_rank(bias, 1)
        must_equal(channels, bias.side(0), "channel")


def _steps(call: Bound, dims: int) -> tuple[list[int], list[int]]:
    stride, dilation = call.spread("stride", dims, 1), call.spread("dilation", dims, 1)
    if min(stride + dilation) < 1:
        raise UnknownCallError("a stride or dilation of no size, whatever the shapes")
    return stride, dilation


def _slid(call: Bound, given: Operand, weight: Operand, dims: int) -> Axes:
    stride, dilation = _steps(call, dims)
    axes = given.axes[-dims:]
    if call.text("padding") == "same":
        return axes
    padding = [0] * dims if call.text("padding") == "valid" else call.spread("padding", dims, 0)
    result = []
    for place, axis in enumerate(axes):
        kernel = weight.side(place + 2)
        padded = axis.size + 2 * padding[place]
        kernel_fits(axis, dilation[place] * (kernel.size - 1) + 1, padded, kernel)
        size = slid_length(axis.size, kernel.size, stride[place], 2 * padding[place], dilation[place])
        result.append(Axis(size, axis.sources))
    return result


def _spread(call: Bound, given: Operand, weight: Operand, dims: int) -> Axes:
    stride, dilation = _steps(call, dims)
    padding, extra = call.spread("padding", dims, 0), call.spread("output_padding", dims, 0)
    if any(extra[place] >= max(stride[place], dilation[place]) for place in range(dims)):
        raise UnknownCallError("output_padding is as large as the stride, whatever the shapes")
    result = []
    for place, axis in enumerate(given.axes[-dims:]):
        extent = dilation[place] * (weight.shape[place + 2] - 1) + 1
        size = (axis.size - 1) * stride[place] - 2 * padding[place] + extent + extra[place]
        if size < 1:
            kernel_fits(axis, 2 * padding[place] + 1, size + 2 * padding[place], Side("padding", None, padding[place]))
        result.append(Axis(size, axis.sources))
    return result


def _enter(make: Callable[[int], Rule], function: str, module: str, params: str) -> None:
    for dims in (1, 2, 3):
        register(f"{function}{dims}d", f"{module}{dims}d", params=params)(make(dims))


_enter(convolution, "conv", "Conv", _CONV)
_enter(transposed, "conv_transpose", "ConvTranspose", _TRANSPOSED)
