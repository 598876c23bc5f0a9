"""SG405 attention-layout-swapped

(batch, length, heads, head_dim) is given where (batch, heads, length, head_dim) is wanted, or batch and length are swapped.

## What it is

Attention runs along one dim. torch's kernel takes the last but one of (batch, heads, length, head_dim); torch's layers take
the first of (length, batch, features) unless they are built with ``batch_first=True``.

## Why it goes wrong

Other kernels and most code keep the batch first and the heads behind the length. The sizes fit all the same, nothing crashes,
and tokens attend to other rows of the batch, or a position's heads to each other. A reshape in place of a transpose mixes
positions and heads likewise. A table of positions laid out as (length, 1, features) and cut to ``x.size(0)`` runs along the
batch, and the final states of a recurrent layer keep their batch second whatever ``batch_first`` says.

## Example

```python
import torch
from torch import nn

embed, places = nn.Embedding(40, 32), nn.Embedding(16, 32)
layer = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64)
ids = torch.randint(0, 40, (3, 6))
hidden = embed(ids) + places(torch.arange(6))
layer(hidden)[:, -1]
```

## Use instead

```python
import torch
from torch import nn

embed, places = nn.Embedding(40, 32), nn.Embedding(16, 32)
layer = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64, batch_first=True)
ids = torch.randint(0, 40, (3, 6))
hidden = embed(ids) + places(torch.arange(6))
layer(hidden)[:, -1]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.counted_along import AlongBatch, along_batch
from shapeguard.analysis.final_states import mixed_states
from shapeguard.analysis.head_layout import Swapped, swapped_heads
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.merged_views import folded_heads
from shapeguard.analysis.run import Run
from shapeguard.analysis.seq_first import MOVES, SeqFirst, chosen, moved_to, swapped_calls, turned_query
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG405", "attention-layout-swapped"


def check(run: Run) -> Iterator[Finding]:
    """Layers that take the length first and get the batch first; kernels that get heads for positions; a refused padding mask."""
    refused = _refused(run) or _crossed(run) or _turned(run) or _packed(run) or _cut_to_batch(run)
    if refused is not None:
        yield refused
    else:
        yield from once(_silent(run))


def _silent(run: Run) -> Iterator[Finding]:
    """Layouts that fit, and mean something else."""
    yield from (_of_layer(run, call) for call in swapped_calls(run))
    yield from (_of_folded(run, view) for view in folded_heads(run))
    yield from (_of_states(run, view) for view in mixed_states(run))
    yield from (_of_table(run, table) for table in along_batch(run))
    yield from (_of_heads(run, swapped) for swapped in swapped_heads(run))


def _refused(run: Run) -> Finding | None:
    """A failed nn.MultiheadAttention whose padding mask shows that batch and length are swapped."""
    for row in run.failed_rows:
        by_label = {tensor.label: tensor.last for tensor in row.inputs}
        mask, key = (
            by_label.get("key_padding_mask"),
            by_label.get("key") or by_label.get("src") or by_label.get("query"),
        )
        batch_first = row.args.get("batch_first")
        if mask is None or key is None or len(mask) != 2 or len(key) != 3 or not isinstance(batch_first, bool):
            continue
        wanted = key[:2] if batch_first else (key[1], key[0])
        if mask == (wanted[1], wanted[0]) and mask != wanted:
            return _swapped_mask(run, row, mask, key, batch_first)
    return None


def _crossed(run: Run) -> Finding | None:
    """A failed nn.MultiheadAttention whose queries and keys have equal rows first and unequal lengths second, read as the batch."""
    for row in run.failed_rows:
        by_label = {tensor.label: tensor.last for tensor in row.inputs}
        query, key = by_label.get("query"), by_label.get("key")
        if row.op != "MultiheadAttention" or query is None or key is None or len(query) != 3 or len(key) != 3:
            continue
        if row.args.get("batch_first") is False and query[0] == key[0] and query[1] != key[1]:
            return _batch_first(run, row, query, key)
    return None


def _batch_first(run: Run, row: Row, query: tuple[int, ...], key: tuple[int, ...]) -> Finding:
    owned = next((other for other in run.failed_rows if other.owner is not None and other.kind != "forward"), None)
    built = run.row(owned.owner) if owned is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The queries are {format_shape(query)}, the keys {format_shape(key)}: the batch stands first ({query[0]}), and the layer "
        f"takes (length, batch, features), so it reads {query[1]} and {key[1]} positions as rows.",
        location=(run.location(built) if built is not None else None) or run.location(row) or run.failed_at,
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        mismatch=Mismatch("dim", (query[1], key[1]), 1),
        fix=Fix("Build the layer with `batch_first=True`, or transpose batch and length before it."),
    )


def _swapped_mask(run: Run, row: Row, mask: tuple[int, ...], key: tuple[int, ...], batch_first: bool) -> Finding:
    owned = next((other for other in run.failed_rows if other.kind == "module" and other.owner is not None), None)
    built = chosen(run, owned) if owned is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The padding mask is {format_shape(mask)}, the keys are {format_shape(key)}, and the layer takes "
        f"{'(batch, length, features)' if batch_first else '(length, batch, features)'}: batch and length are swapped.",
        location=_length_first_mask(run)
        or (run.location(built) if built is not None and not batch_first else None)
        or run.location(row)
        or run.failed_at,
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        mismatch=Mismatch("dim", (mask[0], mask[1]), 0),
        fix=Fix("Build the layer with `batch_first=True`, or transpose batch and length before it."),
    )


def _length_first_mask(run: Run) -> Location | None:
    """Where the padding mask was made, if its first dimension counts positions: then it is the mask that is turned."""
    for failed in run.failed_rows:
        for mask in failed.inputs:
            made = run.row(mask.origin) if mask.label.endswith("key_padding_mask") else None
            hops = follow(run, mask, 0) if made is not None else []
            if made is not None and hops and hops[-1].row.op == "arange":
                return run.location(made)
    return None


def _turned(run: Run) -> Finding | None:
    """A failed nn.MultiheadAttention with a square mask of the size of what it reads as the batch."""
    found = turned_query(run)
    return _turned_query(run, *found) if found is not None else None


def _packed(run: Run) -> Finding | None:
    """A failed ``pack_padded_sequence`` that took the padded length for the batch, whose lengths are as many as the rows."""
    row = run.failed_rows[0] if run.failed_rows else None
    if row is None or row.op.strip("_") != "pack_padded_sequence" or len(row.inputs) < 2 or len(row.inputs[0].last) < 2:
        return None
    given, lengths = row.inputs[0], row.inputs[1].last
    if row.args.get("batch_first", row.args.get("arg2")) is not False or len(lengths) != 1:
        return None
    if not given.last[0] == lengths[0] != given.last[1]:
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`pack_padded_sequence` takes (length, batch, ...) and is given {format_shape(given.last)} with {lengths[0]} lengths: "
        "the batch stands first.",
        location=run.location(row) or run.failed_at,
        failed_at=run.failed_at,
        operands=(run.tensor(given), run.tensor(row.inputs[1])),
        mismatch=Mismatch("dim", (lengths[0], given.last[1]), 0),
        fix=Fix("Pass `batch_first=True`."),
    )


def _cut_to_batch(run: Run) -> Finding | None:
    """A failed elementwise op on a table of positions that was cut to as many entries as the other operand has rows."""
    row = run.failed_rows[0] if run.failed_rows else None
    if row is None or row.op not in ("mul", "add", "mul_", "add_") or len(row.inputs) != 2:
        return None
    for states, table in (row.inputs, row.inputs[::-1]):
        cut = run.row(table.origin)
        if cut is None or cut.op != "getitem" or not cut.inputs or len(table.last) >= len(states.last):
            continue
        batch, length = states.last[:2]
        laid = len(table.last) > 1 and table.last[1] == 1 and table.last[-1] == states.last[-1]
        if laid and len(states.last) > 3 and table.last[0] == batch < cut.inputs[0].last[0] == length:
            return Finding(
                CODE,
                NAME,
                Severity.ERROR,
                f"The table {format_shape(cut.inputs[0].last)} has an entry for each of {length} positions and is cut to "
                f"{batch}, the rows of {format_shape(states.last)}: the function takes (length, batch, ...).",
                location=run.location(cut),
                failed_at=run.failed_at,
                operands=(run.tensor(states), run.tensor(table)),
                mismatch=Mismatch("dim", (length, batch), 1),
                fix=Fix("Cut the table to the length, `x.shape[1]`, and lay it along it: (1, length, 1, features)."),
            )
    return None


def _turned_query(run: Run, row: Row, query: TensorArg, mask: TensorArg) -> Finding:
    batch_first = row.args.get("batch_first") is True
    moved = moved_to(run, query)
    owned = next((other for other in run.failed_rows if other.kind == "module" and other.owner is not None), None)
    built = chosen(run, owned) if owned is not None else None
    order = "(batch, length, features)" if batch_first else "(length, batch, features)"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The input is {format_shape(query.last)} and the layer takes {order}; the mask is for {mask.last[0]} positions, which "
        "is what it reads as the batch: batch and length are swapped.",
        location=(run.location(moved) if moved is not None else run.location(built) if built is not None else None)
        or run.location(row)
        or run.failed_at,
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        mismatch=Mismatch("dim", (mask.last[0], query.last[1 if batch_first else 0]), 0),
        fix=Fix(
            f"Give the layer {order}"
            + (": leave the transposition out." if moved is not None else ", or build it for the other order.")
        ),
    )


def _of_layer(run: Run, call: SeqFirst) -> Finding:
    batch, length = call.given.last[0], call.given.last[1]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{call.call.op} takes (length, batch, features) and is given {format_shape(call.given.last)} with the batch first: "
        f"{call.evidence}. It works across the {batch} rows of the batch instead of along {length} positions.",
        location=run.location(call.built) or run.location(call.call),
        operands=(run.tensor(call.given, "", ("batch", "length", "features")),),
        mismatch=Mismatch("dim", (batch, length), 0),
        fix=Fix(f"Build it with `batch_first=True`: `{call.built.op}(..., batch_first=True)`."),
    )


def _of_folded(run: Run, view: Row) -> Finding:
    before, after = view.inputs[0].last, view.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{view.op}` of {format_shape(before)} to {format_shape(after)} folds {after[0] // before[0]} heads into the batch "
        "without moving them in front of the positions: each head gets pieces of several positions.",
        location=run.location(view),
        operands=(run.tensor(view.inputs[0], "", ("batch", "length", "features")),),
        mismatch=Mismatch("dim", (before[0], after[0]), 0),
        fix=Fix("View as (batch, length, heads, head_dim), then `transpose(1, 2)`, and fold the heads after that."),
    )


def _of_states(run: Run, view: Row) -> Finding:
    states, result = view.inputs[0].last, view.outputs[0].last
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"Final states are (layers * directions, batch, features), here {format_shape(states)}; `{view.op}` to "
        f"{format_shape(result)} puts the states of neighbouring rows side by side. `batch_first` does not move their batch.",
        location=run.location(view),
        operands=(run.tensor(view.inputs[0], "", ("layers * directions", "batch", "features")),),
        mismatch=Mismatch("dim", (states[0], states[1]), 0),
        fix=Fix("Bring the batch to the front first: `h_n.transpose(0, 1).flatten(1)`."),
    )


def _of_table(run: Run, found: AlongBatch) -> Finding:
    batch, length = found.states.last[:2]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"A table of positions {format_shape(found.table.last)} is added to {format_shape(found.states.last)}, whose batch stands "
        f"first (`{found.layer.op}` is built so): all {length} positions of a row get the same entry, chosen by the row.",
        location=run.location(found.cut),
        operands=(run.tensor(found.states, "", ("batch", "length", "features")), run.tensor(found.table)),
        mismatch=Mismatch("dim", (length, batch), 1),
        fix=Fix("Cut the table to the length and lay it along it: (1, length, features), `pe[:, :x.size(1)]`."),
    )


def _of_heads(run: Run, swapped: Swapped) -> Finding:
    row = swapped.row
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{row.op}` {swapped.what}: {format_shape(row.inputs[0].last)} with {swapped.heads} heads and {swapped.length} positions.",
        location=swapped.location or _adapter_called(run, row) or run.location(row),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        mismatch=Mismatch("dim", (swapped.length, swapped.heads)),
        fix=Fix(
            "Move the heads with `transpose(1, 2)`: before the attention to (batch, heads, length, head_dim), after it back."
        ),
    )


def _adapter_called(run: Run, row: Row) -> Location | None:
    """The call of a function that moves the heads itself before the attention: it was given them moved already."""
    moved = run.row(row.inputs[0].origin) if row.inputs else None
    if moved is None or moved.op not in MOVES:
        return None
    ours, theirs = run.recording.chains[row.chain].sites, run.recording.chains[moved.chain].sites
    theirs = theirs[1:] if _in_comprehension(run, moved) else theirs
    return run.location(row, 1) if len(ours) > 1 and ours[1:] == theirs[1:] else None


def _in_comprehension(run: Run, row: Row) -> bool:
    function = run.recording.sites[run.recording.chains[row.chain].sites[0]].function
    return function.endswith(("<genexpr>", "<listcomp>"))
