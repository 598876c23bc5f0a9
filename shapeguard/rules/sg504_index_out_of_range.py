"""SG504 index-out-of-range

An index lies beyond the dimension it points into.

## What it is

``gather``, ``scatter``, embeddings and ``x[i]`` take indices from 0 to size - 1.

## Why it goes wrong

A label that marks "ignore" is used as an index, classes are counted from 1, or a table is smaller than the ids it is asked for.

## Example

```python
import torch

labels = torch.tensor([0, 2, 255])
torch.zeros(3, 3).scatter_(1, labels.unsqueeze(1), 1.0)
```

## Use instead

```python
import torch

labels = torch.tensor([0, 2, 255])
known = torch.where(labels == 255, 0, labels)
torch.zeros(3, 3).scatter_(1, known.unsqueeze(1), 1.0)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.contents import brought_in, made_at
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.kept import kept_operand
from shapeguard.analysis.lookup import of_types
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import clash_finding
from shapeguard.values.findings import Finding, Location, Mismatch

CODE, NAME = "SG504", "index-out-of-range"


def check(run: Run) -> Iterator[Finding]:
    """A failed lookup whose index is known to lie outside."""
    crash = crash_of(run)
    if crash is None or crash.clash.kind != "index" or kept_operand(run, crash.failed) is not None:
        return
    index, size = crash.clash.sizes
    table_stated = crash.suspect.how in ("written", "built", "changed") and not of_types(run)
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` is asked for index {index} of a dimension of {size}: the last one is {size - 1}.",
        crash.suspect,
        "Bring the indices into range before the lookup (map or mask special labels), or make the table as large as the ids.",
        location=None if table_stated else _computed(run, crash),
        mismatch=Mismatch("index", (index + 1, size), crash.clash.dim)
        if "mbedding" in crash.failed.op and index == size
        else None,
    )  # fmt: skip


def _computed(run: Run, crash: Crash) -> Location | None:
    """Where the indices were computed."""
    index = crash.failed.operands.get(crash.clash.left)
    if index is None:
        return None
    return (made_at(run, index) if of_types(run) else None) or brought_in(run, index)
