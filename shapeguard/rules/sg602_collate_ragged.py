"""SG602 collate-ragged

Samples of unequal shape reach the default collation, which can only stack equal ones.

## What it is

A DataLoader without a collate function of its own stacks the samples of a batch. Each field must have one shape in all of them.

## Why it goes wrong

A crop can only shorten: one clip, image or text smaller than the target stays smaller. The error shows in the collation, often in
a worker, for the one batch that holds the odd sample.

## Example

```python
import torch
from torch.utils.data import DataLoader, Dataset

class Clips(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        clip = torch.arange(20.0) if index else torch.arange(6.0)
        return clip[:10]

for batch in DataLoader(Clips(), batch_size=2):
    pass
```

## Use instead

```python
import torch
from torch.utils.data import DataLoader, Dataset

class Clips(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        clip = torch.arange(20.0) if index else torch.arange(6.0)
        return torch.nn.functional.pad(clip[:10], (0, max(0, 10 - clip.numel())))

for batch in DataLoader(Clips(), batch_size=2):
    pass
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.loading import in_default_collate, loader_built, user_remote_frame
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, LineageStep, Location, Severity

CODE, NAME = "SG602", "collate-ragged"


def check(run: Run) -> Iterator[Finding]:
    """A failure of torch's own collation to stack the samples, here or in a worker."""
    if run.failure is None or run.failure.exception.type != "RuntimeError" or not in_default_collate(run):
        return
    failed = failed_op(run)
    if failed is not None and (failed.clash is None or failed.op not in ("stack", "collate_tensor_fn", "default_collate")):
        return
    location, lineage = _made(run, failed)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(failed),
        location=location or _worker(run) or run.failed_at,
        failed_at=_failed_at(run),
        operands=failed.views(run) if failed is not None else (),
        mismatch=failed.mismatch() if failed is not None else None,
        lineage=lineage,
        fix=Fix("Bring every sample to one shape in the dataset (pad what is too short), or give the DataLoader a collate function that pads."),
    )


def _message(failed: FailedOp | None) -> str:
    sizes = f": {failed.clash.sizes[0]} against {failed.clash.sizes[1]}" if failed is not None and failed.clash is not None else ""
    return f"The samples of a batch do not have one shape{sizes}, and the default collation can only stack equal ones."


def _made(run: Run, failed: FailedOp | None) -> tuple[Location | None, tuple[LineageStep, ...]]:
    """The line of the dataset that gave a sample its odd size."""
    if failed is None or failed.clash is None or failed.clash.dim is None:
        return None, ()
    clash = failed.clash
    for label, dim in ((clash.right, clash.right_dim), (clash.left, clash.left_dim)):
        value = failed.operands.get(label)
        hops = follow(run, value, dim) if value is not None and dim is not None else []
        cuts = [hop for hop in hops if hop.source is not None and hop.row.kind == "op"]
        if cuts:
            changed = next((hop for hop in cuts if hop.changed), cuts[0])
            return run.location(changed.row), steps(run, hops)
    return None, ()


def _worker(run: Run) -> Location | None:
    """From a worker only a text arrives: the statement that built the loader, else the line the text names."""
    remote = user_remote_frame(run)
    return loader_built(run) or (run.place(remote.file, remote.line, remote.function) if remote is not None else None)


def _failed_at(run: Run) -> Location | None:
    """The innermost line of the user's own code, in the worker where it was one."""
    remote = user_remote_frame(run)
    if remote is None:
        return run.failed_at
    return Location(remote.file, remote.line, remote.function, run.sources[remote.file].line(remote.line))
