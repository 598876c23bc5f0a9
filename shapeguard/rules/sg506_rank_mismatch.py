"""SG506 rank-mismatch

An operation or layer wants another number of dimensions.

## What it is

``Conv2d`` takes (batch, channel, height, width), ``gather`` an index with as many dimensions as its input, ``bmm`` three
dimensions on both sides.

## Why it goes wrong

A batch dimension is missing or was squeezed away, or labels come as a vector where a column is wanted.

## Example

```python
import torch

values = torch.randn(16, 3)
actions = torch.randint(0, 3, (16,))
values.gather(1, actions)
```

## Use instead

```python
import torch

values = torch.randn(16, 3)
actions = torch.randint(0, 3, (16,))
values.gather(1, actions.unsqueeze(1))
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.ranks import rank_changes
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.values.findings import Finding, Location
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG506", "rank-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed op, other than a concatenation or a loss, whose operand has the wrong number of dimensions."""
    crash = crash_of(run)
    if crash is None or crash.clash.kind != "rank" or crash.family in ("concat", "loss", "state_dict"):
        return
    changed = _changed(run, crash)
    line = run.location(changed.row) if changed is not None else _wrong_layer(run, crash)
    shapes = ", ".join(format_shape(shape) for _, shape in crash.failed.call.tensors[:3])
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {shapes}: {crash.clash.text}.",
        crash.suspect,
        "Add the missing dimension (`unsqueeze(dim)`), or keep it where it was lost (`squeeze(dim)` with the dim named, `keepdim=True`).",
        location=line or here(run),
    )  # fmt: skip


def _wrong_layer(run: Run, crash: Crash) -> Location | None:
    """Where a normalization was built that wants other dimensions than its place in the model has: 2d for 1d, say."""
    built = run.row(crash.failed.row.owner) if crash.failed.row is not None and crash.family == "norm" else None
    return run.location(built) if built is not None else None


def _changed(run: Run, crash: Crash) -> Hop | None:
    """The event in which an operand of the clash lost a dimension without being told which."""
    for label in (crash.clash.left, crash.clash.right):
        value = crash.failed.operands.get(label)
        hops = rank_changes(run, value) if value is not None else []
        if hops and hops[-1].row.op in ("squeeze", "squeeze_") and "dim" not in hops[-1].row.args:
            return hops[-1]
    return None
