"""SG701 collective-shape-mismatch

Ranks enter the same collective with different shapes, or with places of another shape to receive into.

## What it is

`all_gather`, `all_reduce` and their kin ask every rank for a tensor of one and the same shape. The shapes are not
compared: depending on the backend a mismatch raises, hangs, aborts the process, or silently cuts what is gathered.

## Why it goes wrong

The last batch or shard of one rank is smaller, a list has one entry for each batch, or the places for gathering were
made after the local sizes.

## Example

```python
import tempfile

import torch
import torch.distributed as dist

rendezvous = tempfile.mktemp()
dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=0, world_size=1)
try:
    scores = torch.randn(3, 8)
    places = [torch.zeros(4, 8)]
    dist.all_gather(places, scores)
finally:
    dist.destroy_process_group()
```

## Use instead

```python
import tempfile

import torch
import torch.distributed as dist

rendezvous = tempfile.mktemp()
dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=0, world_size=1)
try:
    scores = torch.randn(3, 8)
    longest = torch.tensor(len(scores))
    dist.all_reduce(longest, op=dist.ReduceOp.MAX)
    padded = torch.nn.functional.pad(scores, (0, 0, 0, int(longest) - len(scores)))
    places = [torch.zeros_like(padded)]
    dist.all_gather(places, padded)
    everything = places[0][: len(scores)]
finally:
    dist.destroy_process_group()
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.children import is_passed_on
from shapeguard.analysis.collectives import Brought, Parting, own_operand, parting, places
from shapeguard.analysis.lineage import birth, follow, steps
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG701", "collective-shape-mismatch"
_FIX = Fix(
    "Give every rank the same shape: pad to the largest size of all ranks before the collective and cut the padding off "
    "after it, or reduce sums and counts instead of lists."
)


def check(run: Run) -> Iterator[Finding]:
    """Places that do not fit this rank's own tensor, else ranks that do not fit each other."""
    failed = run.failed_row("collective")
    if failed is not None and (odd := _odd_place(failed)) is not None:
        yield _local(run, failed, odd)
        return
    found = parting(run)
    if found is None or run.failure is not None and failed is None:
        return
    if run.failure is None and not _tells(run, found):
        return
    if found.same_op and found.left.shape is not None:
        yield _between(run, found)


def _tells(run: Run, found: Parting) -> bool:
    """Whether it is for this process to tell: no rank lived to raise an exception, and this is the first of the two."""
    ranks = (found.left.run, found.right.run)
    silent = not any(other.failure is not None and not is_passed_on(other.failure) for other in ranks)
    return silent and run is ranks[0]


def _odd_place(row: Row) -> TensorArg | None:
    own = own_operand(row)
    if own is None:
        return None
    return next((place for place in places(row) if place.last != own.last), None)


def _local(run: Run, row: Row, odd: TensorArg) -> Finding:
    own = own_operand(row)
    assert own is not None
    made = run.birth(odd.origin) or run.location(row)
    return _finding(
        run, row, f"`{row.op}` brings {format_shape(own.last)}, and `{odd.label}` has a place for {format_shape(odd.last)}.",
        made, own.last, odd.last, own,
    )  # fmt: skip


def _between(run: Run, found: Parting) -> Finding:
    here, there = (found.left, found.right) if found.left.run is run else (found.right, found.left)
    row = run.failed_row("collective") or here.row
    assert here.shape is not None and there.shape is not None
    told = (
        f"`{row.op}` number {found.number + 1}: rank {here.rank} brings {format_shape(here.shape)}, "
        f"rank {there.rank} {format_shape(there.shape)}."
    )
    own = own_operand(row)
    return _finding(run, row, told, _made(here), here.shape, there.shape, own)


def _made(brought: Brought) -> Location | None:
    """The line that gave this rank's tensor its size; at least that of the collective."""
    run, row = brought.run, brought.row
    own = own_operand(row)
    for dim in range(len(own.last)) if own is not None else ():
        assert own is not None
        change = birth(follow(run, own, dim))
        location = run.location(change.row) if change is not None else None
        if location is not None:
            return location
    return run.location(row)


def _finding(
    run: Run,
    row: Row,
    message: str,
    location: Location | None,
    left: tuple[int, ...],
    right: tuple[int, ...],
    own: TensorArg | None,
) -> Finding:
    dim = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    mismatch = (
        Mismatch("rank", (len(left), len(right)))
        if len(left) != len(right) or dim is None
        else Mismatch("dim", (left[dim], right[dim]), dim)
    )
    hops = follow(run, own, dim) if own is not None and dim is not None else []
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        message,
        location=location,
        failed_at=run.failed_at if run.failed_row("collective") is not None else None,
        operands=tuple(run.tensor(tensor) for tensor in row.inputs[:8]),
        mismatch=mismatch,
        lineage=steps(run, hops),
        fix=_FIX,
    )
