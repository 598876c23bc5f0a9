"""SG202 cat-feature-mismatch

Operands of a concatenation differ in a dimension that is neither the batch nor the one they are joined along.

## What it is

All dimensions but the joined one must agree: features, channels, height and width, time.

## Why it goes wrong

Two paths compute the same size differently: pooling rounds down and upsampling doubles, two encoders have other widths, each
shard is padded to its own longest row.

## Example

```python
import torch
from torch import nn

image = torch.randn(1, 3, 25, 25)
down = nn.MaxPool2d(2)(image)
up = nn.Upsample(scale_factor=2)(down)
torch.cat([image, up], dim=1)
```

## Use instead

```python
import torch
from torch import nn

image = torch.randn(1, 3, 25, 25)
down = nn.MaxPool2d(2)(image)
up = nn.functional.interpolate(down, size=image.shape[-2:])
torch.cat([image, up], dim=1)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.concat import FailedConcat, failed_concat, is_batch_dim, joins_wrong_dim, odd_one
from shapeguard.analysis.crash import crash_of
from shapeguard.analysis.graph import past
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import both_sizes, clash_finding
from shapeguard.values.findings import Finding, Location

_MAPS = 4
CODE, NAME = "SG202", "cat-feature-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation whose operands disagree in a feature, space or time dimension."""
    if (padded := _padded_together(run)) is not None:
        yield padded
        return
    concat = failed_concat(run)
    if concat is None or concat.clash.kind != "dim" or is_batch_dim(concat) or joins_wrong_dim(run, concat):
        return
    dim, found = concat.clash.dim or 0, odd_one(run, concat)
    yield clash_finding(
        run, concat.failed, CODE, NAME,
        f"`{concat.failed.op}` along dim {concat.dim} needs equal sizes in dim {dim}: {both_sizes(concat.clash)}{_also(concat, dim)}.",
        found,
        (_interpolated(run, concat, found) or f"Bring dim {dim} to one size where the odd operand is made; cutting to the smaller size loses data.")
        if (empty := _passed_over(run, concat)) is None
        else "`cat` passes over an empty tensor of one dim, columns and all: make it with the others' columns, `torch.zeros(0, columns)`.",
        location=empty,
    )  # fmt: skip


def _passed_over(run: Run, concat: FailedConcat) -> Location | None:
    """Where a tensor (0,) was made that stood for no rows, in the concatenation that made an operand and left its columns out."""
    for value in concat.failed.operands.values():
        row = run.row(value.origin)
        if row is None or row.kind != "concat" or not any(len(tensor.last) > 1 for tensor in row.inputs):
            continue
        empty = next((tensor for tensor in row.inputs if tensor.last == (0,)), None)
        made = past(run, empty.origin, lambda made: made.outputs[0].last == (0,)) if empty is not None else None
        if made is not None:
            return run.location(made)
    return None


def _also(concat: FailedConcat, dim: int) -> str:
    """The other dims in which the two operands that clash differ."""
    shapes = dict(concat.failed.call.tensors)
    left, right = shapes.get(concat.clash.left, ()), shapes.get(concat.clash.right, ())
    others = [at for at in concat.odd_dims if at != dim and at < min(len(left), len(right)) and left[at] != right[at]]
    return "".join(f", and in dim {at}: {left[at]} against {right[at]}" for at in others)


def _interpolated(run: Run, concat: FailedConcat, found: Cause) -> str:
    """The fix for two maps, (batch, channels, height, width), joined along their channels: the smaller one brought to the other's size."""
    shapes = dict(concat.failed.call.tensors)
    labels = (concat.clash.left, concat.clash.right)
    maps = [shapes.get(label, ()) for label in labels]
    if (
        concat.dim != 1
        or min(map(len, maps)) < _MAPS
        or (concat.clash.dim or 0) <= 1
        or min(min(shape) for shape in maps) < 1
    ):
        return ""
    odd = found.side.hops
    if odd and odd[-1].row.op.lower().startswith("conv") and "transpose" not in odd[-1].row.op.lower():
        return _padding_for(run, odd[-1])
    smaller, larger = sorted(labels, key=lambda label: shapes[label][concat.clash.dim or 0])
    names = [concat.failed.expression(run, label) or label for label in (smaller, larger)]
    return (
        f"Bring the one to the other's size before: `F.interpolate({names[0]}, size={names[1]}.shape[2:])` or `F.pad`; or give the "
        "network inputs that it can halve as often as it does."
    )


def _padding_for(run: Run, hop: Hop) -> str:
    """The padding with which a convolution of one step would have kept the size that its kernel took away; "" of other ones."""
    built = run.row(hop.row.owner)
    told = (
        [built.args.get(name) for name in ("kernel_size", "dilation", "stride", "padding")] if built is not None else []
    )
    numbers = [
        value[hop.after - 2] if isinstance(value, list) and hop.after - 2 < len(value) else value for value in told
    ]
    if not numbers or not all(type(number) is int for number in numbers):
        return ""
    kernel, dilation, stride, padding = (int(str(number)) for number in numbers)
    wanted, odd = divmod(dilation * (kernel - 1), 2)
    if stride != 1 or odd or wanted == padding:
        return ""
    return f"Give the layer `padding={wanted}`, dilation * (kernel_size - 1) / 2, with which it keeps the size."


def _padded_together(run: Run) -> Finding | None:
    """Sequences that are padded to one length, and whose features differ."""
    crash = crash_of(run)
    if crash is None or crash.family != "collate" or crash.failed.op != "pad_sequence" or crash.clash.kind != "dim":
        return None
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`pad_sequence` brings lengths together and nothing else: {both_sizes(crash.clash)} in dim {crash.clash.dim}.",
        crash.suspect,
        f"Bring dim {crash.clash.dim} to one size where the odd sequence is made.",
    )  # fmt: skip
