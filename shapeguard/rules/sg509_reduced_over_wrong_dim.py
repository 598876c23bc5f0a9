"""SG509 reduced-over-wrong-dim

A softmax runs along the batch or query dim, and what is then summed or chosen along is another.

## What it is

Attention weights must sum to one over the keys, probabilities over the classes. Along another dim rows compete with each other:
each answer depends on its neighbours in the batch, and a batch of one row gives weight 1 to everything.

## Why it goes wrong

``dim=0`` or ``dim=1`` is right until a view or a batch dim moves the meaning of the dims. Every shape is as expected and the
training runs. ``F.normalize`` and ``F.cosine_similarity`` go along dim 1 unless told otherwise: of (batch, tokens, features) that
is the tokens. A ``mean()`` without a dim is that of the whole batch. A product along a dim that was expanded from one entry only adds
up what it meets there: angles of ``inv_freq.expand(-1, rows) @ positions`` are those of all rows together.

## Example

```python
import torch

torch.manual_seed(0)
query, context = torch.randn(3, 1, 8).tanh(), torch.randn(3, 5, 8).tanh()
scores = torch.bmm(query, context.transpose(1, 2))
weights = torch.softmax(scores, dim=0)
mixed = torch.bmm(weights, context)
```

## Use instead

```python
import torch

torch.manual_seed(0)
query, context = torch.randn(3, 1, 8).tanh(), torch.randn(3, 5, 8).tanh()
scores = torch.bmm(query, context.transpose(1, 2))
weights = torch.softmax(scores, dim=-1)
mixed = torch.bmm(weights, context)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.batchwise import (
    less_the_mean_of_all,
    normalised_over_rows,
    over_requests,
    spread_cosines,
    summed_over_expanded,
)
from shapeguard.analysis.channels_second import chosen_places
from shapeguard.analysis.crash import crash_of
from shapeguard.analysis.normalised import (
    Wrong,
    argmax_of_all,
    last_softmax,
    over_one,
    picked_apart,
    summed_across,
    wrongly_normalised,
)
from shapeguard.analysis.run import Run
from shapeguard.analysis.unit_norms import PartialNorm, normalized_places, partial_norms
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Location, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG509", "reduced-over-wrong-dim"


def check(run: Run) -> Iterator[Finding]:
    """Softmaxes whose use shows that another dim was meant, and those over a dim that has one entry only."""
    findings = [_wrong(run, found) for found in (*wrongly_normalised(run), *picked_apart(run))]
    findings += [_one(run, row, dim) for row, dim in over_one(run)]
    findings += [_partial(run, found) for found in partial_norms(run)]
    findings += [_places(run, row) for row in normalized_places(run)]
    findings += [_of_all(run, row) for row in argmax_of_all(run)]
    findings += [_of_requests(run, row) for row in over_requests(run)]
    findings += [_of_places(run, *chosen) for chosen in chosen_places(run)]
    findings += [_over_rows(run, row) for row in normalised_over_rows(run)]
    findings += [_spread(run, row) for row in spread_cosines(run)]
    findings += [_mean_of_all(run, row) for row in less_the_mean_of_all(run)]
    findings += [_across(run, row, product) for row, product in summed_across(run)]
    findings += [_added_up(run, *found) for found in summed_over_expanded(run)]
    yield from once(findings)


def _added_up(run: Run, product: Row, expanded: Row) -> Finding:
    before, after = expanded.inputs[0].last, expanded.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{product.op}` sums along the dim to which line {(run.location(expanded) or Location('', 0)).line} expanded {format_shape(before)}, "
        f"now {format_shape(after)}: all entries there are the same, so that the other operand's are only added up, those of different "
        "rows among them.",
        location=run.location(product),
        operands=tuple(run.tensor(tensor) for tensor in product.inputs),
        fix=Fix("Keep the rows apart: give both a dim for the batch in front, (rows, n, 1) and (rows, 1, length)."),
    )


def _across(run: Run, row: Row, product: Row) -> Finding:
    shape = row.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The weights {format_shape(shape)} sum to one over the keys, the last dim, where the padded ones are hidden; this `{product.op}` "
        "sums over the queries, the padded ones among them.",
        location=run.location(product),
        operands=tuple(run.tensor(tensor) for tensor in product.inputs),
        fix=Fix("Sum over the keys: `weights @ values`, or `values @ weights.mT` where the values have theirs last."),
    )


def _of_places(run: Run, row: Row, dim: int) -> Finding:
    shape = row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`argmax` of {format_shape(shape)} runs along dim {dim}, the places of a convolution's output: of the {shape[1]} channels, "
        "the classes, none is chosen.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix("Choose among the channels: `argmax(dim=1)`."),
    )


def _over_rows(run: Run, row: Row) -> Finding:
    shape = row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`normalize` of {format_shape(shape)} runs over the {shape[0]} rows, and the rows are then compared with each other: their "
        "own norms stay what they were.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0], "", ("batch", "features")),),
        fix=Fix("Give each row the norm 1: `F.normalize(z, dim=-1)`."),
    )


def _spread(run: Run, row: Row) -> Finding:
    one, other = (tensor.last for tensor in row.inputs[:2])
    dim = row.args.get("dim", 1)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`cosine_similarity` of {format_shape(one)} and {format_shape(other)} runs along dim {dim}, in which one of them has a "
        "single place and is repeated: the features are not summed.",
        location=run.location(row),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs[:2]),
        fix=Fix("Compare along the features: `dim=-1`."),
    )


def _of_requests(run: Run, row: Row) -> Finding:
    shape = row.inputs[0].first
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{row.op}` of {format_shape(shape)} sums to one over the {shape[0]} rows of the batch, and not over the {shape[1]} classes "
        "of each: what a row is given depends on its neighbours.",
        location=_where(run, row),
        operands=(run.tensor(row.inputs[0], "", ("batch", "classes")),),
        fix=Fix("Normalise each row over its classes: `dim=-1`."),
    )


def _mean_of_all(run: Run, row: Row) -> Finding:
    shape = row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{run.expression(row) or row.op}` is the mean of all of {format_shape(shape)}, rows and columns: each row is less the mean "
        "of the whole batch, and its values depend on its neighbours.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix("Take the mean of each row: `.mean(dim=1, keepdim=True)`."),
    )


def _wrong(run: Run, found: Wrong) -> Finding:
    last = last_softmax(run, found.row)
    shape = found.row.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if found.sure else Severity.WARNING,
        f"`{(last or found.row).op}` of {format_shape(shape)} sums to one along dim {found.dim} (size {shape[found.dim]}), and "
        f"`{found.use.op}` then goes along dim {found.needed} (size {shape[found.needed]}).",
        location=_where(run, found.row),
        operands=() if last is not None else (run.tensor(found.row.inputs[0]),),
        fix=Fix(
            f"Choose along the dim that sums to one: dim {found.dim - len(shape)}."
            if _met_by(run, found)
            else f"Normalise along the dim that is summed or chosen along: dim {found.needed - len(shape)}."
        ),
    )


def _met_by(run: Run, found: Wrong) -> bool:
    """Whether the choice is what then failed beside a tensor of the shape that the other choice would have had: the labels."""
    crash = crash_of(run)
    shape = found.row.outputs[0].last
    wanted = shape[: found.dim] + shape[found.dim + 1 :]
    if crash is None or found.use.op != "argmax":
        return False
    origins = [getattr(value, "origin", None) for value in crash.failed.operands.values()]
    return found.use.id in origins and wanted in [given for _, given in crash.failed.call.tensors]


def _one(run: Run, row: Row, dim: int) -> Finding:
    last = last_softmax(run, row)
    shape = (row.outputs if last is not None else row.inputs)[0].last
    places = next((d for d in range(len(shape) - 1, 0, -1) if d != dim and shape[d] > 1), None)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{(last or row).op}` of {format_shape(shape)} runs along dim {dim}, which has one entry: the result is the same whatever "
        "goes in.",
        location=_where(run, row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(
            "With one output use a sigmoid (and its loss), or give the layer one output for each class."
            if places is None
            else f"To weigh the {shape[places]} places of dim {places} against one another, normalise along that."
        ),
    )


def _partial(run: Run, found: PartialNorm) -> Finding:
    shape = found.row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{found.row.op}` of {format_shape(shape)} gives {format_shape(found.row.outputs[0].last)}, a norm for every place in "
        f"dim {', '.join(map(str, found.left))} of each sample, and each is pulled towards 1.",
        location=run.location(found.row),
        operands=(run.tensor(found.row.inputs[0]),),
        fix=Fix("For one norm a sample, flatten each sample first: `gradients.flatten(1).norm(2, dim=1)`."),
    )


def _of_all(run: Run, row: Row) -> Finding:
    shape = row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`argmax` of {format_shape(shape)} without a dim gives one place among all {shape[0] * shape[1]} entries, and that is "
        f"compared with a number for each of {shape[0]} rows.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix("Choose in each row: `argmax(dim=1)`."),
    )


def _places(run: Run, row: Row) -> Finding:
    shape = row.inputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{row.op}` of {format_shape(shape)} runs along dim 1; the features, as the layer before gave "
        f"them, stand in the last dim ({shape[-1]}). Each feature is taken across the {shape[1]} places.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(f"Take the features: `F.{row.op}(..., dim=-1)`."),
    )


def _where(run: Run, row: Row) -> Location | None:
    """The line that chose the dim: of a softmax layer the one that built it."""
    built = last_softmax(run, row) or (run.row(row.owner) if row.kind == "module" else None)
    return (run.location(built) if built is not None and built.kind == "construct" else None) or run.location(row)
