"""SG201 cat-batch-mismatch

Operands of a concatenation differ in the batch dimension: rows were dropped or repeated on one side.

## What it is

Joining along features or time needs the same rows, in the same order, in every operand.

## Why it goes wrong

One operand was filtered, sampled several times, or left over from a batch of another size.

## Example

```python
import torch

features = torch.randn(8, 16)
extra = torch.randn(8, 4)
keep = torch.arange(6)
torch.cat([features[keep], extra], dim=1)
```

## Use instead

```python
import torch

features = torch.randn(8, 16)
extra = torch.randn(8, 4)
keep = torch.arange(6)
torch.cat([features[keep], extra[keep]], dim=1)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.cache_rows import expanded_twice
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.concat import FailedConcat, failed_concat, is_batch_dim, joins_wrong_dim, odd_one
from shapeguard.analysis.joined import stacked_beside_joined
from shapeguard.analysis.last_batch import smaller_last_batch
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.row_order import mixed_rows
from shapeguard.analysis.run import Run
from shapeguard.analysis.shuffled import repeated_apart
from shapeguard.analysis.source import parsed_text
from shapeguard.rules.base import once
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.rules.kept_rows import mixed, of_a_cache
from shapeguard.values.findings import Finding, Fix, Location, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG201", "cat-batch-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation whose operands have other numbers of rows."""
    yield from once(_apart(run, *found) for found in repeated_apart(run))
    if run.failure is None:
        yield from once(mixed(run, found, CODE, NAME) for found in mixed_rows(run) if not of_a_cache(found))
    concat = failed_concat(run)
    if concat is not None and (batch := smaller_last_batch(run, concat.failed)) is not None:
        yield _stacked(run, concat, *batch)
        return
    if concat is None or not is_batch_dim(concat) or joins_wrong_dim(run, concat):
        return
    if stacked_beside_joined(run, concat.failed) is not None:
        return
    left, right = concat.clash.sizes
    vectors = all(len(shape) == 1 for shape in concat.shapes)
    yield clash_finding(
        run, concat.failed, CODE, NAME,
        f"`{concat.failed.op}` along dim {concat.dim} joins {left} {'entries' if vectors else 'rows'} with {right}.",
        odd_one(run, concat),
        "Give every operand the same rows: apply the selection or repetition of the one to the others, before they meet.",
        location=expanded_twice(run) or _of_a_loop(run, concat) or _single(run, concat),
    )  # fmt: skip


def _of_a_loop(run: Run, concat: FailedConcat) -> Location | None:
    """Where the loop of the failing function made its entries, that are to be stacked and have not all the same rows."""
    made = [run.row(value.origin) for _, value in concat.others]
    rows = [row for row in made if row is not None and concat.failed.op == "stack"]
    place = run.location(rows[0]) if rows and all(run.at_one_place(row, rows[0]) for row in rows) else None
    same = (
        place is not None and run.user_frame is not None and place.function == run.statement_of(run.user_frame).function
    )
    return place if same and len(rows) == len(made) and place != here(run) else None


def _stacked(run: Run, concat: FailedConcat, last: int, full: int) -> Finding:
    """Results of batches, of which the last is smaller, put in a row of their own each."""
    return clash_finding(
        run, concat.failed, CODE, NAME,
        f"`stack` needs batches of one size, and the last one holds what was left over: {last} rows, where those before hold {full}.",
        odd_one(run, concat),
        "Join the results row by row with `torch.cat`, which takes batches of any size; or leave the rest out (`drop_last=True`).",
        location=here(run),
    )  # fmt: skip


def _apart(run: Run, row: Row, groups: int, members: int) -> Finding:
    """What was reduced for each group, repeated as a whole, beside the members in their order."""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{row.op}` lays the {groups} values one after the other, {members} times; what they stand beside has the {members} members "
        "of the first group first: members meet the value of another group.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(
            f"Repeat each value for its members: `repeat_interleave({members})`, or keep the dim (`keepdim=True`) and broadcast."
        ),
    )


def _single(run: Run, concat: FailedConcat) -> Location | None:
    """Where the one operand got its name that has a single row: it was to be repeated for the others."""
    frame = run.user_frame
    single = [label for label, shape in concat.failed.call.tensors if shape[:1] == (1,)]
    if frame is None or len(single) != 1 or 1 not in concat.clash.sizes:
        return None
    hops = follow(run, concat.failed.operands[single[0]], 0)
    expression = concat.failed.expression(run, single[0])
    if _gathered(run, concat, single[0]) and expression.isidentifier():
        return named_at(run, frame, expression) or _handed_in(run, concat)
    if (hops and hops[-1].row.op not in ("unsqueeze", "getitem")) or (hops and (hops[-1].size_before or 0) > 1):
        return None  # a size that the code states, or a selection that left one of several
    return named_at(run, frame, expression) if expression else None


def _gathered(run: Run, concat: FailedConcat, single: str) -> bool:
    """Whether the rows of the others were put together of single ones: this one is as each of those was."""
    for label, value in concat.others:
        last = follow(run, value, 0)[-1:] if label != single else []
        joined = last[0].row if last and last[0].row.kind == "concat" and last[0].size_before == 1 else None
        if joined is not None and len(joined.inputs) > 1 and not _doubled(run.expression(joined)):
            return True
    return False


def _doubled(expression: str) -> bool:
    """Whether a tensor is joined with itself, ``cat([x, x])``."""
    match parsed_text(expression):
        case ast.Call(args=[ast.List(elts=parts) | ast.Tuple(elts=parts), *_]):
            return len({ast.unparse(part) for part in parts}) == 1
    return False


def _handed_in(run: Run, concat: FailedConcat) -> Location | None:
    """The call of what joins, where it is given what it joins."""
    row = concat.failed.row
    return run.location(row, 1) if row is not None and len(run.chain(row)) > 1 else None
