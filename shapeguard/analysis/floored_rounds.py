"""Rows that a loop over whole pieces has left out: it ran as often as pieces fit, and the rest of the rows got none."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.causes import filled_by
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import sides
from shapeguard.values.findings import Location


class Rounds(NamedTuple):
    """The rows there are, those of a piece, how many pieces were made, and the loop that made them."""

    rows: int
    piece: int
    pieces: int
    loop: Location


def floored_rounds(run: Run, failed: FailedOp) -> Rounds | None:
    """A clash of as many rows as whole pieces have with all of them."""
    both = sides(run, failed)
    for side, other in (both, both[::-1]) if len(both) == 2 else ():
        last = side.hops[-1] if side.hops else None
        if last is None or last.row.kind != "concat" or last.row.op == "stack" or side.dim != 0 or other.dim != 0:
            continue
        pieces = {part.last[0] for part in last.row.inputs if part.last}
        piece = next(iter(pieces)) if len(pieces) == 1 else 0
        count = len(last.row.inputs)
        whole = piece > 1 and count == other.size // piece and other.size % piece and piece * count == side.size
        loop = filled_by(run, last.row) if whole else None
        if loop is not None:
            return Rounds(other.size, piece, count, loop)
    return None
