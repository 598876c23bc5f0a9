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

from collections.abc import Iterator

from shapeguard.analysis.concat import FailedConcat, Odd, failed_concat
from shapeguard.analysis.ranks import rank_changes
from shapeguard.analysis.run import Run
from shapeguard.rules.concat_finding import concat_finding
from shapeguard.values.findings import Finding, Fix
from shapeguard.values.recording import TensorArg

CODE, NAME = "SG204", "cat-rank-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation of operands of different rank."""
    concat = failed_concat(run)
    if concat is None or concat.clash.kind != "rank":
        return
    odd = _odd_rank(run, concat)
    ranks = ", ".join(str(len(shape)) for shape in concat.shapes)
    yield concat_finding(
        run, concat, CODE, NAME,
        f"`{concat.failed.op}` is given operands of {ranks} dimensions.",
        odd,
        Fix("Name the dim that is dropped (`squeeze(dim)`), keep it (`keepdim=True`), or put it back (`unsqueeze(dim)`)."),
    )  # fmt: skip


def _odd_rank(run: Run, concat: FailedConcat) -> Odd | None:
    """The operand in whose past a dimension was dropped or added: the event that did it."""
    lives = {label: rank_changes(run, value) for label, value in concat.others if isinstance(value, TensorArg)}
    lives |= {label: rank_changes(run, value) for label, value in concat.others if not isinstance(value, TensorArg)}
    ranks = [len(shape) for shape in concat.shapes]
    told = [(label, hops) for label, hops in lives.items() if hops]
    lower = [item for item in told if _rank(concat, item[0]) == min(ranks)]
    return Odd(*(lower or told)[0]) if told else None


def _rank(concat: FailedConcat, label: str) -> int:
    return next(len(shape) for name, shape in concat.failed.call.tensors if name == label)
