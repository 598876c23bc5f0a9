"""A layer that wants as many features as several tensors have together: they were joined along another dim before it."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.concat import CONCAT
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import is_weight, sides
from shapeguard.values.recording import Row

_NEAR = 12  # how many ops before the layer a concatenation still belongs to it


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


def _along(row: Row) -> int:
    given = row.args.get("dim", row.args.get("axis", 0))
    return given if isinstance(given, int) else 0
