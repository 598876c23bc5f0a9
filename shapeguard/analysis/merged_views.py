"""Heads that a view folds into the batch without a transposition: (batch, length, heads * dim) as (batch * heads, length, dim)."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.graph import past, users_of
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_PRODUCTS = frozenset({"matmul", "bmm", "baddbmm", "scaled_dot_product_attention"})
_MOVES = frozenset({"transpose", "permute", "mul", "div", "truediv"})


def folded_heads(run: Run) -> Iterator[Row]:
    """Such views of both operands of a product of queries and keys."""
    for row in run.of_kind("op", "attention"):
        if row.op in _PRODUCTS and len(row.inputs) > 1 and not row.error:
            views = [next(_views(run, tensor.origin), None) for tensor in row.inputs[:2]]
            if views[0] is not None and views[1] is not None and views[0].id != views[1].id:
                yield views[0]


def heads_first(run: Run) -> Iterator[Row]:
    """Views of (heads, batch, length, head_dim), what each head gave after the other, as (batch, length, heads * head_dim)."""
    for row in run.of_kind("op"):
        if row.op not in ("view", "reshape") or row.error or not row.inputs or not row.outputs:
            continue
        before, after = row.inputs[0].last, row.outputs[0].last
        if len(before) != 4 or len(after) != 3 or before[0] < 2 or before[1] < 2 or before[0] == before[1]:
            continue
        if after == (before[1], before[2], before[0] * before[3]) and _head_by_head(run, row.inputs[0].origin):
            yield row


def places_as_channels(run: Run) -> Iterator[Row]:
    """Views of what an attention over pixels gave, (.., height * width, channels), as a map (.., channels, height, width)."""
    for row in run.of_kind("op"):
        if row.op not in ("view", "reshape", "unflatten") or row.error or not row.inputs or not row.outputs:
            continue
        before, after = row.inputs[0].last, row.outputs[0].last
        made = past(run, row.inputs[0].origin, lambda made: made.op in ("contiguous", "clone"))
        if made is None or made.op not in _PRODUCTS or len(before) < 3 or len(after) < 4:
            continue
        places, channels = before[-2:]
        height, width = after[-2:]
        whole = after[-3] == channels or after[-3] == channels * before[-3]
        if (
            whole
            and height * width == places != channels
            and min(height, width, channels) > 1
            and after[0] == before[0]
        ):
            yield row


def _head_by_head(run: Run, origin: int | None) -> bool:
    """Whether a tensor was stacked of what several rounds of attention gave, or filled with it."""
    made = run.row(origin)
    if made is None:
        return False
    filled = [user.inputs[1] for user in users_of(run, made) if user.op == "setitem" and len(user.inputs) > 1]
    parts = list(made.inputs) if made.op == "stack" else filled
    return any((row := run.row(part.origin)) is not None and row.op in _PRODUCTS for part in parts)


def _views(run: Run, origin: int | None) -> Iterator[Row]:
    """The view behind a tensor, past what only turns or scales it."""
    row = past(run, origin, lambda made: made.op in _MOVES)
    if row is not None and row.op in ("view", "reshape") and row.inputs and row.outputs and _folds(row):
        yield row


def _folds(row: Row) -> bool:
    before, after = row.inputs[0].last, row.outputs[0].last
    if len(before) != 3 or len(after) != 3 or before[0] < 2:
        return False
    heads = after[0] // before[0]
    return heads > 1 and after[0] == before[0] * heads and after[1] == before[1] > 1 and after[2] * heads == before[2]
