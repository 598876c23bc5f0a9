"""SG106 sequence-too-long

A sequence has more positions than the model's table, causal buffer or context.

## What it is

Learned position embeddings and causal buffers have a fixed number of rows. A sequence with one more finds no row for its last
position, or a slice of the buffer comes out shorter than was asked for.

## Why it goes wrong

Short prompts work. Then one prompt is not cut, or a generation loop feeds the ever longer sequence without cropping it to the
context. Some models also count positions from an offset, so that a table must be larger than the longest sequence.

## Example

```python
import torch
from torch import nn

CONTEXT = 8
embed, position, head = nn.Embedding(20, 16), nn.Embedding(CONTEXT, 16), nn.Linear(16, 20)

def model(ids):
    return head(embed(ids) + position(torch.arange(ids.size(1))))

ids = torch.randint(0, 20, (1, 6))
for _ in range(5):
    logits = model(ids)
    ids = torch.cat([ids, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
```

## Use instead

```python
import torch
from torch import nn

CONTEXT = 8
embed, position, head = nn.Embedding(20, 16), nn.Embedding(CONTEXT, 16), nn.Linear(16, 20)

def model(ids):
    return head(embed(ids) + position(torch.arange(ids.size(1))))

ids = torch.randint(0, 20, (1, 6))
for _ in range(5):
    logits = model(ids[:, -CONTEXT:])
    ids = torch.cat([ids, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.blame import suspect
from shapeguard.analysis.built import built_at
from shapeguard.analysis.caches import named
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.feeding import fed, fed_where
from shapeguard.analysis.kept import kept_operand
from shapeguard.analysis.lineage import steps
from shapeguard.analysis.models import limit_of
from shapeguard.analysis.overrun import Overrun, kept_last, overrun, positions_of, room_kept
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import written
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row

_CUTTING = frozenset({"split", "chunk", "getitem", "narrow"})
CODE, NAME = "SG106", "sequence-too-long"


def check(run: Run) -> Iterator[Finding]:
    """A failure for want of positions; else a run that went on beyond the context the model was made for."""
    found = overrun(run)
    if found is not None:
        yield _crash(run, found)
    elif run.failure is None:
        yield from _silent(run)


def _crash(run: Run, found: Overrun) -> Finding:
    source = fed(run, found.length)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(found),
        location=_location(run, found),
        failed_at=run.failed_at,
        operands=found.failed.views(run) if found.failed is not None else (),
        mismatch=Mismatch("dim" if found.table is not None else "index", (found.needed, found.allowed)),
        lineage=steps(run, list(source.hops)) if source is not None else (),
        fix=Fix(
            "Lay the buffers out anew when a request needs more positions than they have, not only where there are none yet."
            if found.failed is not None and kept_operand(run, found.failed) is not None
            else "Crop the sequence to the context before it is fed (the last positions in a generation loop, `truncation=True` "
            "and `max_length` at the tokenizer), or give the model as many positions as the longest sequence needs."
        ),
    )


def _message(found: Overrun) -> str:
    if found.capped is not None and found.limit is None:
        return f"A sequence of {found.length} positions is written into a buffer whose length was limited to {found.allowed}."
    said = f"A sequence of {found.length} positions goes into a model that has {found.allowed}"
    if found.needed != found.length:
        return f"{said}: it counts positions from an offset and needs {found.needed} rows."
    return f"{said}."


def _location(run: Run, found: Overrun) -> Location | None:
    """Where the length was chosen; where it came with the data, the place that limits the positions."""
    if found.capped is not None:
        return found.capped
    kept = kept_operand(run, found.failed) if found.failed is not None else None
    if kept is not None:
        return kept.guard
    if (crop := _crop(run, found)) is not None:
        return crop
    if found.length > found.allowed and not _of_map(run, found):
        chosen = _generated(run, found) or fed_where(run, found.length, found.allowed)
        if chosen is not None:
            return chosen
    elif (cut := _cut_to_the_limit(run, found)) is not None:
        return cut
    elif found.limit is not None:
        return run.location(found.limit.config)
    return room_kept(run, found) or _put_together(run, found) or _table(run, found) or _here(run)


def _put_together(run: Run, found: Overrun) -> Location | None:
    """Where ids were made of two lists, ``torch.tensor([history + turn])``, each of which might have fitted."""
    call = run.failed_row("generate") or run.failed_row("forward")
    ids = named(call, "input_ids", "inputs") if call is not None else None
    made = run.row(ids.origin) if ids is not None else None
    node = (
        parsed_text(run.expression(made)) if made is not None and made.op in FROM_OUTSIDE and not made.inputs else None
    )
    if made is None or not isinstance(node, ast.Call) or not node.args:
        return None
    joined = any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add) for part in ast.walk(node.args[0]))
    return run.location(made) if joined else None


def _crop(run: Run, found: Overrun) -> Location | None:
    """The slice that was to keep the sequence within its positions, and keeps more than there are."""
    source = fed(run, found.length)
    hops = source.hops if source is not None else ()
    wide = (hop.row for hop in hops if hop.row.op == "getitem" and (kept_last(hop) or 0) >= found.length)
    return next((run.location(row) for row in wide), None)


def _cut_to_the_limit(run: Run, found: Overrun) -> Location | None:
    """Where a tokenizer was told to cut at the very number of the config, of whose positions some are reserved."""
    source = fed(run, found.length) if found.length == found.allowed else None
    for hop in source.hops if source is not None else ():
        if hop.row.op in _CUTTING and hop.changed and hop.size_after == found.length:
            return run.location(hop.row)
    for row in reversed(list(run.of_kind("tokenizer"))):
        if row.args.get("max_length") == found.length and row.args.get("truncation"):
            return run.location(row)
    return None


def _of_map(run: Run, found: Overrun) -> bool:
    """Whether what is counted is the side of a feature map: no one crops that, the table is too small for it."""
    source = fed(run, found.length)
    return source is not None and source.dim > 1 and len(source.value.shape or ()) > 3


def _generated(run: Run, found: Overrun) -> Location | None:
    """The call of ``generate`` that went on beyond the limit, where the prompt itself did not."""
    row = run.failed_row("generate")
    if row is None or (positions_of(row) or found.length) > found.allowed:
        return None
    return setting_written(run, row, ("max_new_tokens", "max_length")) or run.location(row)


def _table(run: Run, found: Overrun) -> Location | None:
    if found.limit is not None:
        config = found.limit.config
        named = setting_written(run, config, (found.limit.name,))
        return named or written(run, config, found.allowed) or run.location(config)
    if found.failed is not None:
        side = Side("weight", None, 0, found.allowed, ())
        return built_at(run, found.failed, side) or suspect(run, found.failed).location
    return None


def _here(run: Run) -> Location | None:
    frame = run.user_frame
    return run.statement_of(frame) if frame is not None else None


def _silent(run: Run) -> Iterator[Finding]:
    """A model fed beyond its context without an error: positions it has never been trained on."""
    seen: set[tuple[str, int]] = set()
    for row in run.of_kind("forward"):
        limit, length = limit_of(run, row), positions_of(row)
        if limit is None or length is None or length <= limit.positions or row.error or row.args.get("encoder-decoder"):
            continue
        location = run.location(row)
        if location is None or (location.file, location.line) in seen:
            continue
        seen.add((location.file, location.line))
        yield _beyond(run, row, length, limit.positions, location)


def _beyond(run: Run, row: Row, length: int, allowed: int, location: Location) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"{row.op} is fed {length} positions; its config says it was made for {allowed}. Beyond them it answers wildly.",
        location=location,
        mismatch=Mismatch("count", (length, allowed)),
        fix=Fix("Crop the sequence to the context, or use a model with a longer one."),
    )
