"""Caches that were filled by hand in another order than (batch, kv_heads, length, head_dim)."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.caches import FailedUpdate, failed_update, features_turned, heads_behind, rows_behind
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import NEW_DIMS, Run
from shapeguard.analysis.seq_first import MOVES
from shapeguard.analysis.written import parsed, whole_trails
from shapeguard.values.findings import Location, OperandView
from shapeguard.values.shapes import format_shape


class Layout(NamedTuple):
    """Dimensions in the wrong order: what is said of them, where, the operands, the two sizes that changed places, the repair."""

    text: str
    location: Location | None
    operands: tuple[OperandView, ...]
    sizes: tuple[int, int]
    dim: int | None
    fix: str


def of_cache(run: Run) -> Layout | None:
    """A cache that was filled by hand with positions before heads, or before the rows."""
    update = failed_update(run)
    if update is not None and features_turned(update):
        return _of_keys(run, update)
    if update is None or not (heads_behind(update) or rows_behind(update)):
        return None
    dim, behind = (0, "rows") if rows_behind(update) else (1, "heads")
    past, new = update.past.last, update.new.last
    hops = follow(run, update.past, dim)
    made = next((hop.row for hop in hops if hop.row.op in MOVES), None)  # it put the dims in this order
    made = made or next((hop.row for hop in reversed(hops) if hop.row.kind == "op"), None)
    return Layout(
        f"The cache holds keys {format_shape(past)}, with the positions before the {behind}; the model's are "
        f"{format_shape(new, NEW_DIMS)}.",
        _written(run, hops[-1]) or (run.location(made) if made is not None else None) or run.birth(update.past.origin),
        (run.tensor(update.past), run.tensor(update.new, "", NEW_DIMS)),
        (past[dim], new[dim]),
        dim,
        "Fill a cache with (batch, kv_heads, length, head_dim): `.transpose(1, 2)` of (batch, length, kv_heads, head_dim).",
    )


def _of_keys(run: Run, update: FailedUpdate) -> Layout:
    """A cache whose keys lie turned beside its values."""
    past = update.past.last
    hops = follow(run, update.past, 3)
    made = next((hop.row for hop in hops if hop.row.op in MOVES), None)
    return Layout(
        f"The cache holds keys {format_shape(past)}, with the features before the positions, and values "
        f"{format_shape((*past[:2], past[3], past[2]))}.",
        (run.location(made) if made is not None else None) or run.birth(update.past.origin),
        (run.tensor(update.past), run.tensor(update.new, "", NEW_DIMS)),
        (past[3], past[2]),
        3,
        "Turn the keys back before they are put into a cache: (batch, kv_heads, length, head_dim).",
    )


def _written(run: Run, end: Hop) -> Location | None:
    """Where the sizes of the keys were put in their order, away from the line that made them."""
    for trail in whole_trails(run, end.row, end.size_after, end.after) if end.row.kind == "op" else ():
        for spot in trail[1:]:
            node = parsed(spot)
            if isinstance(node, ast.Tuple) and len(node.elts) == 4 and spot.line:
                return run.at(spot)
    return None
