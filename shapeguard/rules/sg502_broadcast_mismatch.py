"""SG502 broadcast-mismatch

Operands of an elementwise operation do not broadcast.

## What it is

Aligned from the right, each pair of sizes must be equal, or one of them 1.

## Why it goes wrong

One operand was made for another size: another vocabulary, width, batch or length.

## Example

```python
import torch

scores = torch.linspace(-1, 1, 128).reshape(2, 64)
bias = torch.zeros(2, 64)[:, scores[1] > 0.5]
scores + bias
```

## Use instead

```python
import torch

scores = torch.linspace(-1, 1, 128).reshape(2, 64)
bias = torch.zeros(2, 64)
scores + bias
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.crash import crash_of
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import both_sizes, clash_finding, operands_text
from shapeguard.values.findings import Finding

CODE, NAME = "SG502", "broadcast-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed elementwise operation, or a batch dimension of a product, whose sizes neither agree nor are 1."""
    crash = crash_of(run)
    if crash is None or crash.frozen is not None or crash.clash.kind != "dim":
        return
    batched = crash.family in ("matmul", "einsum") and crash.clash.role != "inner"
    if crash.family not in ("broadcast", "subscript") and not batched:
        return
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: {both_sizes(crash.clash)} in dim {crash.clash.dim}.",
        crash.suspect,
        "Make the odd operand with the size of the other, where it is made; cutting or repeating it here hides the mistake.",
    )  # fmt: skip
