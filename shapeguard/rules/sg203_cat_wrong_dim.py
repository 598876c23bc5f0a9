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

from shapeguard.analysis.concat import failed_concat, is_batch_dim
from shapeguard.analysis.run import Run
from shapeguard.rules.concat_finding import concat_finding
from shapeguard.values.findings import Finding, Fix

CODE, NAME = "SG203", "cat-wrong-dim"


def check(run: Run) -> Iterator[Finding]:
    """A failed concatenation of operands that differ in one other dimension only, and agree along the joined one."""
    concat = failed_concat(run)
    if concat is None or is_batch_dim(concat) or (along := concat.fits_along) is None:
        return
    left, right = concat.clash.sizes
    yield concat_finding(
        run, concat, CODE, NAME,
        f"`{concat.failed.op}` joins along dim {concat.dim}, where all operands are equal; "
        f"they differ in dim {along} ({left} against {right}) and would fit along it.",
        None,
        Fix(f"Join along dim {along}: `dim={along}`."),
    )  # fmt: skip
