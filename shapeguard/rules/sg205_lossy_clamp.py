"""SG205 lossy-clamp

Code that makes things fit by leaving some of them out: samples, rows or positions fall away without a word.

## What it is

``zip`` ends with the shorter of two loaders; a slice to ``min(a, b)`` keeps the first rows of the larger side. What is left out
takes no part, and where the first rows are not the right ones the rest is paired wrongly. ``shapeguard.safe_cat`` with
``on_mismatch="clamp"`` does the same, but tells what it cut: by a warning, and here.

## Why it goes wrong

It silences an error, or never raised one. Whether anything was lost is seen only by counting.

## Example

```python
import torch
from torch.utils.data import DataLoader, TensorDataset

labelled = DataLoader(TensorDataset(torch.randn(12, 4), torch.randn(12)), batch_size=2)
unlabelled = DataLoader(TensorDataset(torch.randn(6, 4)), batch_size=3)
for (inputs, targets), (extra,) in zip(labelled, unlabelled):
    total = inputs.sum() + extra.sum()
```

## Use instead

```python
from itertools import cycle

import torch
from torch.utils.data import DataLoader, TensorDataset

labelled = DataLoader(TensorDataset(torch.randn(12, 4), torch.randn(12)), batch_size=2)
unlabelled = DataLoader(TensorDataset(torch.randn(6, 4)), batch_size=3)
for (inputs, targets), (extra,) in zip(labelled, cycle(unlabelled)):
    total = inputs.sum() + extra.sum()
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.left_behind import LeftBehind, left_behind
from shapeguard.analysis.lossy import (
    Cut,
    Zipped,
    clamped,
    cut_on_request,
    cut_to_shortest,
    multiples,
    zipped_loaders,
    zipped_rows,
)
from shapeguard.analysis.run import CACHE_DIMS, Run
from shapeguard.analysis.window import newest_cut
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Mismatch, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG205", "lossy-clamp"


def check(run: Run) -> Iterator[Finding]:
    """Loaders of unequal length under one ``zip``, slices to the smaller of two sizes, and joins told to clamp."""
    for zipped in zipped_loaders(run):
        yield _zipped(zipped)
    for longer, shorter in zipped_rows(run):
        yield _rows_zipped(run, longer, shorter)
    yield from once(_left_behind(found) for found in left_behind(run))
    yield from once(_newest(run, cut) for cut in newest_cut(run))
    told: set[int] = set()
    for cut in (*clamped(run), *cut_to_shortest(run)):
        if cut.row.chain not in told:
            told.add(cut.row.chain)
            yield _cut(run, cut)
    for cut in multiples(run):
        if cut.row.chain not in told:
            told.add(cut.row.chain)
            yield _multiple(run, cut)
    for cuts in cut_on_request(run):
        if cuts[0].row.chain not in told:
            told.add(cuts[0].row.chain)
            yield _on_request(run, cuts)


def _newest(run: Run, cut: Row) -> Finding:
    before, kept = cut.inputs[0].last[2], cut.outputs[0].last[2]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"Each step puts its keys behind the {kept} that are cached, and this slice keeps the first {kept} of {before}: it is the token "
        "just read that goes, every time, and the oldest ones that stay.",
        location=run.location(cut),
        operands=(run.tensor(cut.inputs[0], "", CACHE_DIMS),),
        mismatch=Mismatch("dim", (before, kept), 2),
        fix=Fix("Keep the last ones: `keys[:, :, -size:]`, and the values alike."),
    )


def _left_behind(found: LeftBehind) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"The loader leaves the last {found.lost} of {found.samples} samples out (`drop_last=True`), and what runs over it takes no "
        "gradients: an evaluation or a prediction misses them.",
        location=found.location,
        mismatch=Mismatch("count", (found.samples, found.samples - found.lost)),
        fix=Fix("Keep `drop_last=True` for training alone; `zip(..., strict=True)` would say when rows are missing."),
    )


def _multiple(run: Run, cut: Cut) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.NOTE,
        f"Of {cut.size} rows {cut.size - cut.kept} are left out, so that the rest divides evenly: they take no part.",
        location=run.location(cut.row),
        operands=(run.tensor(cut.row.inputs[0]),),
        mismatch=Mismatch("divides", (cut.size, cut.kept), cut.dim),
        fix=Fix(
            "For an evaluation let the parts differ by one (`order[rank::ranks]`), so that every row is counted once."
        ),
    )


def _zipped(found: Zipped) -> Finding:
    of = f"{found.shorter} of {found.batches} batches" if found.batches is not None else f"{found.shorter} batches"
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`zip` ends with the shorter loader: {of} of the longer one were used in a pass, the rest takes no part.",
        location=found.location,
        mismatch=Mismatch("count", (found.batches, found.shorter)) if found.batches is not None else None,
        fix=Fix(
            "Cycle the shorter loader (`itertools.cycle`, or restart it when it ends), or loop over the longer one."
        ),
    )


def _rows_zipped(run: Run, longer: Row, shorter: Row) -> Finding:
    rows, kept = longer.inputs[0].last[0], shorter.inputs[0].last[0]
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`zip` ends with the shorter tensor: {kept} rows are paired, the last {rows - kept} of {rows} take no part.",
        location=run.location(longer),
        operands=(run.tensor(longer.inputs[0]), run.tensor(shorter.inputs[0])),
        mismatch=Mismatch("count", (rows, kept), 0),
        fix=Fix(
            "Find out why one side has more rows; `zip(..., strict=True)` (Python 3.10 and later) refuses unequal sides."
        ),
    )


def _cut(run: Run, cut: Cut) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"The slice keeps {cut.kept} of {cut.size} in dim {cut.dim}, the smaller of two sizes: the rest is dropped without a word.",
        location=run.location(cut.row),
        operands=(run.tensor(cut.tensor),),
        mismatch=Mismatch("dim", (cut.size, cut.kept), cut.dim),
        fix=Fix(
            "Find out why the two sizes differ and mend that; choose the entries that belong together by index, not the first ones."
        ),
    )


def _on_request(run: Run, cuts: list[Cut]) -> Finding:
    row, first = cuts[0].row, cuts[0]
    times = f" ({row.count} calls)" if row.count > 1 else ""
    kept = ", ".join(f"{cut.kept} of {cut.size} of {cut.tensor.label} in dim {cut.dim}" for cut in cuts)
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`safe_{row.op}` was told to clamp and kept the first {kept}{times}; the rest takes no part in the result.",
        location=run.location(row),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        mismatch=Mismatch("dim", (first.size, first.kept), first.dim),
        fix=Fix(
            'Find out where the two sizes part and mend that; `on_mismatch="pad"` keeps everything, `max_cut` sets a limit.'
        ),
    )
