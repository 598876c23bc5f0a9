"""Results of batches, the last of them smaller, that are stacked as if all were of one size."""

from __future__ import annotations

from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run

_SEVERAL = 2
_CUT = ("getitem", "split", "chunk", "narrow")


def smaller_last_batch(run: Run, failed: FailedOp) -> tuple[int, int] | None:
    """Rows of the last batch and of those before, whose results are stacked as if all were as long: they are to be joined."""
    shapes = [shape for _, shape in failed.call.tensors]
    if failed.op != "stack" or len(shapes) < _SEVERAL or not all(shapes) or len(set(shapes[:-1])) != 1:
        return None
    last, full = shapes[-1], shapes[0]
    values = [failed.operands.get(label) for label, _ in failed.call.tensors]
    made = [run.row(value.origin) if value is not None else None for value in values]
    one_place = all(row is not None and made[0] is not None and run.at_one_place(row, made[0]) for row in made)
    if last[1:] != full[1:] or last[0] >= full[0] or not one_place:
        return None
    ways = [follow(run, value, 0) for value in values if value is not None]
    results = all(any(hop.row.kind in ("module", "forward") for hop in hops) for hops in ways)
    pieces = all(hops and (hops[-1].row.op in _CUT or hops[-1].row.kind in ("concat", "loader")) for hops in ways)
    return (last[0], full[0]) if results and pieces else None
