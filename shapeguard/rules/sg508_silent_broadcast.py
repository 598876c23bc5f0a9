"""SG508 silent-broadcast

A column (N, 1) meets a vector (N,): the result is (N, N), every entry with every other, and nobody meant that.

## What it is

Broadcasting lines up the last dims. (N, 1) and (N,) do not meet entry by entry: the vector becomes a row, and N numbers become
N * N.

## Why it goes wrong

A network with one output answers (N, 1), a dataset gives (N,), a sum loses its dim. No size is wrong, so nothing is raised, and
the mean over all pairs looks like any other number: the accuracy is that of guessing, the loss pulls everything to the mean.

## Example

```python
import torch

torch.manual_seed(0)
scores = torch.nn.Linear(4, 1)(torch.randn(8, 4))
wanted = torch.randn(8)
loss = (scores - wanted).pow(2).mean()
```

## Use instead

```python
import torch

torch.manual_seed(0)
scores = torch.nn.Linear(4, 1)(torch.randn(8, 4)).squeeze(1)
wanted = torch.randn(8)
loss = (scores - wanted).pow(2).mean()
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.columns import (
    Meeting,
    bare,
    explicit_column,
    labels_of_all,
    meetings,
    needless_axis,
    spread_values,
)
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.run import Run
from shapeguard.analysis.spread import spread_targets
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG508", "silent-broadcast"


def check(run: Run) -> Iterator[Finding]:
    """Elementwise ops of a column with a vector whose table of pairs is then reduced; each column is told once."""
    told: set[int | None] = set()
    for meeting in sorted(meetings(run), key=lambda found: found.row.first_at):
        if meeting.column.origin not in told:
            told.add(meeting.column.origin)
            yield _finding(run, meeting)
    for row, one, many in spread_values(run):
        yield _spread(run, row, one, many)
    yield from once(_spread_over(run, *found) for found in spread_targets(run))
    yield from once(_looked_up(run, row) for row in labels_of_all(run))
    yield from once(_scored(run, row) for row in run.of_kind("op") if _scores_all(run, row))
    yield from once(_along_last(run, row, values) for row, values in _taken_for_rows(run))


def _spread_over(run: Run, loss: Row, made: Row) -> Finding:
    rows, columns = made.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{run.expression(made) or made.op}` spreads one value a row, ({rows}, 1), over {columns} columns; line "
        f"{(run.location(loss) or Location('', 0)).line} compares one prediction a row with all of them.",
        location=run.location(made),
        operands=tuple(run.tensor(tensor) for tensor in made.inputs),
        mismatch=Mismatch("dim", (1, columns), 1),
        fix=Fix(
            f"Bring the ({rows}, {columns}) to one value a row first: `.sum(dim=1, keepdim=True)` of log-probabilities, say."
        ),
    )


def _looked_up(run: Run, row: Row) -> Finding:
    """``p[:, y]`` where ``p[arange(len(y)), y]`` was meant: sure where there are more labels than columns to choose from."""
    table, labels = row.inputs
    rows, columns = table.last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if rows > columns else Severity.WARNING,
        f"`{run.expression(row) or 'getitem'}` looks up the labels of all {rows} rows in every row, ({rows}, {rows}), and one number is made "
        "of that: each row has one label.",
        location=run.location(row),
        operands=(run.tensor(table), run.tensor(labels)),
        mismatch=Mismatch("dim", (rows, 1), 1),
        fix=Fix("Take one entry a row: `p[torch.arange(len(y)), y]`, or `p.gather(1, y[:, None])`."),
    )


def _scores_all(run: Run, row: Row) -> bool:
    """Whether a distribution of one row each was asked about a column of outcomes: it scores every outcome in every row."""
    if row.op != "broadcast_tensors" or row.error or len(row.inputs) != 2 or ".log_prob(" not in run.expression(row):
        return False
    outcomes, logits = (tensor.last for tensor in row.inputs)
    return len(logits) == 2 and outcomes == (logits[0], 1, 1) and logits[0] > 1


def _scored(run: Run, row: Row) -> Finding:
    rows = row.inputs[1].last[0]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{run.expression(row)}`: the distribution has {rows} rows and is asked about a column ({rows}, 1): the answer is "
        f"({rows}, {rows}), every outcome scored in every row.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[1]),),
        mismatch=Mismatch("dim", (rows, 1), 1),
        fix=Fix("Ask about one outcome a row, (rows,): `actions.squeeze(1)`."),
    )


def _taken_for_rows(run: Run) -> Iterator[tuple[Row, TensorArg]]:
    """Numbers that were looked up for each row, (batch,), and met (batch, channels, height, width) along the width, which is as long."""
    for row in run.of_kind("op"):
        if row.op not in ("mul", "add", "sub", "div", "truediv") or row.error or len(row.inputs) != 2:
            continue
        for values, wide in (row.inputs, row.inputs[::-1]):
            made = run.row(values.origin)
            looked_up = made is not None and made.op in ("getitem", "gather", "index_select") and len(made.inputs) == 2
            rows = len(values.last) == 1 < len(wide.last) - 1 and values.last[0] == wide.last[0] == wide.last[-1] > 1
            if rows and looked_up and made is not None and made.inputs[1].last == values.last:
                yield row, values


def _along_last(run: Run, row: Row, values: TensorArg) -> Finding:
    size = values.last[0]
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{run.expression(row) or row.op}`: {size} numbers, looked up one for a row, are laid along the last dim, which has {size} "
        "places by chance; with another size this line fails.",
        location=run.location(row),
        operands=(run.tensor(values),),
        mismatch=Mismatch("dim", (size, size), None),
        fix=Fix(
            "Give them the axes that follow the rows: `values[:, None, None, None]` beside (batch, channels, height, width)."
        ),
    )


def _table_made(run: Run, found: Meeting) -> Location | None:
    """Where rows and rows first made the table."""
    behind = [row for row in ancestors(run, found.column) if row.outputs and row.outputs[0].last == found.column.last]
    first = next((row for row in behind if all(t.last != found.column.last for t in row.inputs)), None)
    return run.location(first) if first is not None else None


def _finding(run: Run, found: Meeting) -> Finding:
    vector, column = bare(found.vector.last), bare(found.column.last)
    size, rest, at = vector[0], vector[1:], len(found.column.last) - len(column) + 1
    made = found.row.outputs[0].last
    needless = needless_axis(run, found)
    pooled = len(column) == 2 * len(vector) > 2
    crash = found.ends_in == "crash"
    sure = crash or (found.ends_in == "number" and (needless is not None or not explicit_column(run, found.column)))
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if sure else Severity.WARNING,
        f"`{run.expression(found.row) or found.row.op}`: {format_shape(found.column.last)} with {format_shape(found.vector.last)} "
        f"gives {format_shape(made)}, every {'row' if rest else 'entry'} with every other, and that is then "
        + ("used" if crash else "reduced")
        + " as if it were one value a row.",
        location=(_table_made(run, found) if column[1] > 1 and not pooled else None)
        or (run.helper_call(found.row) if pooled else None)
        or run.location(needless if needless is not None else found.row),
        failed_at=run.failed_at if crash else None,
        operands=(run.tensor(found.column), run.tensor(found.vector)),
        mismatch=Mismatch("dim", (column[1], size), at),
        lineage=steps(run, follow(run, found.column, at)),
        fix=Fix(
            f"Drop the dims of one place: `.flatten(1)` makes {format_shape(vector)} of it."
            if pooled
            else f"Give both one shape: squeeze the column's last dim (`.squeeze({at})`), or unsqueeze the vector (`.unsqueeze({at})`)."
            if column[1] == 1
            else f"Make one value a row where the table {format_shape(found.column.last)} was made: for products of rows with rows, "
            "`(a * b).sum(1)`."
        ),
    )


def _spread(run: Run, row: Row, one: TensorArg, many: TensorArg) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{run.expression(row) or row.op}` writes a tensor of one entry into all {many.last[0]} places, where this statement "
        "otherwise has one for each.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]), run.tensor(one)),
        mismatch=Mismatch("dim", (many.last[0], 1), 0),
        fix=Fix("Give one entry for each place: `scores[:, 0]` where `scores[0]` took the first row only."),
    )
