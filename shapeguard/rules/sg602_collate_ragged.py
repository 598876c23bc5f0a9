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

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.contents import FROM_OUTSIDE, of_call
from shapeguard.analysis.lineage import Hop, follow, steps
from shapeguard.analysis.loading import in_default_collate, loader_built, user_remote_frame
from shapeguard.analysis.overrun import asked_for
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import NamedValue, Row

CODE, NAME = "SG602", "collate-ragged"
_CUTTING = frozenset({"narrow", "pad", "interpolate", "slice"})


class _Odd(NamedTuple):
    """A sample as most are, the odd one, and the first dim in which they differ (None: they differ in their number of dims)."""

    usual: NamedValue
    odd: NamedValue
    dim: int | None

    @property
    def sizes(self) -> tuple[int, int]:
        usual, odd = self.usual.shape or (), self.odd.shape or ()
        return (len(usual), len(odd)) if self.dim is None else (usual[self.dim], odd[self.dim])


def check(run: Run) -> Iterator[Finding]:
    """A failure of torch's own collation to stack the samples, here or in a worker."""
    if run.failure is None or run.failure.exception.type != "RuntimeError" or not in_default_collate(run):
        return
    odd = _odd(run)
    hops = follow(run, odd.odd, odd.dim) if odd is not None and odd.dim is not None else []
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(odd),
        location=_collated_elsewhere(run, odd)
        or _tokenized(run, hops)
        or _made(run, odd, hops)
        or _padded_apart(run, odd)
        or _handed_on(run, hops)
        or (run.birth(odd.odd.origin) if odd is not None else None)
        or _loaded(run)
        or run.failed_at,
        failed_at=_failed_at(run),
        operands=(run.operand(odd.usual), run.operand(odd.odd)) if odd is not None else (),
        mismatch=Mismatch("rank" if odd.dim is None else "dim", odd.sizes, odd.dim) if odd is not None else None,
        lineage=steps(run, hops),
        fix=Fix(
            "Bring every sample to one shape in the dataset (pad what is too short), or give the DataLoader a collate "
            "function that pads."
        ),
    )


def _odd(run: Run) -> _Odd | None:
    """Among the samples that were to be stacked: one as most are, and the first that is not."""
    samples = _samples(run)
    if len({sample.shape for sample in samples}) < 2:
        return None
    common = Counter(sample.shape for sample in samples).most_common(1)[0][0]
    usual = next(sample for sample in samples if sample.shape == common)
    odd = next(sample for sample in samples if sample.shape != common)
    one, other = usual.shape or (), odd.shape or ()
    dims = [dim for dim, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    return _Odd(usual, odd, dims[0] if len(one) == len(other) and dims else None)


def _collated_elsewhere(run: Run, odd: _Odd | None) -> Location | None:
    """Where the loader was built, if another one delivers such samples unstacked: it has the collation that this one lacks."""
    shapes = {odd.usual.shape, odd.odd.shape} if odd is not None else set()
    for row in run.of_kind("loader") if shapes else ():
        if shapes <= {tensor.last for tensor in row.outputs} | {tensor.first for tensor in row.outputs}:
            return _never_delivered(run) or loader_built(run)
    return None


def _never_delivered(run: Run) -> Location | None:
    """Where the one loader was built that has not given a batch yet."""
    delivered = {row.owner for row in run.of_kind("loader")}
    others = [row for row in run.of_kind("construct") if row.op == "DataLoader" and row.id not in delivered]
    return run.location(others[0]) if len(others) == 1 else None


def _padded_apart(run: Run, odd: _Odd | None) -> Location | None:
    """The tokenizer call that padded groups of rows each to their own longest, so that two groups differ by these sizes."""
    lengths: dict[int, set[int]] = {}
    for row in run.of_kind("tokenizer"):
        seen = row.args.get("row_lengths")
        rows = [size for size in seen if isinstance(size, int)] if isinstance(seen, list) else []
        if row.args.get("padding") in (True, "longest") and len(rows) > 1:
            lengths.setdefault(row.chain, set()).add(max(rows))
            if odd is not None and set(odd.sizes) <= lengths[row.chain]:
                return run.location(row)
    return None


def _samples(run: Run) -> list[NamedValue]:
    """The samples as the stacking frame has them, else as the call of ``stack`` was given them."""
    frame = run.inner_frame
    held = [v for v in (frame.locals if frame is not None else ()) if v.expression.startswith("batch[")]
    known = [value for value in held if value.shape is not None]
    row = run.failed_row("concat")
    given = row.inputs if row is not None and row.op == "stack" else ()
    return known or [
        NamedValue(t.label, t.label, t.last, dtype=t.dtype, device=t.device, origin=t.origin)
        for t in given
        if t.label.startswith("tensors")
    ]


def _message(odd: _Odd | None) -> str:
    sizes = f" ({odd.sizes[0]} against {odd.sizes[1]})" if odd is not None else ""
    return f"The samples of a batch do not have one shape{sizes}, and the default collation can only stack equal ones."


def _made(run: Run, odd: _Odd | None, hops: list[Hop]) -> Location | None:
    """The line of the dataset that gave a sample its odd size."""
    ops = _ops(hops)
    cuts = [hop for hop in hops if hop.row.op in _CUTTING or (hop in ops and hop.row.op == "getitem" and _cuts(hop))]
    changed = [
        hop for hop in ops if hop.changed and hop.row.inputs[0].first == hop.row.inputs[0].last
    ]  # others are samples only
    turned = [hop for hop in ops if hop.before is not None and hop.before != hop.after and not _broadcasts(hop)]
    spared = None if cuts or turned else _spared(run, odd, hops)
    if spared is not None:
        return spared
    if odd is not None and odd.dim == 0 and len(odd.odd.shape or ()) > 1 and not cuts and not turned:
        # As many rows as there are boxes in a picture: nothing to cut or to pad in the dataset.
        built = loader_built(run)
        return _failed_at(run) if built is not None and "collate_fn" in built.source else built
    chosen = next(iter(cuts or turned or changed), None)
    if chosen is None:
        return None
    helped = chosen.row.op == "getitem"
    return _computed(run, chosen.row) or (run.helper_call(chosen.row) if helped else None) or run.location(chosen.row)


def _tokenized(run: Run, hops: list[Hop]) -> Location | None:
    """The tokenizer call that left a sample as long as its text, where nothing has changed its length since."""
    made = hops[-1].row if hops else None
    if made is None or any(hop.changed for hop in hops[:-1]):
        return None
    if made.op in FROM_OUTSIDE and not made.inputs:
        return _of_one_text(run, made)
    return run.location(made) if made.kind == "tokenizer" else None


def _of_one_text(run: Run, made: Row) -> Location | None:
    """The tokenizer's call that pads a single text to itself, in the function that made a tensor of its list."""
    calls = run.recording.chains[made.chain].sites[1:]
    for row in run.of_kind("tokenizer"):
        alone = row.args.get("texts", 1) == 1 and row.args.get("padding") in (True, "longest")
        place, ours = run.location(row), run.location(made)
        same = place is not None and ours is not None and place.function == ours.function
        if alone and same and run.recording.chains[row.chain].sites[1:] == calls:
            return place
    return None


def _spared(run: Run, odd: _Odd | None, hops: list[Hop]) -> Location | None:
    """The condition in the sample's function under which it would have been cut or padded, if that never held in this run."""
    row = hops[-1].row if hops else run.row(odd.odd.origin) if odd is not None else None
    place = run.location(row) if row is not None else None
    source = run.sources[place.file] if place is not None else None
    frame = source.function_at(place.line) if source is not None and place is not None else None
    if odd is None or odd.dim != len(odd.odd.shape or ()) - 1 or place is None or frame is None:
        return None
    for node in ast.walk(frame):
        if isinstance(node, ast.If) and not node.orelse and any(map(_sizes, node.body)):
            lines = range(node.body[0].lineno, (node.body[-1].end_lineno or node.body[-1].lineno) + 1)
            entered = any(site.file == place.file and site.line in lines for site in run.recording.sites)
            if not entered:
                return run.place(place.file, node.lineno, place.function)
    return None


def _sizes(statement: ast.stmt) -> bool:
    """Whether a statement slices or pads what it assigns."""
    if not isinstance(statement, ast.Assign):
        return False
    slices = any(isinstance(node, ast.Slice) for node in ast.walk(statement.value))
    called = (call.func for call in ast.walk(statement.value) if isinstance(call, ast.Call))
    names = [func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called]
    return slices or any(sign in name.lower() for name in names for sign in ("pad", "crop", "resize", "interpolate"))


def _handed_on(run: Run, hops: list[Hop]) -> Location | None:
    """Where a sample that has its size from outside of torch was taken over, else where it was handed on last."""
    came = [hop for hop in hops[-1:] if hop.row.op in FROM_OUTSIDE]
    chosen = next(iter(came or _ops(hops)), None)
    return (of_call(run, chosen.row) or run.location(chosen.row)) if chosen is not None else None


def _ops(hops: list[Hop]) -> list[Hop]:
    return [hop for hop in hops if hop.source is not None and hop.row.kind == "op"]


def _cuts(hop: Hop) -> bool:
    """Whether an index takes a slice of the very dim; what picks one entry of another leaves it as it was."""
    return hop.changed or asked_for(hop) is not None


def _broadcasts(hop: Hop) -> bool:
    """Whether a dim only stands at another number because the other operand has more dims."""
    return any(len(tensor.last) > len(hop.source.last if hop.source is not None else ()) for tensor in hop.row.inputs)


def _computed(run: Run, row: Row) -> Location | None:
    """Where the size to which a sample is resized was computed from the sample, in the same function."""
    node = call_of(run.expression(row)) if row.op in ("interpolate", "resize") else None
    size = (
        next((keyword.value for keyword in node.keywords if keyword.arg == "size"), None) if node is not None else None
    )
    sites = run.chain(row)
    for trail in climbs(run.sources, sites, size, whole=True) if isinstance(size, ast.Name) and sites else ():
        made = trail.spots[1] if len(trail.spots) > 1 else None
        if made is not None and made.kind == "assign" and any(sign in made.node_text for sign in "*/"):
            return _told_so(run, row, made) or run.at(made)
    return None


def _told_so(run: Run, row: Row, made: Spot) -> Location | None:
    """Where an object was told what has it compute a size, ``Scale(30)``, if it would take another one as it is told."""
    function, sites = run.sources[made.file].function_at(made.line), run.chain(row)
    for node in ast.walk(function) if function is not None else ():
        if not isinstance(node, ast.If) or not node.orelse or not node.lineno < made.line < node.orelse[0].lineno:
            continue
        asked = [part for part in ast.walk(node.test) if isinstance(part, ast.Attribute)]
        for trail in climbs(run.sources, sites, asked[0], whole=True) if asked else ():
            told = [spot for spot in trail.spots if spot.kind == "argument"]
            if told:
                return run.at(told[-1])
    return None


def _loaded(run: Run) -> Location | None:
    """Where nothing is known of the samples: the statement that built the loader, else the line a worker's text names."""
    remote = user_remote_frame(run)
    return loader_built(run) or (run.at(remote) if remote is not None else None)


def _failed_at(run: Run) -> Location | None:
    """The innermost line of the user's own code, in the worker where it was one."""
    remote = user_remote_frame(run)
    if remote is None:
        return run.failed_at
    return Location(remote.file, remote.line, remote.function, run.sources[remote.file].line(remote.line))
