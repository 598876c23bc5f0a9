"""Batch, length and heads in an order other than the one a call takes: refused by it, or fitting and meaning something else."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.cache_layouts import Layout, of_cache
from shapeguard.analysis.counted_along import AlongBatch, along_batch
from shapeguard.analysis.dispute import dispute_of
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.final_states import mixed_states
from shapeguard.analysis.head_layout import Swapped, swapped_heads
from shapeguard.analysis.left_out_ops import put_first
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.merged_views import folded_heads, heads_first
from shapeguard.analysis.packed import laid_out_at, mispacked
from shapeguard.analysis.run import Run
from shapeguard.analysis.seq_first import MOVES, SeqFirst, chosen, moved_to, swapped_calls, turned_query
from shapeguard.analysis.shuffled import Turned, unfolded_heads, viewed_for_layers
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

_BUILD_OR_TURN = "Build the layer with `batch_first=True`, or transpose batch and length before it."


# Layers that are given two sequences of one batch: by which names, and what these are called.
_CROSSED = {
    "MultiheadAttention": (("query", "key"), ("The queries", "the keys")),
    "Transformer": (("src", "tgt"), ("The sources", "the targets")),
    "TransformerDecoder": (("tgt", "memory"), ("The targets", "the encoder's states")),
    "TransformerDecoderLayer": (("tgt", "memory"), ("The targets", "the encoder's states")),
}


def refused_layout(run: Run) -> Layout | None:
    """The order that a failed call did not take."""
    return (
        _masked(run)
        or _crossed(run)
        or _turned(run)
        or _packed(run)
        or _cut_to_batch(run)
        or _state(run)
        or of_cache(run)
        or _put_first(run)
    )


def fitting_layouts(run: Run) -> Iterator[Layout]:
    """Orders that fit, and mean something else."""
    yield from (_of_layer(run, call) for call in swapped_calls(run))
    yield from (_of_viewed(run, view) for view in viewed_for_layers(run))
    yield from (_of_unfolded(run, view) for view in unfolded_heads(run))
    yield from (_of_folded(run, view) for view in folded_heads(run))
    yield from (_heads_first(run, view) for view in heads_first(run))
    yield from (_of_states(run, view) for view in mixed_states(run))
    yield from (_of_table(run, table) for table in along_batch(run))
    yield from (_of_heads(run, swapped) for swapped in swapped_heads(run))


# -- refused -----------------------------------------------------------------------------------------------------------


def _masked(run: Run) -> Layout | None:
    """A failed nn.MultiheadAttention whose padding mask shows that batch and length are swapped."""
    for row in run.failed_rows:
        by_label = {tensor.label: tensor.last for tensor in row.inputs}
        mask = by_label.get("key_padding_mask")
        key = by_label.get("key") or by_label.get("src") or by_label.get("query")
        batch_first = row.args.get("batch_first")
        if mask is None or key is None or len(mask) != 2 or len(key) != 3 or not isinstance(batch_first, bool):
            continue
        wanted = key[:2] if batch_first else (key[1], key[0])
        if mask != (wanted[1], wanted[0]) or mask == wanted:
            continue
        order = "(batch, length, features)" if batch_first else "(length, batch, features)"
        return Layout(
            f"The padding mask is {format_shape(mask)}, the keys are {format_shape(key)}, and the layer takes {order}: "
            "batch and length are swapped.",
            _length_first_mask(run) or (_moved_mask(run) if batch_first else _built(run)) or _failing(run, row),
            tuple(run.tensor(tensor) for tensor in row.inputs),
            (mask[0], mask[1]),
            0,
            _BUILD_OR_TURN,
        )
    return None


def _crossed(run: Run) -> Layout | None:
    """A failed layer whose two sequences have equal rows first and unequal lengths second, read as the batch."""
    for row in run.failed_rows:
        by_label = {tensor.label: tensor.last for tensor in row.inputs}
        names, (left, right) = _CROSSED.get(row.op, (("", ""), ("", "")))
        query, key = by_label.get(names[0]), by_label.get(names[1])
        if query is None or key is None or len(query) != 3 or len(key) != 3:
            continue
        owned = next((other for other in run.failed_rows if other.owner is not None and other.kind != "forward"), None)
        built = run.row(owned.owner) if owned is not None else None
        batch_first = row.args.get("batch_first", built.args.get("batch_first") if built is not None else None)
        if batch_first is not False or query[0] != key[0] or query[1] == key[1]:
            continue
        return Layout(
            f"{left} are {format_shape(query)}, {right} {format_shape(key)}: the batch stands first ({query[0]}), and the "
            f"layer takes (length, batch, features), so it reads {query[1]} and {key[1]} positions as rows.",
            (run.location(built) if built is not None else None) or _failing(run, row),
            tuple(run.tensor(tensor) for tensor in row.inputs),
            (query[1], key[1]),
            1,
            _BUILD_OR_TURN,
        )
    return None


def _turned(run: Run) -> Layout | None:
    """A failed nn.MultiheadAttention with a square mask of the size of what it reads as the batch."""
    found = turned_query(run)
    if found is None:
        return None
    row, query, mask = found
    batch_first = row.args.get("batch_first") is True
    moved = moved_to(run, query)
    order = "(batch, length, features)" if batch_first else "(length, batch, features)"
    return Layout(
        f"The input is {format_shape(query.last)} and the layer takes {order}; the mask is for {mask.last[0]} positions, which "
        "is what it reads as the batch: batch and length are swapped.",
        (run.location(moved) if moved is not None else _built(run)) or _failing(run, row),
        tuple(run.tensor(tensor) for tensor in row.inputs),
        (mask.last[0], query.last[1 if batch_first else 0]),
        0,
        f"Give the layer {order}"
        + (": leave the transposition out." if moved is not None else ", or build it for the other order."),
    )


def _packed(run: Run) -> Layout | None:
    """A packing that took the padded length for the batch: refused, or let through and its rows lost."""
    found = mispacked(run)
    if found is None:
        return None
    given, count = found.given, found.lengths.last[0]
    takes, stands = ("(batch, length, ...)", "length") if found.batch_first else ("(length, batch, ...)", "batch")
    return Layout(
        f"`pack_padded_sequence` takes {takes} and is given {format_shape(given.last)} with {count} lengths: the {stands} "
        "stands first.",
        laid_out_at(run, found) or run.failed_at,
        (run.tensor(given), run.tensor(found.lengths)),
        (count, found.rows),
        0,
        "Pad with `batch_first=True`, too: `pad_sequence(..., batch_first=True)`."
        if found.batch_first
        else "Pass `batch_first=True`.",
    )


def _state(run: Run) -> Layout | None:
    """A failed recurrent layer whose state has as many rows as the input has in the dim that the layer takes for the length."""
    for row in run.failed_rows:
        by_label = {tensor.label: tensor for tensor in row.inputs}
        given, state = by_label.get("input"), by_label.get("hx[0]") or by_label.get("hx")
        built = run.row(row.owner)
        if row.op not in ("LSTM", "GRU", "RNN") or given is None or state is None or built is None:
            continue
        if len(given.last) != 3 or len(state.last) != 3:
            continue
        batch_first = built.args.get("batch_first") is True
        rows, length = given.last[:2] if batch_first else given.last[1::-1]
        moved = moved_to(run, given) if batch_first else None
        if not state.last[1] == length != rows or (batch_first and moved is None):
            continue
        order = "(batch, length, features)" if batch_first else "(length, batch, features)"
        return Layout(
            f"`{row.op}` takes {order} and reads {rows} rows in {format_shape(given.last)}; the state is for {length}, the other "
            "dim: batch and length are swapped.",
            run.location(moved if moved is not None else built) or _failing(run, row),
            (run.tensor(given), run.tensor(state)),
            (rows, length),
            1,
            "Leave the transposition out."
            if moved is not None
            else f"Build it with `batch_first=True`: `{built.op}(..., batch_first=True)`.",
        )
    return None


def _put_first(run: Run) -> Layout | None:
    """A recurrent layer before the failed op that took the rows for the length: what it returns has as many rows as there are positions."""
    failed = failed_op(run)
    dispute = dispute_of(run, failed) if failed is not None and failed.clash is not None else None
    found = put_first(dispute) if dispute is not None else None
    index, row, built = found if found is not None else (0, None, None)
    if dispute is None or row is None or built is None or any(side.dim != 0 for side in dispute.both):
        return None  # where it is not rows that meet, another op may have turned them
    rows, length = dispute.both[1 - index].size, dispute.both[index].size
    return Layout(
        f"`{row.op}` takes (length, batch, features) and is given {format_shape(row.inputs[0].last)} with the batch first: what "
        f"comes of it has {length} rows, one for each position, and meets the {rows} rows of the batch.",
        run.location(built),
        tuple(run.view(side.value) for side in dispute.both if side.value is not None),
        (rows, length),
        dispute.both[1 - index].dim,
        f"Build it with `batch_first=True`: `{built.op}(..., batch_first=True)`.",
    )


def _cut_to_batch(run: Run) -> Layout | None:
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
            return Layout(
                f"The table {format_shape(cut.inputs[0].last)} has an entry for each of {length} positions and is cut to "
                f"{batch}, the rows of {format_shape(states.last)}: the function takes (length, batch, ...).",
                run.location(cut),
                (run.tensor(states), run.tensor(table)),
                (length, batch),
                1,
                "Cut the table to the length, `x.shape[1]`, and lay it along it: (1, length, 1, features).",
            )
    return None


def _failing(run: Run, row: Row) -> Location | None:
    return run.location(row) or run.failed_at


def _built(run: Run) -> Location | None:
    """Where the failed layer was chosen to take the length first."""
    owned = next((other for other in run.failed_rows if other.kind == "module" and other.owner is not None), None)
    built = chosen(run, owned) if owned is not None else None
    return run.location(built) if built is not None else None


def _length_first_mask(run: Run) -> Location | None:
    """Where the padding mask was made, if its first dimension counts positions: then it is the mask that is turned."""
    for failed in run.failed_rows:
        for mask in failed.inputs:
            made = run.row(mask.origin) if mask.label.endswith("key_padding_mask") else None
            hops = follow(run, mask, 0) if made is not None else []
            if made is not None and hops and hops[-1].row.op == "arange":
                return run.location(made)
    return None


def _moved_mask(run: Run) -> Location | None:
    """Where a padding mask of rows and positions was transposed."""
    for failed in run.failed_rows:
        for mask in failed.inputs:
            made = run.row(mask.origin) if mask.label.endswith("key_padding_mask") else None
            if made is not None and (made.op in MOVES or made.op in ("t", "T")):
                return run.location(made)
    return None


# -- fitting -----------------------------------------------------------------------------------------------------------


def _of_layer(run: Run, call: SeqFirst) -> Layout:
    batch, length = call.given.last[:2]
    return Layout(
        f"{call.call.op} takes (length, batch, features) and is given {format_shape(call.given.last)} with the batch first: "
        f"{call.evidence}. It works across the {batch} rows of the batch instead of along {length} positions.",
        run.location(call.built) or run.location(call.call),
        (run.tensor(call.given, "", ("batch", "length", "features")),),
        (batch, length),
        0,
        f"Build it with `batch_first=True`: `{call.built.op}(..., batch_first=True)`.",
    )


def _of_viewed(run: Run, view: Turned) -> Layout:
    """Rows and positions whose sizes a view exchanged, and not their places in memory."""
    return Layout(
        f"`{view.row.op}` reads (rows {view.before[0]}, length {view.before[1]}, ...) as {format_shape(view.after)} beside a layer that "
        "tells rows from positions: it keeps the order of the entries, so that the positions of one row become several rows'.",
        run.location(view.row),
        (run.tensor(view.row.inputs[0]),),
        (view.before[0], view.before[1]),
        None,
        "Turn them: `x.transpose(0, 1)` before the layer and after it, or build it with `batch_first=True`.",
    )


def _of_unfolded(run: Run, view: Turned) -> Layout:
    """Heads and rows that were folded in one order and are taken apart in the other."""
    return Layout(
        f"`{view.row.op}` takes the first dim apart as {format_shape(view.after)}, and it was folded from {format_shape(view.before)}: "
        "heads of one row are put together with those of others. With one row both are the same.",
        run.location(view.row),
        (run.tensor(view.row.inputs[0]),),
        (view.before[0], view.after[0]),
        None,
        "Take it apart in the order in which it was folded: `x.view(batch, heads, length, head_dim)`.",
    )


def _of_folded(run: Run, view: Row) -> Layout:
    before, after = view.inputs[0].last, view.outputs[0].last
    return Layout(
        f"`{view.op}` of {format_shape(before)} to {format_shape(after)} folds {after[0] // before[0]} heads into the batch "
        "without moving them in front of the positions: each head gets pieces of several positions.",
        run.location(view),
        (run.tensor(view.inputs[0], "", ("batch", "length", "features")),),
        (before[0], after[0]),
        0,
        "View as (batch, length, heads, head_dim), then `transpose(1, 2)`, and fold the heads after that.",
    )


def _heads_first(run: Run, view: Row) -> Layout:
    before = view.inputs[0].last
    return Layout(
        f"`{view.op}` reads {format_shape(before)}, the heads first, as {format_shape(view.outputs[0].last)}: the order of the entries "
        "stays, so that each row gets pieces of several rows.",
        run.location(view),
        (run.tensor(view.inputs[0], "", ("heads", "batch", "length", "head_dim")),),
        (before[0], before[1]),
        0,
        "Bring the heads behind the positions first: `permute(1, 2, 0, 3).flatten(2)`.",
    )


def _of_states(run: Run, view: Row) -> Layout:
    states, result = view.inputs[0].last, view.outputs[0].last
    return Layout(
        f"Final states are (layers * directions, batch, features), here {format_shape(states)}; `{view.op}` to "
        f"{format_shape(result)} puts the states of neighbouring rows side by side. `batch_first` does not move their batch.",
        run.location(view),
        (run.tensor(view.inputs[0], "", ("layers * directions", "batch", "features")),),
        (states[0], states[1]),
        0,
        "Bring the batch to the front first: `h_n.transpose(0, 1).flatten(1)`.",
    )


def _of_table(run: Run, found: AlongBatch) -> Layout:
    batch, length = found.states.last[:2]
    return Layout(
        f"A table of positions {format_shape(found.table.last)} is added to {format_shape(found.states.last)}, whose batch stands "
        f"first (`{found.layer.op}` is built so): all {length} positions of a row get the same entry, chosen by the row.",
        run.location(found.cut),
        (run.tensor(found.states, "", ("batch", "length", "features")), run.tensor(found.table)),
        (length, batch),
        1,
        "Cut the table to the length and lay it along it: (1, length, features), `pe[:, :x.size(1)]`.",
    )


def _of_heads(run: Run, swapped: Swapped) -> Layout:
    row = swapped.row
    return Layout(
        f"`{row.op}` {swapped.what}: {format_shape(row.inputs[0].last)} with {swapped.heads} heads and {swapped.length} positions.",
        swapped.location or _adapter_called(run, row) or run.location(row),
        tuple(run.tensor(tensor) for tensor in row.inputs),
        (swapped.length, swapped.heads),
        None,
        "Split, then move the heads: `x.view(batch, length, heads, head_dim).transpose(1, 2)`; after the attention back, "
        "`.transpose(1, 2).flatten(2)`.",
    )


def _adapter_called(run: Run, row: Row) -> Location | None:
    """The call of a function that moves the heads itself before the attention: it was given them moved already."""
    moved = run.row(row.inputs[0].origin) if row.inputs else None
    if moved is None or moved.op not in MOVES:
        return None
    ours, theirs = run.recording.chains[row.chain].sites, run.recording.chains[moved.chain].sites
    return run.location(row, 1) if len(ours) > 1 and ours[1:] == theirs[1:] else None
