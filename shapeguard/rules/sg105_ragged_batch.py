"""SG105 ragged-batch

Rows of unequal length are put into one tensor without padding.

## What it is

A tensor is rectangular. Texts, label lists and clips of different lengths fit into one only after the short ones are filled up,
and every field of a batch must be filled up: ids, mask and labels alike.

## Why it goes wrong

One row alone works, and so does a batch of rows that happen to be equally long. A tokenizer pads only its own fields, and only
when asked to; labels and other lists beside them are left as they are.

## Example

```python
import torch

rows = [[5, 6, 7], [8, 9]]
torch.tensor(rows)
```

## Use instead

```python
import torch
from torch.nn.utils.rnn import pad_sequence

rows = [[5, 6, 7], [8, 9]]
pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=0)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.ragged import KEPT_RESET, ONE_BY_ONE, Ragged, ragged
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Mismatch, Severity

CODE, NAME = "SG105", "ragged-batch"


def check(run: Run) -> Iterator[Finding]:
    """A failure to make one tensor of rows of unequal length."""
    found = ragged(run)
    if found is None:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(found),
        location=found.location or run.failed_at,
        failed_at=run.failed_at,
        operands=found.failed.views(run) if found.failed is not None else (),
        mismatch=Mismatch("dim", found.lengths) if found.lengths is not None else None,
        fix=_fix(found),
    )


def _message(found: Ragged) -> str:
    lengths = f" (of length {found.lengths[0]} and {found.lengths[1]})" if found.lengths is not None else ""
    if found.padded:
        return (
            f"The ids are padded, but the {found.what} of another field{lengths} are not, and cannot become one tensor."
        )
    if found.what == KEPT_RESET:
        return f"The {found.what}{lengths} cannot become one tensor: `reset` gives (observation, info), and the pair was kept."
    return f"The {found.what}{lengths} cannot become one tensor: nothing pads them."


def _fix(found: Ragged) -> Fix:
    if found.padded:
        return Fix(
            "Use a collator that pads this field, too (for labels with -100), or pad it before the batch is made."
        )
    if found.what == KEPT_RESET:
        return Fix("Unpack both: `state, info = env.reset()`.")
    if found.what == ONE_BY_ONE:
        return Fix("Give the tokenizer all texts in one call, with `padding=True`, and use its attention mask.")
    return Fix(
        "Pad the rows to one length (`padding=True`, or `pad_sequence`) and keep the mask that tells padding from data."
    )
