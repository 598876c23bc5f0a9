"""Squeezes that took nothing away: the dim that was to be dropped has another size than 1, and that size is what is wrong.

A head of two labels gives (batch, seq, 2), and ``values.squeeze(-1)``, written for one value a token, passes it on as it is.
"""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


def squeezed_in_vain(dispute: Dispute) -> Cause | None:
    """Where the size of a side was made that a squeeze was to drop."""
    for index, side in enumerate(dispute.both):
        if squeezed_nothing(side):
            last = side.hops[-1]
            inner = last.row.kind == "module" and dispute.run.row(last.row.owner) is None
            return dispute.blame(
                index, _model_made(dispute.run, last.row) if inner else None, "built" if inner else None
            )
    return None


def squeezed_nothing(side: Side) -> bool:
    """Whether a squeeze on the way of a size named its dim and left it as it was."""
    return any(hop.row.op in ("squeeze", "squeeze_") and _names(hop) for hop in side.hops)


def _names(hop: Hop) -> bool:
    dim, taken = hop.row.args.get("dim"), hop.source
    if type(dim) is not int or taken is None or hop.before is None or hop.size_after == 1:
        return False
    return dim % len(taken.last) == hop.before


def _model_made(run: Run, row: Row) -> Location | None:
    """Where the model was made of which a layer was called by its name, ``model.score(hidden)``."""
    match parsed_text(run.expression(row)):
        case ast.Call(func=ast.Attribute(value=model)):
            for trail in climbs(run.sources, run.chain(row), model, whole=True):
                inside = next((number for number, spot in enumerate(trail.spots) if spot.kind == "return"), None)
                made = trail.spots[inside - 1 if inside else -1]
                if made.kind in ("assign", "argument", "attribute", "entry") and made.line:
                    return run.place(made.file, made.line, made.function)
    return None
