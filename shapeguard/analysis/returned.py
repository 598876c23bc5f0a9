"""Parts that one function returned by different ways: what it hands back early is not what it makes in the end."""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side
from shapeguard.values.findings import Location


def returned_early(dispute: Dispute) -> Cause | None:
    """The part of what is joined that a function returned under a condition, where the others came from its last return."""
    if family(dispute.failed.op) != "concat" or len(dispute.both) < 2:
        return None
    ways = [_returned(dispute.run, side) for side in dispute.both[:2]]
    early = [index for index, way in enumerate(ways) if way is not None and way[1]]
    if len(early) != 1 or (way := ways[early[0]]) is None or (other := ways[1 - early[0]]) is None:
        return None
    ours, theirs = way[0], other[0]
    return (
        dispute.blame(early[0], ours, "changed")
        if (ours.file, ours.function) == (theirs.file, theirs.function)
        else None
    )


def _returned(run: Run, side: Side) -> tuple[Location, bool] | None:
    """The return statement that made a part, and whether it stands under a condition; None where none did."""
    place = run.location(side.hops[0].row) if side.hops else None
    function = run.sources[place.file].function_at(place.line) if place is not None else None
    if place is None or function is None:
        return None
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.lineno == place.line:
            return place, node not in getattr(function, "body", ())
    return None
