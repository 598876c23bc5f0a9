"""SG505 channel-mismatch

A convolution or normalization was built for another number of channels than it is given.

## What it is

``Conv2d(in_channels, ...)`` and ``BatchNorm2d(num_features)`` take tensors whose dimension 1 is exactly that number.

## Why it goes wrong

Images come with an alpha channel or in grey, channels stand last instead of second, or two layers were built with other
numbers. Channels that do not divide into the groups of a ``GroupNorm`` are refused when the layer is built.

## Example

```python
import torch
from torch import nn

net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(16))
net(torch.randn(2, 3, 32, 32))
```

## Use instead

```python
import torch
from torch import nn

net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
net(torch.randn(2, 3, 32, 32))
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.causes import cause
from shapeguard.analysis.channels_second import normed_along_places, normed_along_time
from shapeguard.analysis.coloured import coloured_at
from shapeguard.analysis.crash import Crash, crash_of, lacks_channel
from shapeguard.analysis.heads import configs
from shapeguard.analysis.leftover import leftover
from shapeguard.analysis.lineage import steps
from shapeguard.analysis.refused import Refused, of_channels, refused_input
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.sides import is_weight, sides
from shapeguard.analysis.written import parsed, whole_trails
from shapeguard.rules.base import once
from shapeguard.rules.clash_finding import both_sizes, clash_finding, here, operands_text, other_number
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

_INPUTS = (
    "num_mel_bins",
    "num_channels",
    "in_channels",
    "input_size",
    "feature_size",
)  # what configs call the channels that come in
_IMAGES, _COLOURS = 4, (1, 3, 4)
CODE, NAME = "SG505", "channel-mismatch"


_GROUPED = {"GroupNorm": ("num_groups", "num_channels"), **{f"Conv{n}d": ("groups", "in_channels") for n in (1, 2, 3)}}


def _refused_groups(run: Run) -> Finding | None:
    """A layer that refused to be built, because its channels do not split into its groups."""
    inner = run.inner_frame
    if run.failure is None or inner is None or inner.user or not inner.function.endswith("__init__"):
        return None
    layer = next((name for name in _GROUPED if inner.function.startswith(f"{name}.")), None)
    if layer is None:
        return None
    values = {value.expression: value.value for value in inner.locals}
    groups, channels = (values.get(name) for name in _GROUPED[layer])
    if not isinstance(groups, int) or not isinstance(channels, int) or groups < 1 or channels % groups == 0:
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{layer}` is built for {channels} channels in {groups} groups: {channels} does not divide by {groups}.",
        location=here(run),
        failed_at=run.failed_at,
        mismatch=Mismatch("divides", (channels, groups)),
        fix=Fix("Choose groups that divide the channels (`math.gcd(groups, channels)` is the most of them)."),
    )


def _stands_last(crash: Crash) -> bool:
    """Whether a normalization's features stand in the input's last dimension: it is given rows of places, not of features."""
    sizes, clash = crash.clash.sizes, crash.clash
    shape = next((shape for _, shape in crash.failed.call.tensors if len(shape) > 2), ())
    swapped = len(shape) == 3 and {shape[1], shape[2]} == set(sizes)
    first = (
        len(shape) == _IMAGES and crash.failed.op in ("LayerNorm", "layer_norm") and {shape[1], shape[-1]} == set(sizes)
    )
    return crash.family == "norm" and clash.kind == "dim" and (swapped or first)


def _refused_channels(run: Run, image: Refused) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{image.tensor.label}` {format_shape(image.tensor.last)} has {image.size} channels, and the model was built for "
        f"{image.wanted}{', which stand last' if image.channels_last else ''}.",
        location=image.location(run),
        failed_at=run.failed_at,
        operands=(run.tensor(image.tensor),),
        mismatch=Mismatch("dim", (image.size, image.wanted), image.dim),
        lineage=steps(run, list(image.hops)),
        fix=Fix(
            (
                "Put the channels first: `image.permute(2, 0, 1)`, (channels, height, width)."
                if len(image.tensor.last) > 3
                else "Turn them: `features.transpose(1, 2)`, (batch, bands, frames)."
            )
            if image.channels_last
            else "Give the images the channels the model was built for (dimension 1), or set `num_channels` in its config."
        ),
    )


def _single_value(run: Run, crash: Crash) -> Finding:
    of = next(side for side in sides(run, crash.failed) if side.label == crash.clash.right)
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` has {crash.clash.text}: of a single value no mean and variance can be taken.",
        cause(run, crash.failed, of),
        "Give it batches of two or more in training, call `model.eval()` before single samples, or take a norm without the batch "
        "(`LayerNorm`, `GroupNorm`).",
        location=here(run),
    )  # fmt: skip


def _beside_channels(run: Run, row: Row, time: bool) -> Finding:
    """A norm that fits only because a number of steps or places is that of the features it was built for."""
    shape = row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{row.op}` is given {format_shape(shape)} and takes "
        + (
            "dim 1 for the channels, which the recurrent layer after it reads as the steps: each step is normalised for itself."
            if time
            else f"the last dim for the features; the convolution before it has its {shape[1]} channels in dim 1."
        ),
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(
            "Bring the features to dim 1 for it and back: `bn(x.transpose(1, 2)).transpose(1, 2)`."
            if time
            else "Bring the channels last for it and back (`transpose(1, -1)`), or take a norm of channels (`GroupNorm(1, channels)`)."
        ),
    )


def check(run: Run) -> Iterator[Finding]:
    """A failed convolution or normalization whose channels differ from the input's."""
    yield from once(_beside_channels(run, row, True) for row in normed_along_time(run))
    yield from once(_beside_channels(run, row, False) for row in normed_along_places(run))
    refused = _refused_groups(run)
    if refused is not None:
        yield refused
        return
    image = refused_input(run)
    if image is not None and of_channels(image):
        yield _refused_channels(run, image)
        return
    crash = crash_of(run)
    if crash is not None and crash.family == "norm" and crash.clash.kind == "count" and leftover(run, crash) is None:
        yield _single_value(run, crash)
    if (
        crash is None
        or crash.family not in ("conv", "norm", "pool")
        or (crash.family == "pool" and crash.clash.role not in ("channel", "length"))
        or crash.clash.kind not in ("dim", "divides")
        or lacks_channel(run, crash)
    ):
        return
    short = crash.clash.role == "length"
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: "
        + (f"{crash.clash.text}." if short else f"channels {both_sizes(crash.clash)}."),
        crash.suspect,
        "The layers before have left too little: give them larger inputs or `padding`, a smaller kernel, or fewer layers that shrink." if short else
        _brought_first(crash) or other_number(run, crash) or
        "Give the input the channels the layer was built for (dimension 1), or build the layer for the input's.",
        location=here(run) if _stands_last(crash) else (_laid_out_last(run, crash) if short else None) or _configured(run, crash) or _made_colours(run, crash),
    )  # fmt: skip


def _brought_first(crash: Crash) -> str:
    """The fix for images whose channels stand last, as arrays of pictures have them; "" where dim 1 is not theirs by mistake."""
    clash = crash.clash
    wanted = {clash.left: clash.sizes[1], clash.right: clash.sizes[0]}.get("input", 0)
    shape = dict(crash.failed.call.tensors).get("input", ())
    if len(shape) != _IMAGES or shape[-1] != wanted or wanted not in _COLOURS or clash.dim != 1:
        return ""
    return "Bring the channels first: `.permute(0, 3, 1, 2)` makes (batch, channels, height, width) of (batch, height, width, channels)."


def _laid_out_last(run: Run, crash: Crash) -> Location | None:
    """Where a shape was laid out whose last number, slid over by a kernel, is one of channels: ``(height, width, env.shape[2])``."""
    last = crash.suspect.side.hops[-1] if crash.suspect.side.hops else None
    shape = last.row.outputs[0].last if last is not None and last.row.outputs else ()
    if (
        last is None
        or last.row.inputs
        or len(shape) != _IMAGES
        or last.after != len(shape) - 1
        or shape[-1] not in _COLOURS
    ):
        return None
    for trail in whole_trails(run, last.row, crash.suspect.side.size, last.after):
        laid = [spot for spot in trail[:-1] if spot.line and isinstance(parsed(spot), ast.Tuple)]
        if laid:
            return run.at(laid[0])
    return None


def _made_colours(run: Run, crash: Crash) -> Location | None:
    """Where pictures from outside were made coloured, for layers that were built for one channel."""
    both = {is_weight(side): side for side in sides(run, crash.failed)}
    sizes = [both[weight].size for weight in (True, False) if weight in both]
    return coloured_at(run) if sizes == [1, 3] else None


def _configured(run: Run, crash: Crash) -> Location | None:
    """Where the config of a library's model says how many bands or channels come in, of inputs whose making was not seen."""
    both = sides(run, crash.failed)
    inside = run.inner_frame is not None and not run.inner_frame.user
    if not inside or crash.suspect.how != "here" or any(side.hops for side in both):
        return None
    wanted = {side.size for side in both if is_weight(side)}
    for config in reversed(configs(run)):
        for name in _INPUTS:
            if config.args.get(name) in wanted:
                return setting_written(run, config, (name,))
    return None
