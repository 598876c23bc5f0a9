"""SG203 cat-wrong-dim

The operands do not fit along the dimension they are joined along, and would along another.

## What it is

``torch.cat`` joins along dim 0 unless told otherwise. Tensors laid out (length, batch, width) want dim 1.

## Why it goes wrong

The default dim, or a dim that was right for another layout. As long as all sizes are equal nothing fails, and the result is
laid out wrongly.

## Example

```python
import torch

first = torch.randn(10, 4, 16)
last = torch.randn(10, 2, 16)
torch.cat([first, last])
```

## Use instead

```python
import torch

first = torch.randn(10, 4, 16)
last = torch.randn(10, 2, 16)
torch.cat([first, last], dim=1)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.climb import chain_of_frames, climb
from shapeguard.analysis.concat import FailedConcat, cut_along, failed_concat, joins_wrong_dim, odd_one, sliced_along
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.joined import Joined, joined_elsewhere, rows_in_a_line, stacked_beside_joined
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import decided
from shapeguard.rules.clash_finding import both_sizes, clash_finding, here
from shapeguard.values.findings import Finding, Location
from shapeguard.values.recording import Row

CODE, NAME = "SG203", "cat-wrong-dim"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation of operands that differ in one other dimension only, and agree along the joined one."""
    crash = crash_of(run)
    joined = joined_elsewhere(run, crash) if crash is not None else None
    if crash is not None and joined is not None:
        yield _before_layer(run, crash, joined)
        return
    if crash is not None and (line := rows_in_a_line(run, crash)) is not None:
        yield _in_a_line(run, crash, line)
        return
    concat = failed_concat(run)
    if concat is not None and (stacked := stacked_beside_joined(run, concat.failed)) is not None:
        yield _stacked(run, concat, stacked)
        return
    if concat is None or not joins_wrong_dim(run, concat):
        return
    along = concat.fits_along
    yield clash_finding(
        run, concat.failed, CODE, NAME,
        f"`{concat.failed.op}` joins along dim {concat.dim}, where all operands are equal; "
        f"they differ in dim {along} ({both_sizes(concat.clash)}) and would fit along it.",
        odd_one(run, concat),
        f"Join along dim {along}: `dim={along}`.",
        location=_dim_written(run, concat) or _made_otherwise(run, concat) or here(run),
    )  # fmt: skip


def _in_a_line(run: Run, crash: Crash, line: Row) -> Finding:
    count, size = len(line.inputs), line.inputs[0].last[0]
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{line.op}` puts {count} vectors of {size} one behind the other, ({count * size},), and `{crash.failed.op}` was built for "
        f"{size} features: it is rows that were meant, ({count}, {size}).",
        crash.suspect,
        "Stack them: `torch.stack(parts)`.",
        location=run.location(line),
    )  # fmt: skip


def _stacked(run: Run, concat: FailedConcat, stacked: Row) -> Finding:
    count = len(stacked.inputs)
    return clash_finding(
        run, concat.failed, CODE, NAME,
        f"The {count} parts of one operand are joined row by row, those of the other are stacked to {count} columns "
        f"(`{stacked.op}`): {both_sizes(concat.clash)} rows. With one part both look the same.",
        odd_one(run, concat),
        "Join both along dim 0, and give what has no dim for its features one: `torch.cat(parts).unsqueeze(1)`.",
        location=run.location(stacked),
    )  # fmt: skip


def _made_otherwise(run: Run, concat: FailedConcat) -> Location | None:
    """Where the operands were made, if the same line joined others along this dim: it is they that are laid out otherwise."""
    statement, failed = run.failed_at, concat.failed.row
    joined = [
        row
        for row in run.of_kind("concat", "op")
        if row.op == concat.failed.op and not row.error and (failed is None or run.at_one_place(row, failed))
    ]
    given = failed.args.get("dim", 0) if failed is not None else 0
    again = any(
        run.location(row) == statement and row.args.get("dim", 0) == given for row in joined if row is not failed
    )
    dim = concat.clash.dim or 0
    if statement is None or not again or sliced_along(run, concat, dim) or cut_along(run, concat, dim):
        return None
    made = {run.birth(value.origin) for _, value in concat.others}
    return made.pop() if len(made) == 1 else None


def _dim_written(run: Run, concat: FailedConcat) -> Location | None:
    """Where the dim was written that the call was given."""
    frame = run.user_frame
    given = next((v for v in frame.operands if v.label in ("dim", "axis")), None) if frame is not None else None
    if frame is None or given is None:
        return None
    spot = decided(climb(run.sources, chain_of_frames(run, frame), given.expression, value=concat.failed_dim))
    if spot is not None and spot.kind == "default" and concat.failed.row is not None:
        return run.helper_call(concat.failed.row) or run.at(
            spot
        )  # others may be joined so: this call is to say another
    return run.at(spot) if spot is not None else None


def _before_layer(run: Run, crash: Crash, joined: Joined) -> Finding:
    count = len(joined.row.inputs)
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{joined.row.op}` joins {count} tensors along dim {joined.along}; `{crash.failed.op}` then gets {both_sizes(crash.clash)} "
        f"features: joined along dim {joined.wanted_along} they would be as many as it was built for.",
        crash.suspect,
        f"Join along dim {joined.wanted_along}: `dim=-1` where it is the last.",
        location=run.location(joined.row),
    )  # fmt: skip
