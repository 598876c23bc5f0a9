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

import msgspec

from shapeguard.analysis.children import is_passed_on
from shapeguard.analysis.collective_splits import UnevenSplit, argument_made, uneven_split
from shapeguard.analysis.collectives import (
    Brought,
    Objects,
    Parting,
    gathered_objects,
    odd_whole,
    own_operand,
    parting,
    piece,
    places,
    ranks,
)
from shapeguard.analysis.concat import odd_one
from shapeguard.analysis.lineage import birth, follow, steps
from shapeguard.analysis.rank_models import BuiltApart, built_apart, chosen_at
from shapeguard.analysis.run import Run
from shapeguard.analysis.shards import uneven_whole
from shapeguard.analysis.written import written
from shapeguard.rules.clash_finding import clash_finding
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG701", "collective-shape-mismatch"
_COLLECTING = frozenset({"distributed.gather", "distributed.all_gather"})
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
    if failed is not None and (short := _short_list(failed)) is not None:
        yield _listed(run, failed, *short)
        return
    if failed is not None and (split := uneven_split(failed)) is not None:
        yield _split(run, failed, split)
        return
    if uneven_whole(run) is not None:
        return  # shares were rounded down
    if failed is not None and (whole := odd_whole(failed)) is not None:
        yield _gathered(run, failed, *whole)
        return
    if (objects := gathered_objects(run)) is not None:
        yield _of_objects(run, objects)
        return
    if (apart := built_apart(run)) is not None:
        yield _models(run, apart)
        return
    found = parting(run)
    if found is None or found.left.shape is None or found.right.shape is None or not found.same_op:
        return
    if failed is not None or _tells(run, found):
        yield _between(run, found, found.left.shape, found.right.shape)


def _tells(run: Run, found: Parting) -> bool:
    """Whether it is for this process to tell: no rank lived to raise an exception, and this is the first of the two."""
    if run.failure is not None:
        return False
    both = (found.left.run, found.right.run)
    silent = not any(other.failure is not None and not is_passed_on(other.failure) for other in both)
    return silent and run is both[0]


def _odd_place(row: Row) -> TensorArg | None:
    own = own_operand(row)
    if own is None:
        return None
    return next((place for place in places(row) if place.last != own.last), None)


def _short_list(row: Row) -> tuple[int, int] | None:
    """(places, ranks) of a collective that was given a list with more or fewer places than there are ranks."""
    listed, world = len(places(row)), row.args.get("world_size")
    return (listed, world) if listed and isinstance(world, int) and listed != world else None


def _listed(run: Run, row: Row, listed: int, world: int) -> Finding:
    told = f"`{row.op}` is given a list of {listed} tensors for {world} ranks."
    found = _finding(run, row, told, run.location(row), (listed,), (world,), None)
    return msgspec.structs.replace(
        found,
        mismatch=Mismatch("count", (listed, world)),
        fix=Fix(
            "Give it one tensor for each rank; a list that is worked off in rounds is filled up to a multiple of the ranks."
        ),
    )


def _local(run: Run, row: Row, odd: TensorArg) -> Finding:
    own = own_operand(row)
    brought = own.last if own is not None else ()
    held = "holds" if odd.label.startswith(("scatter", "input")) else "has a place for"
    told = f"`{row.op}` brings {format_shape(brought)}, and `{odd.label}` {held} {format_shape(odd.last)}."
    return _finding(run, row, told, run.birth(odd.origin) or run.location(row), brought, odd.last, own)


def _gathered(run: Run, row: Row, whole: TensorArg, part: TensorArg, world: int) -> Finding:
    """One tensor for the pieces of all ranks, laid out otherwise than they are."""
    cut = piece(whole, world)
    made = run.birth(whole.origin) if whole.label.startswith("output") else None
    told = (
        f"`{row.op}` cuts `{whole.label}` {format_shape(whole.last)} along dim 0 into pieces {format_shape(cut)} for the ranks, "
        f"and `{part.label}` is {format_shape(part.last)}."
    )
    found = _finding(run, row, told, made or run.location(row), cut[:1], part.last[:1], part)
    wanted = format_shape((world * part.last[0], *part.last[1:]) if part.last else (world,))
    return msgspec.structs.replace(
        found, fix=Fix(f"Make `{whole.label}` {wanted}: the ranks' pieces one after the other in dim 0.")
    )


def _split(run: Run, row: Row, split: UnevenSplit) -> Finding:
    """Numbers of rows for the ranks that do not add up to the rows there are."""
    told = f"`{row.op}`: `{split.name}` adds up to {split.total} rows, `{split.tensor.label}` has {split.rows}."
    cut = next(
        (hop.row for hop in follow(run, split.tensor, 0) if hop.size_before == split.total != hop.size_after), None
    )
    where = (run.location(cut) if cut is not None else None) or argument_made(run, row, split.name) or run.location(row)
    found = _finding(run, row, told, where, (split.total,), (split.rows,), split.tensor)
    return msgspec.structs.replace(
        found, fix=Fix("Count the split sizes from the very rows that are sent, so that they add up to them.")
    )


def _of_objects(run: Run, found: Objects) -> Finding:
    """Tensors of other shapes on the ranks, which were handed round as objects and are then joined."""
    failed = found.concat.failed
    shapes = " and ".join(format_shape(shape) for shape in dict.fromkeys(found.concat.shapes))
    return clash_finding(
        run, failed, CODE, NAME,
        f"The ranks gave `all_gather_object` tensors of {shapes}, which `{failed.op}` cannot join.",
        odd_one(run, found.concat),
        "Make every rank's of one size, by a number that all of them know (the classes of the whole data set), or pad to the largest.",
        location=found.made,
    )  # fmt: skip


def _models(run: Run, found: BuiltApart) -> Finding:
    """Parameters of other shapes on the ranks: each built its model from what it alone has."""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{found.row.op}` has {found.name} {found.mine} on rank {found.rank} and {found.theirs} on rank {found.other}; "
        "`DistributedDataParallel` needs the same parameters on all ranks.",
        location=chosen_at(run, found) or written(run, found.row, found.mine) or run.location(found.row),
        failed_at=run.failed_at,
        mismatch=Mismatch("dim", (found.mine, found.theirs), 0),
        fix=Fix(
            "Work the size out from what all ranks have, or on one rank and broadcast it, before the model is built."
        ),
    )


def _between(run: Run, found: Parting, left: tuple[int, ...], right: tuple[int, ...]) -> Finding:
    mine = found.right if found.right.run is run else found.left
    row = run.failed_row("collective") or mine.row
    told = (
        f"`{row.op}` number {found.number + 1}: rank {found.left.rank} brings {format_shape(left)}, "
        f"rank {found.right.rank} {format_shape(right)}."
    )
    return _finding(run, row, told, _made(mine, _odd_dim(left, right)), left, right, own_operand(row))


def _made(brought: Brought, dim: int | None) -> Location | None:
    """The line that gave this rank's tensor its size; at least that of the collective."""
    run, own = brought.run, own_operand(brought.row)
    born = birth(follow(run, own, dim)) if own is not None and dim is not None else None
    # A rank's share of the rows is to be padded for the collective, and not taken otherwise.
    shared = born is not None and (born.row.op == "getitem" or born.row.kind == "concat")
    if shared and dim == 0 and brought.row.op in _COLLECTING:
        return run.location(brought.row)
    made = run.location(born.row) if born is not None else run.birth(own.origin) if own is not None else None
    return made or run.location(brought.row)


def _died_at(run: Run, row: Row) -> Location | None:
    """The collective's line, where a rank was ended in it with no exception: an abort in C++ leaves no last line."""
    died = any(rank.recording.footer is None for rank in ranks(run).values())
    return run.location(row) if died else None


def _odd_dim(left: tuple[int, ...], right: tuple[int, ...]) -> int | None:
    """The dimension in which two shapes of one rank differ first."""
    if len(left) != len(right):
        return None
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=True)) if a != b), None)


def _finding(
    run: Run,
    row: Row,
    message: str,
    location: Location | None,
    left: tuple[int, ...],
    right: tuple[int, ...],
    own: TensorArg | None,
) -> Finding:
    dim = _odd_dim(left, right)
    by_rank = Mismatch("rank", (len(left), len(right)))
    mismatch = by_rank if dim is None else Mismatch("dim", (left[dim], right[dim]), dim)
    hops = follow(run, own, dim) if own is not None and dim is not None else []
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        message,
        location=location,
        failed_at=run.failed_at if run.failed_row("collective") is not None else _died_at(run, row),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs[:8]),
        mismatch=mismatch,
        lineage=steps(run, hops),
        fix=_FIX,
    )
