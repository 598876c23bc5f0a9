"""SG405 attention-layout-swapped

(batch, length, heads, head_dim) is given where (batch, heads, length, head_dim) is wanted, or batch and length are swapped.

## What it is

Attention runs along one dim. torch's kernel takes the last but one of (batch, heads, length, head_dim); torch's layers take
the first of (length, batch, features) unless they are built with ``batch_first=True``.

## Why it goes wrong

Other kernels and most code keep the batch first and the heads behind the length. The sizes fit all the same, nothing crashes,
and tokens attend to other rows of the batch, or a position's heads to each other. A reshape in place of a transpose mixes
positions and heads likewise. A table of positions laid out as (length, 1, features) and cut to ``x.size(0)`` runs along the
batch, and the final states of a recurrent layer keep their batch second whatever ``batch_first`` says.

## Example

```python
import torch
from torch import nn

embed, places = nn.Embedding(40, 32), nn.Embedding(16, 32)
layer = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64)
ids = torch.randint(0, 40, (3, 6))
hidden = embed(ids) + places(torch.arange(6))
layer(hidden)[:, -1]
```

## Use instead

```python
import torch
from torch import nn

embed, places = nn.Embedding(40, 32), nn.Embedding(16, 32)
layer = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64, batch_first=True)
ids = torch.randint(0, 40, (3, 6))
hidden = embed(ids) + places(torch.arange(6))
layer(hidden)[:, -1]
```
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from shapeguard.analysis.cache_layouts import Layout
from shapeguard.analysis.crash import crash_of
from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.layouts import fitting_layouts, refused_layout
from shapeguard.analysis.merged_views import places_as_channels
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import sides
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG405", "attention-layout-swapped"
_FEW = 6  # ops before the failed one among which the dims were laid out


def check(run: Run) -> Iterator[Finding]:
    """Layers that take the length first and get the batch first; kernels that get heads for positions; a refused padding mask."""
    refused = refused_layout(run)
    if refused is not None:
        yield _finding(run, refused, failed=True, call=_other_call(run))
    else:
        yield from once(_finding(run, layout, failed=_led_there(run, layout)) for layout in fitting_layouts(run))
        yield from once(_as_channels(run, row) for row in places_as_channels(run))


def _led_there(run: Run, layout: Layout) -> bool:
    """Whether what was laid out otherwise is what then clashed with a layer: a few ops before it, in its own function."""
    crash = crash_of(run)
    if crash is None or crash.family != "matmul" or crash.clash.role != "inner" or layout.location is None:
        return False
    behind = [
        row
        for side in sides(run, crash.failed)
        if side.value is not None
        for row in islice(ancestors(run, side.value), _FEW)
    ]
    near = run.failed_at is not None and run.failed_at.function == layout.location.function
    return near and any(run.location(row) == layout.location for row in behind)


def _as_channels(run: Run, row: Row) -> Finding:
    before, after = row.inputs[0].last, row.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{row.op}` reads {format_shape(before)}, whose last dims are {before[-2]} places and {before[-1]} channels, as "
        f"{format_shape(after)}: the numbers stay in their order, so each channel is filled with several places.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        mismatch=Mismatch("dim", (before[-2], before[-1]), len(before) - 2),
        fix=Fix("Turn the last two dims before the map is laid out: `out.transpose(-2, -1).reshape(...)`."),
    )


def _finding(run: Run, layout: Layout, failed: bool, call: Location | None = None) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        layout.text,
        location=call or layout.location,
        failed_at=run.failed_at if failed else None,
        operands=layout.operands,
        mismatch=Mismatch("dim", layout.sizes, layout.dim),
        fix=Fix(layout.fix),
    )


def _other_call(run: Run) -> Location | None:
    """The call that led to the failed layer, where another call of the same model led to it and it passed."""
    for row in run.failed_rows:
        earlier = passed_before(run, row) if row.kind == "module" else None
        if earlier is not None:
            return callers_part(run, row, earlier)
    return None
