"""Rotary positions: the cosines and sines by which queries and keys are turned (Su et al. 2021, «RoFormer», sec. 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from shapeguard.analysis.caches import named
from shapeguard.analysis.graph import ancestors, makers, users_of
from shapeguard.analysis.layout import split_off
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import written
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg

_NEAR = 8  # rows behind a table among which its cosine is looked for
_WAVES = frozenset({"cos", "sin"})


class Spread(NamedTuple):
    """A product of the states of one position, (..., 1, head_dim), with the table of several: it has as many positions as the table."""

    row: Row
    states: TensorArg
    table: TensorArg
    made: Row


def spread(run: Run) -> Iterator[Spread]:
    """States of one new token that were turned to every position of a table, and became as many."""
    for row in run.of_kind("op"):
        if row.op not in ("mul", "mul_") or len(row.inputs) != 2 or not row.outputs:
            continue
        for states, table in (row.inputs, row.inputs[::-1]):
            if (
                len(states.last) != 4
                or len(table.last) < 2
                or states.last[-2] != 1
                or states.last[-1] != table.last[-1]
            ):
                continue
            made = next((r for r in islice(ancestors(run, table), _NEAR) if r.op in _WAVES), None)
            turned = any(r.op in _WAVES for r in islice(ancestors(run, states), _NEAR))
            if made is not None and not turned and table.last[-2] > 1 and row.outputs[0].last[-2] == table.last[-2]:
                yield Spread(row, states, table, made)
                break


class ByHeads(NamedTuple):
    """Queries or keys (batch, heads, seq, head_dim) that meet a table laid out for the heads' dim: each head has an angle of its own."""

    row: Row
    states: TensorArg
    table: TensorArg
    made: Row


def by_heads(run: Run) -> Iterator[ByHeads]:
    """States whose heads, and not whose positions, were turned: the table was counted along dim 1."""
    for row in run.of_kind("op"):
        if row.op not in ("mul", "mul_") or len(row.inputs) != 2:
            continue
        for states, table in (row.inputs, row.inputs[::-1]):
            if len(states.last) != 4 or len(table.last) != 4 or table.last[2] != 1 or states.last[2] < 2:
                continue
            if table.last[0] != 1 or not 1 < table.last[1] == states.last[1] or table.last[3] != states.last[3]:
                continue
            made = next((r for r in islice(ancestors(run, table), _NEAR) if r.op in _WAVES), None)
            if made is not None and split_off(run, states, 1) is not None:
                yield ByHeads(row, states, table, made)


def merged_keys(run: Run) -> Iterator[Row]:
    """Concatenations of keys that were each cached from position 0 on, which are then cached as one text's."""
    if any(tensor.label == "position_ids" for row in run.of_kind("forward") for tensor in row.inputs):
        return  # somebody counts the positions
    for row in run.of_kind("concat"):
        kept = [made for made in makers(run, row) if made.kind == "cache"]
        begun = [made for made in kept if not any(tensor.label.startswith("past") for tensor in made.inputs)]
        if len(begun) < 2 or len(begun) != len(row.inputs) or row.args.get("dim") not in (2, -2):
            continue
        if any(user.kind == "cache" for user in users_of(run, row)):
            yield row


def positions_ended(run: Run) -> Location | None:
    """Where a table of positions got its length that ended before the states did of which a layer was given the cosines and sines."""
    layer = run.failed_row("module")
    handed = named(layer, "position_embeddings[0]", "position_embeddings") if layer is not None else None
    made = run.row(handed.origin) if handed is not None else None
    positions = named(made, "position_ids") if made is not None else None
    hops = follow(run, positions, len(positions.last) - 1) if positions is not None else []
    cut = any(hop.row.op == "getitem" and hop.size_before == hop.size_after for hop in hops)
    if not hops or not cut or hops[-1].source is not None:
        return None
    return written(run, hops[-1].row, hops[-1].size_after, hops[-1].after) or run.location(hops[-1].row)
