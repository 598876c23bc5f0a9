"""A size that was taken from one entry of a list which has one for each layer, stage or head."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.sides import Side
from shapeguard.analysis.written import parsed, whole_trails
from shapeguard.values.findings import Location

_Entry = tuple[str, bool, Location]  # the list's name, whether the index is a number in the code, the place


def one_for_all(dispute: Dispute) -> Cause | None:
    """The side whose size is the same entry of a list for all, ``sizes[0]``, where the other's is the one of its turn, ``sizes[i]``."""
    taken = [list(_entries(dispute, side)) for side in dispute.both[:2]]
    for index, ours in enumerate(taken):
        theirs = {name for name, fixed, _ in taken[index - 1] if not fixed} if len(taken) == 2 else set()
        for name, fixed, place in ours:
            if fixed and name in theirs:
                return dispute.blame(index, place, "written")
    return None


def _entries(dispute: Dispute, side: Side) -> Iterator[_Entry]:
    """The entries of lists on the way of a number that an op or a layer was given."""
    last, run = side.hops[-1] if side.hops else None, dispute.run
    made = run.row(last.row.owner) or last.row if last is not None else None
    if last is None or made is None:
        return
    for trail in whole_trails(run, made, side.size, last.after if made is last.row else None):
        for spot in trail:
            for part in ast.walk(parsed(spot) or ast.Pass()):
                match part:
                    case ast.Subscript(value=ast.Attribute(attr=name) | ast.Name(id=name), slice=index) if spot.line:
                        fixed = isinstance(index, ast.Constant) and type(index.value) is int
                        if fixed or isinstance(index, ast.Name):
                            yield name, fixed, run.at(spot)
