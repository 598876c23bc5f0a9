"""SG204 cat-rank-mismatch

Operands of a concatenation have different numbers of dimensions.

## What it is

A vector and a matrix cannot be joined: one has lost a dimension, or never got it.

## Why it goes wrong

``squeeze()`` without a dim also drops a batch of one; indexing with a number drops a dimension; a reduction lacks ``keepdim``;
an ``unsqueeze`` is missing.

## Example

```python
import torch

deep = torch.randn(1, 8)
cross = torch.randn(1, 8, 1).squeeze()
torch.cat([cross, deep], dim=-1)
```

## Use instead

```python
import torch

deep = torch.randn(1, 8)
cross = torch.randn(1, 8, 1).squeeze(2)
torch.cat([cross, deep], dim=-1)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.climb import named_at
from shapeguard.analysis.concat import FailedConcat, failed_concat, odd_one
from shapeguard.analysis.contents import brought_in
from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.graph import past
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.ranks import rank_changes
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.values.findings import Finding, Location
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

_GIVING = frozenset({"unsqueeze", "unsqueeze_", "view", "reshape", "getitem"})
_CHOOSING = frozenset({"topk", "argmax", "multinomial", "remainder", "mod", "floordiv", "sort"})
_SPREADING = frozenset({"expand", "expand_as", "repeat", "contiguous", "to", "float"})
CODE, NAME = "SG204", "cat-rank-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation of operands of different rank."""
    concat = failed_concat(run)
    if concat is None or concat.clash.kind != "rank":
        return
    if not any(concat.shapes):
        yield _single_numbers(run, concat)
        return
    changed = _changed(run, concat)
    line = (
        _scores_for_ids(run, concat)
        or _departed(run, concat)
        or _against_others(run, concat)
        or _given_again(run, concat)
    )
    line = line or _ones_left(run, concat) or _single_kept(run, concat) or _unchanged(run, concat)
    line = line or (here(run) if _chosen_since(run, concat, changed) else None)
    line = line or (run.location(changed.row) if changed is not None else None)
    ranks = ", ".join(str(len(shape)) for shape in concat.shapes)
    alike = len({len(shape) for shape in concat.shapes}) == 1
    yield clash_finding(
        run, concat.failed, CODE, NAME,
        f"`{concat.failed.op}`: {concat.clash.text}; there is no such dim."
        if alike else f"`{concat.failed.op}` is given operands of {ranks} dimensions.",
        odd_one(run, concat),
        _with_axis(run, concat)
        or "Name the dim that is dropped (`squeeze(dim)`), keep it (`keepdim=True`), or put it back (`unsqueeze(dim)`).",
        location=line or here(run),
    )  # fmt: skip


def _scores_for_ids(run: Run, concat: FailedConcat) -> Location | None:
    """The failing statement, where it takes the scores of all tokens and joins them to ids: one of them was to be chosen."""
    made = [run.row(value.origin) for _, value in concat.others]
    ids = [shape for (_, value), shape in zip(concat.others, concat.shapes, strict=True) if value.dtype == "int64"]
    for (_, value), row, shape in zip(concat.others, made, concat.shapes, strict=True):
        taken = row is not None and row.op == "getitem" and run.location(row) == here(run)
        if taken and value.dtype.startswith(("float", "bfloat")) and ids and len(shape) == len(ids[0]) + 1:
            return here(run)
    return None


def _with_axis(run: Run, concat: FailedConcat) -> str:
    """The axis with which the one operand of fewer dims would fit the others; "" where several would, or none."""
    lowest, highest = (pick(concat.failed.call.tensors, key=lambda tensor: len(tensor[1])) for pick in (min, max))
    (label, shape), (_, wanted) = lowest, highest
    if (
        len(concat.shapes) < 2
        or len(wanted) != len(shape) + 1
        or [len(s) for s in concat.shapes].count(len(shape)) != 1
    ):
        return ""
    widened = [(dim, (*shape[:dim], 1, *shape[dim:])) for dim in range(len(wanted))]
    fits = [(dim, made) for dim, made in widened if _fit(made, wanted, concat.dim)]
    name = concat.failed.expression(run, label) or label
    return (
        f"Give it the axis that it lacks: `{name}.unsqueeze({fits[0][0]})`, {format_shape(fits[0][1])}."
        if len(fits) == 1
        else ""
    )


def _single_numbers(run: Run, concat: FailedConcat) -> Finding:
    """Tensors of one number each have no dim to be joined along; a stack gives them one."""
    return clash_finding(
        run, concat.failed, CODE, NAME,
        f"`{concat.failed.op}` is given {len(concat.shapes)} tensors of a single number, without a dimension to join them along.",
        odd_one(run, concat),
        "Use `torch.stack(...)`, which makes the dimension.",
        location=here(run),
    )  # fmt: skip


def _changed(run: Run, concat: FailedConcat) -> Hop | None:
    """The event in which an operand lost or got a dimension; of several, the one in the past of the lowest rank."""
    told = [
        (len(shape), rank_changes(run, concat.failed.operands[label])) for label, shape in concat.failed.call.tensors
    ]
    found = [(rank, hops[-1]) for rank, hops in told if hops]
    return min(found, key=lambda item: item[0])[1] if found else None


def _chosen_since(run: Run, concat: FailedConcat, changed: Hop | None) -> bool:
    """Whether the operand was chosen, or reckoned, from what lost a dimension: it never had it, and is given it where it is joined."""
    label, _ = min(concat.failed.call.tensors, key=lambda tensor: len(tensor[1]))
    row = run.row(concat.failed.operands[label].origin)
    while changed is not None and row is not None and row.id != changed.row.id and row.inputs:
        if row.op in _CHOOSING:
            return True
        row = run.row(row.inputs[0].origin)
    return False


def _departed(run: Run, concat: FailedConcat) -> Location | None:
    """Where the one operand was made that had another number of dimensions when this line last passed."""
    failed = concat.failed
    earlier = passed_before(run, failed.row) if failed.row is not None else None
    before = {tensor.label: len(tensor.last) for tensor in earlier.inputs} if earlier is not None else {}
    odd = [label for label, shape in failed.call.tensors if before.get(label, len(shape)) != len(shape)]
    if len(odd) != 1:
        return None
    value = failed.operands[odd[0]]
    changed = rank_changes(run, value)
    if changed:
        return run.location(changed[-1].row)
    name, frame = failed.expression(run, odd[0]), run.user_frame
    taken = named_at(run, frame, name) if frame is not None and name.isidentifier() else None
    return (
        brought_in(run, value) or taken or (callers_part(run, failed.row, earlier) if failed.row and earlier else None)
    )


def _against_others(run: Run, concat: FailedConcat) -> Location | None:
    """Where the one operand was made that has another number of dimensions than all the others."""
    ranks = [len(shape) for shape in concat.shapes]
    odd = [rank for rank in set(ranks) if ranks.count(rank) == 1]
    if len(ranks) < 3 or len(odd) != 1 or len(set(ranks)) != 2:
        return None
    value = concat.failed.operands[concat.failed.call.tensors[ranks.index(odd[0])][0]]
    changed = rank_changes(run, value)
    kept = next(
        (hop.row for hop in changed if True in (hop.row.args.get("keepdim"), hop.row.args.get("keepdims"))), None
    )
    if kept is not None:
        return run.location(kept)
    return run.location(changed[-1].row) if changed else run.birth(value.origin)


def _given_again(run: Run, concat: FailedConcat) -> Location | None:
    """Where an operand was given an axis that it had already: as it was before, it fits the other one."""
    if len(concat.shapes) != 2:
        return None
    (_, other), (more, _) = sorted(concat.failed.call.tensors, key=lambda tensor: len(tensor[1]))
    row = past(run, concat.failed.operands[more].origin, lambda row: row.op in _SPREADING)
    if row is None or row.op not in _GIVING or not row.inputs:
        return None
    before, spread = row.inputs[0].last, row.id != concat.failed.operands[more].origin
    if spread and len(before) == len(other):
        before = tuple(wanted if size == 1 else size for size, wanted in zip(before, other, strict=True))
    return run.location(row) if _fit(before, other, concat.dim) else None


def _fit(shape: tuple[int, ...], other: tuple[int, ...], dim: int) -> bool:
    """Whether two shapes can be joined along a dim: all their other sizes are the same."""
    if len(shape) != len(other):
        return False
    along = dim % max(len(shape), 1)
    return all(a == b for place, (a, b) in enumerate(zip(shape, other, strict=True)) if place != along)


def _ones_left(run: Run, concat: FailedConcat) -> Location | None:
    """Where the one operand that has more dimensions, each of 1 (a pooled map), got its last 1."""
    least = min(len(shape) for shape in concat.shapes)
    larger = [(label, shape) for label, shape in concat.failed.call.tensors if len(shape) > least]
    if len(larger) != 1 or any(size != 1 for size in larger[0][1][least:]):
        return None
    value = concat.failed.operands[larger[0][0]]
    shrunk = [hop for hop in follow(run, value, len(larger[0][1]) - 1) if hop.changed and hop.row.inputs]
    return run.location(shrunk[0].row) if shrunk else None


def _single_kept(run: Run, concat: FailedConcat) -> Location | None:
    """Where the operand got its name that has one dim more, of size 1: without it, it fits the other one, which never had it."""
    if len(concat.shapes) != 2 or run.user_frame is None:
        return None
    (less, small), (more, large) = sorted(concat.failed.call.tensors, key=lambda tensor: len(tensor[1]))
    dropped = [
        large[:dim] + large[dim + 1 :] for dim, size in enumerate(large) if size == 1 and 0 < dim < len(large) - 1
    ]
    fits = any(_fit(shape, small, concat.dim) for shape in dropped)
    made = run.row(concat.failed.operands[more].origin)
    if not fits or rank_changes(run, concat.failed.operands[less]) or (made is not None and made.op == "unsqueeze"):
        return None
    expression = concat.failed.expression(run, more)
    return named_at(run, run.user_frame, expression) if expression.isidentifier() else None


def _unchanged(run: Run, concat: FailedConcat) -> Location | None:
    """Where the operand of the fewest dimensions got its name, when no op took a dimension from it: it never had it."""
    frame = run.user_frame
    label, shape = min(concat.failed.call.tensors, key=lambda tensor: len(tensor[1]))
    fewest = [other for other in concat.shapes if len(other) == len(shape)]
    if frame is None or len(fewest) != 1 or rank_changes(run, concat.failed.operands[label]):
        return None
    expression = concat.failed.expression(run, label)
    named = named_at(run, frame, expression) if expression.isidentifier() else None
    return _within_call(run, named, run.row(concat.failed.operands[label].origin)) or named


def _within_call(run: Run, named: Location | None, made: Row | None) -> Location | None:
    """The line, of a function that gave several things at once, which made the one that got this name."""
    statement = run.sources[named.file].statement(named.line) if named is not None else None
    several = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
    if made is None or not several:
        return None
    for step in range(1, len(run.chain(made))):
        if run.location(made, step) == named:
            return run.location(made, step - 1)
    return None
