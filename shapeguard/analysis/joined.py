"""A layer that wants as many features as several tensors have together: they were joined along another dim before it."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from shapeguard.analysis.concat import CONCAT
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.left_out_ops import flattens
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import is_weight, sides
from shapeguard.values.recording import Row

_NEAR = 12  # how many ops before the layer a concatenation still belongs to it

_FEW = 4  # ops behind a part


class Joined(NamedTuple):
    """The concatenation, the dim it joined along, and the dim along which the sizes add up to what the layer wants."""

    row: Row
    along: int
    wanted_along: int


def joined_elsewhere(run: Run, crash: Crash) -> Joined | None:
    """The concatenation before a failed layer whose parts have together what the layer wants, along another dim."""
    both = sides(run, crash.failed)
    weights = [is_weight(side) for side in both]
    if weights.count(True) != 1 or crash.clash.role not in ("inner", "feature", "channel"):
        return None
    given, wanted = both[weights.index(False)], both[weights.index(True)].size
    if given.value is None or given.dim is None:
        return None
    for row in list(ancestors(run, given.value))[:_NEAR]:
        if row.op in CONCAT and row.op != "stack" and len(row.inputs) > 1 and row.inputs[0].last:
            rank = len(row.inputs[0].last)
            dim, along = given.dim % rank, _along(row) % rank
            parts = [
                tensor.last for tensor in row.inputs if len(tensor.last) == rank and not tensor.label.startswith("out")
            ]
            if dim != along and len(parts) > 1 and sum(part[dim] for part in parts) == wanted:
                return Joined(row, along, dim)
    return None


def rows_in_a_line(run: Run, crash: Crash) -> Row | None:
    """The concatenation before a failed layer that put vectors, each as long as the layer wants, one behind the other."""
    both = sides(run, crash.failed)
    weights = [is_weight(side) for side in both]
    if weights.count(True) != 1 or crash.clash.role not in ("inner", "feature"):
        return None
    given, wanted = both[weights.index(False)], both[weights.index(True)].size
    last = given.hops[-1].row if given.hops else None
    joined = last is not None and last.op in CONCAT and last.op != "stack" and len(last.inputs) > 1
    if last is not None and any(flattens(row) for part in last.inputs for row in islice(ancestors(run, part), _FEW)):
        return None  # they were rows before
    return last if last is not None and joined and all(part.last == (wanted,) for part in last.inputs) else None


def stacked_beside_joined(run: Run, failed: FailedOp) -> Row | None:
    """The ``stack`` of as many parts as another operand was joined of along its rows: a column for each, where rows were meant."""
    if failed.clash is None or failed.clash.kind != "dim" or (failed.clash.left_dim, failed.clash.right_dim) != (0, 0):
        return None
    made = [side.hops[0].row for side in sides(run, failed) if side.hops]
    if len(made) != 2:
        return None
    for ours, other in (made, made[::-1]):
        rows = other.op in CONCAT and other.op != "stack" and _along(other) == 0 and len(other.inputs) > 1
        if ours.op == "stack" and rows and len(ours.inputs) == len(other.inputs) and _along(ours) != 0:
            return ours
    return None


def _along(row: Row) -> int:
    given = row.args.get("dim", row.args.get("axis", 0))
    return given if isinstance(given, int) else 0
