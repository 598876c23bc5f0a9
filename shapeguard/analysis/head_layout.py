"""Attention over the wrong dims: heads where the sequence should be, and heads merged or split without a transpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.cached_calls import seen_from
from shapeguard.analysis.graph import past, users_of
from shapeguard.analysis.layout import along_last, next_softmax, products, split_off
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg

_ATTENDING = frozenset({"matmul", "bmm", "einsum", "scaled_dot_product_attention", "transpose", "permute", "swapaxes"})


class Swapped(NamedTuple):
    """An op that takes heads for positions (or mixes both), where to mend it, and the two sizes."""

    row: Row
    location: Location | None
    length: int
    heads: int
    what: str


def swapped_heads(run: Run) -> Iterator[Swapped]:
    """Every place in which a layout of heads was taken for another."""
    for row in run.of_kind("op"):
        if row.error:
            continue
        if row.op == "scaled_dot_product_attention":
            found = _attends_over_heads(run, row, row.inputs[0], row.inputs[1] if len(row.inputs) > 1 else None)
        elif row.op in ("reshape", "view", "flatten"):
            found = _merged(run, row) or _folded_merged(run, row) or _split_across(run, row)
        else:
            found = None
        if found is not None:
            yield found
    for row in products(run):
        soft = next_softmax(run, row)
        if row.op == "matmul" and soft is not None and along_last(soft[0]):
            found = _scores_of_heads(run, row)
            if found is not None:
                yield found


def _attends_over_heads(run: Run, row: Row, query: TensorArg, key: TensorArg | None) -> Swapped | None:
    """Queries (batch, length, heads, head_dim) in a kernel that wants (batch, heads, length, head_dim)."""
    if key is None or len(query.last) != 4 or len(key.last) != 4 or query.last[2] < 2:
        return None
    heads, beside = split_off(run, query, 2), split_off(run, query, 1)
    if heads is None or beside is not None or split_off(run, key, 2) is None:
        return None
    return Swapped(row, None, query.last[1], query.last[2], "attends over the heads of each position")


def _scores_of_heads(run: Run, row: Row) -> Swapped | None:
    """``q @ k.transpose(-2, -1)`` with (batch, length, heads, head_dim) on both sides."""
    query, key = row.inputs
    if len(query.last) != 4 or len(key.last) != 4 or query.last[2] < 2:
        return None
    heads = split_off(run, query, 2)
    if heads is None or split_off(run, query, 1) is not None or split_off(run, key, 3) is None:
        return None
    here, there = run.location(row), seen_from(run, heads.row, row)
    where = there if here is not None and there is not None and there.function == here.function else here
    return Swapped(row, where, query.last[1], query.last[2], "compares the heads of each position with one another")


def _merged(run: Run, row: Row) -> Swapped | None:
    """(batch, heads, length, head_dim) viewed as (batch, length, heads * head_dim) with no transpose before it."""
    before, after = _shapes(row)
    if len(before) != 4 or len(after) != 3 or before[1] in (1, before[2]) or before[2] == 1:
        return None
    if after != (before[0], before[2], before[1] * before[3]) or split_off(run, row.inputs[0], 1) is None:
        return None
    turned = _turned_here(run, row, before)
    return Swapped(
        row,
        run.location(turned or row),
        before[2],
        before[1],
        "mixes positions and heads: the heads' dim was "
        + ("not moved back" if turned is None else "moved in front of the positions again"),
    )


def _turned_here(run: Run, row: Row, laid: tuple[int, ...]) -> Row | None:
    """The transpose right before a view that took positions and heads out of the order which it wants: they had come back in it."""
    made = past(run, row.inputs[0].origin, lambda step: step.op in ("contiguous", "clone"))
    given = (
        made.inputs[0].last
        if made is not None and made.op in ("transpose", "permute", "swapaxes") and made.inputs
        else ()
    )
    places = [run.location(step) for step in (made, row) if step is not None]
    right = given == (laid[0], laid[2], laid[1], laid[3])
    one_function = len(places) == 2 and all(places) and len({place.function for place in places if place}) == 1
    return made if right and one_function and places[0] != places[1] else None


def _folded_merged(run: Run, row: Row) -> Swapped | None:
    """(batch * heads, length, head_dim), as a product gave it, viewed as (batch, length, heads * head_dim) with no transpose before it."""
    before, after = _shapes(row)
    if len(before) != 3 or len(after) != 3 or not after[0] or before[0] % after[0] or before[1] == 1:
        return None
    heads = before[0] // after[0]
    made = run.row(row.inputs[0].origin)
    attended = made is not None and made.op in ("bmm", "matmul", "einsum", "baddbmm")
    if heads == 1 or heads == before[1] or after[1:] != (before[1], heads * before[2]) or not attended:
        return None
    return Swapped(
        row, run.location(row), before[1], heads, "mixes positions and heads: the heads' dim was not moved back"
    )


def _split_across(run: Run, row: Row) -> Swapped | None:
    """(batch, length, heads * head_dim) viewed as (batch, heads, length, head_dim) with no transpose after it."""
    before, after = _shapes(row)
    if len(before) != 3 or len(after) != 4 or after[1] in (1, before[1]) or before[1] == 1 or after[3] == 1:
        return None
    if after[0] != before[0] or after[2] != before[1] or after[1] * after[3] != before[2]:
        return None
    if not any(user.op in _ATTENDING for user in users_of(run, row)):
        return None
    return Swapped(
        row,
        None,
        before[1],
        after[1],
        "mixes positions and heads: the features are to be split first, and the heads moved then",
    )


def _shapes(row: Row) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (row.inputs[0].last, row.outputs[0].last) if row.inputs and row.outputs else ((), ())
