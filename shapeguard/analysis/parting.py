"""Where two operands that disagree part: what both have in common is not at fault.

* One tensor on both ways: of a skip connection and what it joins, or a series and its moving average, both come from one
  tensor. What happened before it happened to both; the cause lies on the way on which the size changed after it.
* One line for both: two operands made by the same line of a function were made by two calls of it. The line did the same
  twice; the calls differ.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site

MAX_CHANGES = 12  # how often a size may change on the way back to a common tensor


def whole_way(run: Run, of: Side) -> list[Hop]:
    """The events of a size past those that changed it, newest first, as far back as they are known."""
    hops = list(of.hops)
    for _ in range(MAX_CHANGES):
        last = hops[-1] if hops else None
        if last is None or last.source is None or last.before is None or not last.changed:
            break
        further = follow(run, last.source, last.before)
        if not further:
            break
        hops += further
    return hops


def parted(run: Run, left: Side, right: Side) -> tuple[list[Hop], list[Hop]] | None:
    """The two ways since the tensor that both sides come from, newest first; None where they have none in common."""
    ours, theirs = whole_way(run, left), whole_way(run, right)
    places = {_tensor(hop): place for place, hop in reversed(list(enumerate(theirs)))}
    for place, hop in enumerate(ours):
        other = places.get(_tensor(hop))
        if other is not None:
            return ours[:place], theirs[:other]
    return None


def _tensor(hop: Hop) -> tuple[int, int, int]:
    """The tensor that an event made, and the dimension of it that is followed."""
    return hop.row.id, hop.after, hop.size_after


def only_changed_way(run: Run, left: Side, right: Side) -> int | None:
    """Index of the one side whose size changed since the tensor both come from; None where both or none did."""
    ways = parted(run, left, right)
    if ways is None:
        return None
    changed = [any(hop.changed for hop in way) for way in ways]
    return changed.index(True) if changed.count(True) == 1 else None


def extra_change(run: Run, left: Side, right: Side) -> tuple[int, Hop] | None:
    """(side, event) of the one change that a way has more than the other, where both changed the size alike before it."""
    ways = parted(run, left, right)
    if ways is None:
        return None
    ours, theirs = ([hop for hop in reversed(way) if hop.changed] for way in ways)
    while ours and theirs and _change(ours[0]) == _change(theirs[0]):
        ours, theirs = ours[1:], theirs[1:]
    if bool(ours) == bool(theirs):
        return None
    return (0, ours[0]) if ours else (1, theirs[0])


def _change(hop: Hop) -> tuple[int | None, int]:
    return hop.size_before, hop.size_after


def callers_part(run: Run, row: Row, other: Row) -> Location | None:
    """The nearest caller of a row's line that is not the caller of the other row, where both rows stand on one line."""
    chains = run.recording.chains
    ours, theirs = chains[row.chain].sites, chains[other.chain].sites
    if ours[:1] != theirs[:1] or ours == theirs:
        return None
    return run.location(row, _first_difference(ours, theirs))


def made_apart(run: Run, row: Row, other: Row) -> Location | None:
    """Where an object was made that the calls which led to two rows were given, each its own, by one function: they differ in it."""
    ours, theirs = run.chain(row), run.chain(other)
    step = _first_difference([site.id for site in ours], [site.id for site in theirs])
    if not 0 < step < min(len(ours), len(theirs)):
        return None
    calls = [_call_of(run, sites[step], sites[step - 1].function) for sites in (ours, theirs)]
    given = [list(call.args) if call is not None else [] for call in calls]
    for one, another in zip(*given, strict=False):
        if isinstance(one, ast.Name) and isinstance(another, ast.Name) and one.id != another.id:
            made = [_maker(run, sites[step:], name) for sites, name in ((ours, one), (theirs, another))]
            if made[0] is not None and made[1] is not None and made[0][1] == made[1][1]:
                return made[0][0]
    return None


def _call_of(run: Run, site: Site, function: str) -> ast.Call | None:
    """The call of a function in the statement of a site; of a generator it is not what the site itself stands for."""
    statement = run.sources[site.file].statement(site.line)
    name = function.rpartition(".")[2]
    for node in ast.walk(statement) if statement is not None else ():
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if called == name:
                return node
    return None


def _maker(run: Run, sites: Sequence[Site], name: ast.Name) -> tuple[Location, str] | None:
    """Where a name got an object, and what it called for it."""
    for trail in climbs(run.sources, sites, name, whole=True):
        spot = next((spot for spot in trail.spots[1:] if spot.line), None)
        node = parsed_text(spot.node_text) if spot is not None else None
        statement = run.sources[spot.file].statement(spot.line) if spot is not None else None
        match statement:  # of several names that get their values in one statement it is this one's
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                places = [number for number, target in enumerate(names) if ast.unparse(target) == name.id]
                node = values[places[0]] if places and places[0] < len(values) else node
        if spot is not None and isinstance(node, ast.Call):
            return run.at(spot), ast.unparse(node.func)
    return None


def made_fitting_before(run: Run, row: Row, dim: int, size: int) -> Location | None:
    """The call that led to a row, where the same line made the wanted size before for another call."""
    for other in reversed(run.rows[: row.id]):
        made = other.op == row.op and other.outputs and dim < len(other.outputs[0].last)
        if made and other.outputs[0].last[dim] == size and run.at_one_place(other, row):
            return callers_part(run, row, other)
    return None


def only_failing_call(run: Run, row: Row) -> Location | None:
    """The call of a helper in which its line failed, where that line passed when others called it and never for this one."""
    chains = run.recording.chains
    sites = chains[row.chain].sites
    passed = [r for r in run.rows if r.op == row.op and not r.error and r.first_at < row.first_at]
    passed = [r for r in passed if run.at_one_place(r, row)]
    if not passed or len(sites) < 2 or any(chains[r.chain].sites[:2] == sites[:2] for r in passed):
        return None
    return run.location(row, 1)


def _first_difference(ours: Sequence[int], theirs: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
