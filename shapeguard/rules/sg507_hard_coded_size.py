"""SG507 hard-coded-size

A batch or sequence size was frozen in the code, in a buffer or in a kept state, and a batch came with another.

## What it is

A number that belongs to the data (rows, length) stands in the program as a constant, or in a tensor made for an earlier batch.

## Why it goes wrong

It holds for every full batch. The last batch of an epoch is smaller, or one text is shorter. A buffer that is written to in turn, a
queue of keys, has a size that the batches do not divide: the last slice reaches past its end.

## Example

```python
import torch
from torch import nn

rnn = nn.GRU(6, 5, batch_first=True)
state = torch.zeros(1, 8, 5)
for batch in torch.randn(20, 3, 6).split(8):
    out, _ = rnn(batch, state)
```

## Use instead

```python
import torch
from torch import nn

rnn = nn.GRU(6, 5, batch_first=True)
for batch in torch.randn(20, 3, 6).split(8):
    state = torch.zeros(1, len(batch), 5)
    out, _ = rnn(batch, state)
```
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from shapeguard.analysis.causes import Cause, cause
from shapeguard.analysis.clipped import clipped, of_a_buffer
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.distributions import refused_value
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.frozen import kept_since_built
from shapeguard.analysis.kept import Kept, kept_operand
from shapeguard.analysis.reshapes import frozen_batch, viewed_as_full, written_location
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side, shape_of, sides
from shapeguard.analysis.written import decided, whole_trails, written
from shapeguard.rules.clash_finding import both_sizes, clash_finding, cut_short, here, operands_text
from shapeguard.values.findings import Finding, Location, Mismatch
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG507", "hard-coded-size"
_ONE_OF_THEM = "one of them is fixed in the code, the other comes with the data."
_TWO = 2


def check(run: Run) -> Iterator[Finding]:
    """A failed op in which one side's batch or sequence size is a number of the code and the other's comes with the data."""
    crash = crash_of(run)
    if crash is None or crash.family == "concat" or refused_value(run) is not None:
        return  # a distribution says what it was given and what it is
    cut = clipped(crash.failed)
    if cut is not None and of_a_buffer(run, crash.failed):
        yield cut_short(run, crash.failed, CODE, NAME, crash.suspect, cut)
        return
    kept = kept_operand(run, crash.failed)
    if kept is not None:
        yield _kept(run, crash, kept)
        return
    if crash.family == "matmul" and (view := viewed_as_full(run, crash.failed)) is not None:
        yield _viewed(run, crash, view)
        return
    if crash.family == "rnn" and crash.clash.role == "layer":
        yield _layers(run, crash)
        return
    wrong = frozen_batch(run, crash.failed) if crash.family == "reshape" else None
    state = crash.family == "rnn" and crash.clash.role == "batch"
    if crash.frozen is None and wrong is None and not state:
        return
    carried = _carried_state(run, crash.failed) if state else None
    frozen = crash.frozen or carried
    found = cause(run, crash.failed, frozen) if frozen is not None else crash.suspect
    sizes = (
        f"{wrong.mismatch.sizes[0]} against {wrong.mismatch.sizes[1]}" if wrong is not None else both_sizes(crash.clash)
    )
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: {sizes}; "
        f"{_which(crash, frozen) if wrong is None else _ONE_OF_THEM}",
        found,
        "Take the size from the tensor at hand (`x.shape[0]`) where the other one is made, or drop the last, smaller batch.",
        location=written_location(run, wrong) if wrong is not None else _from_helper(run, crash.frozen) or _uncut(run, crash) or _table(run, crash.frozen) or _told_beside_data(run, crash.frozen) or _as_the_loader(run, found) or (_state(run, found, carried) if crash.family == "rnn" else None),
        mismatch=wrong.mismatch if wrong is not None else None,
    )  # fmt: skip


def _which(crash: Crash, frozen: Side | None) -> str:
    """Which of the two sizes does not follow the data."""
    sizes = crash.clash.sizes
    if frozen is None or len(set(sizes)) != _TWO or frozen.size not in sizes:
        return _ONE_OF_THEM
    return f"the {frozen.size} is fixed in the code, the {sum(set(sizes)) - frozen.size} comes with the data."


def _viewed(run: Run, crash: Crash, view: Row) -> Finding:
    """A view that was told the rows of a full batch, and made of fewer rows as many."""
    given, made = view.inputs[0].last, view.outputs[0].last
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{view.op}` of {format_shape(given)} is told {made[0]} rows, and there are {given[0]}: what is left for the -1 is {made[1]} "
        f"features, where one row has {crash.clash.sizes[1] if crash.clash.sizes[0] == made[1] else crash.clash.sizes[0]}.",
        crash.suspect._replace(how="here"),
        "Keep the rows there are: `x.view(x.size(0), -1)`, or `flatten(1)`.",
        location=run.location(view),
        mismatch=Mismatch("dim", (made[0], given[0]), 0),
    )  # fmt: skip


def _layers(run: Run, crash: Crash) -> Finding:
    """A state for another number of layers, or of directions, than the recurrent layer has."""
    wanted, got = crash.clash.sizes
    state = next((side.hops[-1].row for side in sides(run, crash.failed) if side.size == got and side.hops), None)
    both_ways = wanted == 2 * got and state is not None  # the number of layers is right, and a direction is left out
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` has {wanted} layers (each direction counts), and its state is made for {got}.",
        crash.suspect,
        f"Make the state for all of them: (num_layers * directions, batch, hidden), here ({wanted}, ...).",
        location=run.location(state) if state is not None and both_ways else None,
    )  # fmt: skip


def _kept(run: Run, crash: Crash, kept: Kept) -> Finding:
    found, size = crash.clash.sizes
    needed = found + 1 if crash.clash.kind == "index" else found
    made = run.location(kept.row)
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: {needed} against {size}. `{kept.label}` was made for an "
        f"earlier call{f' (line {made.line})' if made is not None else ''}, kept, and used again for data of another size.",
        crash.suspect,
        "Make it anew when the data is another (compare sizes, not only with None), or do not keep it where every batch differs.",
        location=kept.guard,
        mismatch=Mismatch("dim", (needed, size), crash.clash.dim),
    )  # fmt: skip


def _table(run: Run, frozen: Side | None) -> Location | None:
    """Where the table was kept whose size does not follow the data."""
    last = frozen.hops[-1] if frozen is not None and frozen.hops else None
    if frozen is None or last is None:
        return None
    square = (shape_of(frozen.value) or ()) == (frozen.size, frozen.size)  # a place for each pair of rows
    of_rows = frozen.dim == 0 or square
    own = last.source is None and of_rows and run.chain(last.row)[0].function.endswith(".__init__")
    made = kept_since_built(run, frozen) or (run.location(last.row) if own else None)
    if made is None:
        return None
    number = written(run, last.row, frozen.size, last.after) if last.source is None else None
    rows = of_rows and number is not None and number.function != made.function  # handed in for the batch
    return made if rows else number or made


def _uncut(run: Run, crash: Crash) -> Location | None:
    """Where a square table is used that a constructor made for the longest sequence: it is to be cut for a shorter one."""
    side = crash.frozen
    shape = (shape_of(side.value) or ()) if side is not None else ()
    if (
        side is None
        or not side.hops
        or len(shape) < 2
        or not shape[-1] == shape[-2] == side.size == max(crash.clash.sizes)
        or any(other.hops and other.hops[-1].after == 0 for other in sides(run, crash.failed) if other != side)  # rows
    ):
        return None
    sites = run.recording.chains[side.hops[-1].row.chain].sites
    kept = any(run.recording.sites[number].function.endswith(".__init__") for number in sites)
    return here(run) if kept else None


def _from_helper(run: Run, frozen: Side | None) -> Location | None:
    """The call that told a helper how large a table to make, which it reckons outside of torch, and a constructor keeps."""
    last = frozen.hops[-1].row if frozen is not None and frozen.hops else None
    call = run.helper_call(last) if last is not None and last.op in FROM_OUTSIDE and not last.inputs else None
    return call if call is not None and call.function.endswith(".__init__") else None


def _told_beside_data(run: Run, frozen: Side | None) -> Location | None:
    """Where the failing function hands the number on that it was given for the batch: it has the batch at hand."""
    last, frame = frozen.hops[-1] if frozen is not None and frozen.hops else None, run.user_frame
    if last is None or frozen is None or frame is None or last.source is not None:
        return None
    for trail in whole_trails(run, last.row, frozen.size, last.after):
        for spot, above in pairwise(trail):
            handed = spot.kind == above.kind == "argument" and spot.function == frame.function
            if handed and spot.file == frame.file and decided(trail) is not None:
                return run.at(spot)
    return None


def _as_the_loader(run: Run, found: Cause) -> Location | None:
    """Where a tensor was laid out for the constant that tells the loader how many rows a batch has at most."""
    last = found.side.hops[-1] if found.side.hops else None
    if last is None or last.row.kind != "op" or found.how != "written" or found.location == run.location(last.row):
        return None
    loaders = [row for row in run.of_kind("construct") if row.args.get("batch_size") == found.side.size]
    shared = any(written(run, row, found.side.size) == found.location for row in loaders)
    return run.location(last.row) if shared else None


def _state(run: Run, found: Cause, carried: Side | None) -> Location | None:
    """Where a state was made for the batch size that an object was told once: the object may be told so, its state may not."""
    last = found.side.hops[-1] if found.side.hops else None
    if found.side == carried:
        return _carried(run, found)
    if last is None or found.how != "written":
        return None
    for trail in whole_trails(run, last.row, found.side.size, last.after):
        told = next((number for number, spot in enumerate(trail) if spot.kind == "attribute"), None)
        decided_at = [number for number, spot in enumerate(trail) if spot.line == found.location.line]
        if told and decided_at and decided_at[0] > told:
            spot = trail[told - 1]
            return run.at(spot)
    return None


def _carried_state(run: Run, failed: FailedOp) -> Side | None:
    """The side of a clash that is a state which the very layer returned before."""
    layer = failed.row.owner if failed.row is not None else None
    own = (side for side in sides(run, failed) if any(hop.row.owner == layer for hop in side.hops))
    return next(own, None) if layer is not None else None


def _carried(run: Run, found: Cause) -> Location | None:
    """Where a state that the layer itself returned was carried on to the next batch: worked on, or handed in again."""
    first = found.side.hops[0].row
    if first.kind == "op":
        return run.location(first)
    outer = [frame for frame in run.frames if frame.user]
    return run.statement_of(outer[-2]) if len(outer) > 1 else None
