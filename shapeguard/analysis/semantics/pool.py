"""Pooling, padding and resizing of (batch, channel, length...). The batch may be missing."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Side,
    UnknownCallError,
    at_least_rank,
    must_divide,
    must_equal,
    must_have_rank,
    refuse,
)
from shapeguard.analysis.semantics.base import Rule, register
from shapeguard.analysis.semantics.calls import Bound
from shapeguard.analysis.semantics.conv import channel_dim

_MAX = "input kernel_size= stride= padding= dilation= ceil_mode="
_AVERAGE = "input kernel_size= stride= padding= ceil_mode="


def pool(dims: int) -> Rule:
    """max_pool and avg_pool over ``dims`` spatial dims."""

    def pooled(call: Bound) -> Axes:
        given = call.tensor("input")
        channel_dim(given, dims)
        kernel = call.spread("kernel_size", dims, 1)
        stride = call.spread("stride", dims, 0)
        stride = stride if any(stride) else kernel
        _positive(kernel, stride)
        padding, dilation = call.spread("padding", dims, 0), call.spread("dilation", dims, 1)
        whole_only = call.name.lower().startswith(("avg_pool3d", "avgpool3d"))  # there padding does not help
        result = given.axes[:-dims]
        for place, axis in enumerate(given.axes[-dims:]):
            extent = dilation[place] * (kernel[place] - 1) + 1
            size = _pooled(axis.size, extent, stride[place], padding[place], call.flag("ceil_mode"))
            if size < 1 or (whole_only and extent > axis.size):
                _too_small(axis, extent, axis.size + 2 * padding[place], "kernel_size")
            result.append(Axis(size, axis.sources))
        return result

    return pooled


def _positive(*numbers: Sequence[int]) -> None:
    if min(min(each) for each in numbers) < 1:
        raise UnknownCallError("a kernel or stride of no size, whatever the shapes")


def _pooled(length: int, extent: int, stride: int, padding: int, ceil: bool) -> int:
    room = length + 2 * padding - extent
    size = -(-room // stride) + 1 if ceil else room // stride + 1
    # a window may not start beyond the input and its left padding
    return size - 1 if ceil and (size - 1) * stride >= length + padding else size


def _too_small(axis: Axis, extent: int, padded: int, label: str) -> None:
    text = f"the kernel covers {extent}, dim {axis.side.dim} is {padded} with its padding"
    right = Side(axis.side.label, axis.side.dim, padded)
    refuse("dim", Side(label, None, extent), right, text, role="length")


def adaptive(dims: int) -> Rule:
    """Pooling to a given size, whatever comes in; a missing number keeps the dim."""

    def adapted(call: Bound) -> Axes:
        given = call.tensor("input")
        channel_dim(given, dims)
        wanted = call.args.get("output_size")
        sizes = wanted if isinstance(wanted, list) else [wanted]
        sizes = sizes * dims if len(sizes) == 1 else sizes
        if len(sizes) != dims:
            raise UnknownCallError("output_size is of another rank")
        kept = given.axes[-dims:]
        fixed = [Axis(size) if isinstance(size, int) else axis for size, axis in zip(sizes, kept, strict=True)]
        return [*given.axes[:-dims], *fixed]

    return adapted


for _dims in (1, 2, 3):
    register(f"max_pool{_dims}d", f"MaxPool{_dims}d", params=_MAX)(pool(_dims))
    register(f"avg_pool{_dims}d", f"AvgPool{_dims}d", params=_AVERAGE)(pool(_dims))
    register(f"adaptive_avg_pool{_dims}d", f"AdaptiveAvgPool{_dims}d", f"adaptive_max_pool{_dims}d",
             f"AdaptiveMaxPool{_dims}d", params="input output_size=")(adaptive(_dims))  # fmt: skip


@register("pad", params="input pad= mode= value=")
def pad(call: Bound) -> Axes:
    """``pad`` counts from the last dim: (left, right, top, bottom, ...)."""
    given, pads = call.tensor("input"), call.numbers("pad")
    if len(pads) % 2 or len(pads) > 2 * given.rank:
        text = f"{len(pads)} paddings for {given.label} of {given.rank} dims"
        refuse("rank", Side("pad", None, (len(pads) + 1) // 2), Side(given.label, None, given.rank), text)
    axes = given.axes
    for place in range(len(pads) // 2):
        axis = axes[-1 - place]
        before, after = pads[2 * place], pads[2 * place + 1]
        cut = -min(before, 0) - min(after, 0)
        if cut > axis.size or axis.size + before + after < 0:
            refuse("dim", Side("pad", None, cut), axis.side, role="length")
        mirrored = {"reflect": 1, "circular": 0}.get(call.text("mode"))
        if mirrored is not None and max(before, after) > axis.size - mirrored:
            text = f"{max(before, after)} places of padding are to mirror dim {axis.side.dim}, which has {axis.size}"
            refuse("dim", Side("pad", None, max(before, after)), axis.side, text, role="length")
        axes[-1 - place] = Axis(axis.size + before + after, axis.sources)
    return axes


_MODES = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}  # dims that a mode of resizing takes


@register("interpolate", "upsample", "Upsample", params="input size= scale_factor=")
def interpolate(call: Bound) -> Axes:
    """(batch, channel, length...): the first two dims stay."""
    given = call.tensor("input")
    must_have_rank(given, *([_MODES[call.text("mode")]] if call.text("mode") in _MODES else (3, 4, 5)))
    dims = given.rank - 2
    wanted = call.args.get("size")
    if isinstance(wanted, list) and len(wanted) != dims:
        text = f"{given.label} of {given.rank} dims has {dims} to resize, size names {len(wanted)}"
        refuse("rank", Side("size", None, len(wanted) + 2), Side(given.label, None, given.rank), text)
    if call.has("size"):
        return [*given.axes[:2], *(Axis(size) for size in call.spread("size", dims, 1))]
    factor = call.args.get("scale_factor")
    if not isinstance(factor, (int, float)):
        raise UnknownCallError("interpolate without one scale_factor")
    return [*given.axes[:2], *(Axis(int(axis.size * factor), axis.sources) for axis in given.axes[2:])]


@register("pixel_shuffle", "PixelShuffle", params="input upscale_factor=")
def pixel_shuffle(call: Bound) -> Axes:
    """(..., channel * r * r, height, width) -> (..., channel, height * r, width * r)."""
    given, factor = call.tensor("input"), call.number("upscale_factor")
    at_least_rank(given, 3)
    must_divide(given.side(-3), Side("upscale_factor", None, factor * factor), "channel")
    channel, height, width = given.axes[-3:]
    grown = [Axis(axis.size * factor, axis.sources) for axis in (height, width)]
    return [*given.axes[:-3], Axis(channel.size // factor**2, channel.sources), *grown]


@register("grid_sample", params="input grid")
def grid_sample(call: Bound) -> Axes:
    """(batch, channel, height, width) read at grid (batch, out height, out width, 2)."""
    given, grid = call.tensor("input"), call.tensor("grid")
    must_have_rank(grid, given.rank)
    must_equal(given.side(0), grid.side(0), "batch", 0)
    must_equal(Side(given.label, None, given.rank - 2), grid.side(-1), "coordinates", grid.rank - 1)
    return [*given.axes[:2], *grid.axes[1:-1]]


@register(
    "stft", params="input n_fft= hop_length= win_length= window center= pad_mode= normalized= onesided= return_complex="
)
def stft(call: Bound) -> Axes | None:
    """A window of ``win_length`` (else ``n_fft``) moved over the last dim, which is mirrored by half of it at both ends."""
    given, window, size = call.tensor("input"), call.find("window"), call.number("n_fft")
    must_have_rank(given, 1, 2)
    if window is not None:
        must_have_rank(window, 1)
        must_equal(Side("win_length", None, call.number("win_length", size)), window.side(0), "length", 0)
    if call.flag("center", True) and size // 2 >= given.shape[-1]:
        text = f"{size // 2} places of padding are to mirror dim {given.rank - 1}, which has {given.shape[-1]}"
        refuse("dim", Side("n_fft", None, size // 2), given.side(-1), text, role="length")
    if call.flag("return_complex", True) is not True:
        return None  # the real and imaginary parts in a dim of their own
    hop = call.number("hop_length", size // 4)
    room = given.shape[-1] + (2 * (size // 2) if call.flag("center", True) else 0) - size
    bins = Axis(size // 2 + 1 if call.flag("onesided", True) else size)
    return [*given.axes[:-1], bins, Axis(room // hop + 1, ((given.label, given.rank - 1),))]
