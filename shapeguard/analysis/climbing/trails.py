"""All the ways from a use to the origins of its value, the most telling first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from shapeguard.analysis.climbing.climber import MAX_HOPS, Climber
from shapeguard.analysis.climbing.scopes import Want
from shapeguard.analysis.climbing.spots import Kind, Spot, Trail

MAX_TRAILS = 64
_RANKS: dict[Kind, int] = {"call": 2, "loop": 2, "use": 2, "data": 3, "parameter": 4, "outside": 5}
OPERAND = 1  # a bare literal in the arithmetic


def trails(climber: Climber, want: Want, whole: bool = False) -> list[Trail]:
    """The trails of a want, best first; each begins with the use."""
    start = climber.spot(want.node, want.scope, "use")
    found: dict[tuple[Spot, ...], Trail] = {}
    for trail in _walk(climber, want, (start,), 1, frozenset(), whole):
        known = found.get(trail.spots)
        if known is None or trail.rank < known.rank:
            found[trail.spots] = trail
        if len(found) >= MAX_TRAILS:
            break
    kept = [trail for trail in found.values() if not _is_beginning(trail, list(found.values()))]
    return sorted(kept, key=lambda trail: trail.rank)


def _is_beginning(trail: Trail, others: list[Trail]) -> bool:
    """Whether a literal operand's trail is only the beginning of one that goes on to a better origin."""
    return trail.rank == OPERAND and any(
        other.rank < OPERAND and other.spots[: len(trail.spots)] == trail.spots for other in others
    )


def _walk(
    climber: Climber, want: Want, spots: tuple[Spot, ...], sure: int, seen: frozenset[Want], whole: bool
) -> Iterator[Trail]:
    """Every way onwards from a want. ``sure``: the spots up to which the object itself, no part of it, was sought."""
    if want in seen:
        return
    sure = len(spots) if not want.path else sure
    steps = climber.steps(want, whole) if len(seen) < MAX_HOPS else []
    if not steps:
        yield _ended(climber, want, spots, sure, whole)
    for hop in steps:
        onwards = _with(spots, hop.spot) if hop.spot is not None else spots
        if hop.want is None:
            yield Trail(onwards, _RANKS.get(onwards[-1].kind, 0) if hop.spot is not None else _RANKS["outside"])
        else:
            bound = sure if want.path else len(onwards)  # the name was bound there, even if to a part of something
            yield from _walk(climber, hop.want, onwards, bound, seen | {want}, whole)


def _with(spots: tuple[Spot, ...], spot: Spot) -> tuple[Spot, ...]:
    """The trail and one more spot; the same expression, told of what kind it is, takes the place of itself."""
    told_again = replace(spots[-1], kind=spot.kind) == spot and spots[-1].kind != "use"
    return (*spots[:-1], spot) if told_again else (*spots, spot)


def _ended(climber: Climber, want: Want, spots: tuple[Spot, ...], sure: int, whole: bool) -> Trail:
    """The trail of a want that leads nowhere else."""
    if want.path and whole:
        return Trail(spots[:sure], _RANKS["call"])
    if want.path:
        spot = climber.spot(want.node, want.scope, "call" if isinstance(want.node, ast.Call) else "outside")
        return Trail(_with(spots, spot), _RANKS[spot.kind])
    if isinstance(want.node, ast.Constant):
        rank = OPERAND if want.operand else _RANKS.get(spots[-1].kind, 0) if len(spots) > 1 else 0
        return Trail(spots, 0 if spots[-1].kind == "loop" else rank)
    if isinstance(want.node, ast.Name):
        spot = climber.spot(want.node, want.scope, "outside")
        return Trail((*spots, spot), _RANKS["outside"])
    kind: Kind = "call" if isinstance(want.node, ast.Call) else spots[-1].kind
    spot = climber.spot(want.node, want.scope, kind)
    onwards = spots if spots[-1].line == spot.line and spots[-1].file == spot.file else (*spots, spot)
    return Trail(onwards, 0 if whole else _RANKS["call"])
