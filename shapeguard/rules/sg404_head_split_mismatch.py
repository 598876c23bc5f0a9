"""SG404 head-split-mismatch

The features do not split into heads: hidden size is not heads times head_dim.

## What it is

Attention views (batch, length, features) as (batch, length, heads, head_dim). That works only if features = heads * head_dim,
for queries with the query heads and for keys and values with theirs.

## Why it goes wrong

The number of heads does not divide the width, and ``width // heads`` rounds down without a word; a fused projection is cut into
equal parts although queries have more heads; heads were pruned or changed and the module still counts the old ones.

## Example

```python
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.query = nn.Linear(width, width)

    def forward(self, x):
        batch, length, _ = x.shape
        return self.query(x).view(batch, length, self.heads, self.head_dim).transpose(1, 2)


Attention(width=32, heads=5)(torch.randn(2, 7, 32))
```

## Use instead

```python
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.query = nn.Linear(width, width)

    def forward(self, x):
        batch, length, _ = x.shape
        return self.query(x).view(batch, length, self.heads, self.head_dim).transpose(1, 2)


Attention(width=32, heads=4)(torch.randn(2, 7, 32))
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.head_split import HeadMerge, HeadSplit, failed_merge, failed_split, refused_heads
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity

CODE, NAME = "SG404", "head-split-mismatch"
_FIX = (
    "Let heads times head_dim be the number of features: choose heads that divide the width, cut a fused projection by the "
    "sizes of queries, keys and values, and change the count of heads with the projections."
)


def check(run: Run) -> Iterator[Finding]:
    """A view of features as heads that failed, or a layer that refused its number of heads."""
    split = failed_split(run)
    if split is not None:
        yield _of_split(run, split)
        return
    merge = failed_merge(run)
    if merge is not None:
        yield _of_merge(run, merge)
        return
    refused = refused_heads(run)
    if refused is not None:
        width, heads, where = refused
        sizes = f"{width} features do not split into {heads} heads."
        yield _finding(run, sizes, where, Mismatch("divides", (width, heads)))


def _of_split(run: Run, split: HeadSplit) -> Finding:
    wanted = split.heads * split.head_dim
    if split.rounded:
        text = (
            f"{split.width} features do not split into {split.heads} heads: {split.width} // {split.heads} is {split.head_dim}, "
            f"and {split.heads} * {split.head_dim} is {wanted}."
        )
        return _finding(run, text, split.location, Mismatch("divides", (split.width, split.heads)), split)
    text = f"{split.heads} heads of {split.head_dim} are {wanted} features, but there are {split.width}"
    helper = run.helper_call(split.failed.row) if split.failed.row is not None else None
    if split.heads_there is not None and (split.wrong_call is not None or split.location in (run.failed_at, helper)):
        text += f", as many as {split.heads_there} heads have."
        return _finding(
            run, text, split.location, Mismatch("dim", (split.heads, split.heads_there), len(split.source) - 1), split
        )
    return _finding(run, text + ".", split.location, Mismatch("numel", (wanted, split.width)), split)


def _of_merge(run: Run, merge: HeadMerge) -> Finding:
    features = merge.heads * merge.head_dim
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{merge.heads} heads of {merge.head_dim} are {features} features, and this line folds them into {merge.width}.",
        location=run.location(merge.row) or run.failed_at,
        failed_at=run.failed_at,
        operands=merge.failed.views(run),
        mismatch=Mismatch("dim", (merge.width, features), len(merge.failed.call.tensors[0][1]) - 2),
        fix=Fix(
            "Fold them into heads * head_dim features (`.flatten(2)` or `reshape(batch, length, -1)`): a model's width may be another "
            "number, which the output projection comes back to."
        ),
    )


def _finding(
    run: Run, text: str, where: Location | None, mismatch: Mismatch, split: HeadSplit | None = None
) -> Finding:
    source = split.failed.operands.get("input") if split is not None else None
    hops = follow(run, source, len(split.source) - 1) if split is not None and source is not None else []
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        text,
        location=where or run.failed_at,
        failed_at=run.failed_at,
        operands=split.failed.views(run) if split is not None else (),
        mismatch=mismatch,
        lineage=steps(run, hops),
        fix=Fix(_FIX),
    )
