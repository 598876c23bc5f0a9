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

from shapeguard.analysis.concat import FailedConcat, failed_concat, is_batch_dim, joins_wrong_dim, odd_one
from shapeguard.analysis.crash import crash_of
from shapeguard.analysis.graph import past
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import both_sizes, clash_finding
from shapeguard.values.findings import Finding, Location

CODE, NAME = "SG202", "cat-feature-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation whose operands disagree in a feature, space or time dimension."""
    if (padded := _padded_together(run)) is not None:
        yield padded
        return
    concat = failed_concat(run)
    if concat is None or concat.clash.kind != "dim" or is_batch_dim(concat) or joins_wrong_dim(run, concat):
        return
    dim = concat.clash.dim or 0
    yield clash_finding(
        run, concat.failed, CODE, NAME,
        f"`{concat.failed.op}` along dim {concat.dim} needs equal sizes in dim {dim}: {both_sizes(concat.clash)}.",
        odd_one(run, concat),
        f"Bring dim {dim} to one size where the odd operand is made; cutting to the smaller size loses data."
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
