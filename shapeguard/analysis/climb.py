"""The door of the climb: from an expression to the line in which its value was written down.

Nothing of the user's is executed: the answer comes from the syntax trees of the files, the call chain and known values.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from shapeguard.analysis.climbing.climber import Climber, Known
from shapeguard.analysis.climbing.code import Code, Codebase, codebase
from shapeguard.analysis.climbing.scopes import Scope, Want
from shapeguard.analysis.climbing.spots import Spot, Trail
from shapeguard.analysis.climbing.trails import trails
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import Sources
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, Site

__all__ = ["Spot", "Trail", "chain_of_frames", "climb", "climbs", "leaves", "named_at", "possible_values", "written_at"]


def climb(
    sources: Sources,
    chain: Sequence[Site],
    expression: str | ast.expr,
    *,
    value: int | None = None,
    known: Known | None = None,
) -> list[Spot]:
    """The trail from the use of an expression, at the chain's first site, to the place where its value is written.

    ``value`` is what the expression was; ways that contradict it are dropped. The last spot is the origin.
    """
    found = climbs(sources, chain, expression, value=value, known=known)
    return list(found[0].spots) if found else []


def leaves(
    sources: Sources,
    chain: Sequence[Site],
    expression: str | ast.expr,
    *,
    value: int | None = None,
    known: Known | None = None,
) -> list[Spot]:
    """All origins of a value, those that a person wrote down before those that come from data."""
    found = climbs(sources, chain, expression, value=value, known=known)
    return list(dict.fromkeys(trail.spots[-1] for trail in found))


def first_named(trails: Sequence[Trail]) -> Spot | None:
    """The first spot on the trails, in their order, at which a name got its value."""
    return next((spot for trail in trails for spot in trail.spots if spot.kind == "assign" and spot.line), None)


def climbs(
    sources: Sources,
    chain: Sequence[Site],
    expression: str | ast.expr,
    *,
    value: int | None = None,
    known: Known | None = None,
    whole: bool = False,
) -> list[Trail]:
    """All trails, the most telling first. ``whole``: to where the object is made, not to the ints it is made of."""
    base = codebase(sources)
    climber = Climber(base, chain, known)
    want = _want(climber, base, chain, expression, value)
    return trails(climber, want, whole) if want is not None else []


def possible_values(sources: Sources, chain: Sequence[Site], expression: ast.expr) -> frozenset[int] | None:
    """The ints that an expression can be at a site, by the code alone; None where that is not known."""
    climber = Climber(codebase(sources), chain)
    want = _want(climber, climber.base, chain, expression, None)
    return climber.possible(want) if want is not None else None


def _want(
    climber: Climber, base: Codebase, chain: Sequence[Site], expression: str | ast.expr, value: int | None
) -> Want | None:
    """The expression in the scope of the chain's first site."""
    if not chain or chain[0].file not in base.codes:
        return None
    scope = climber.chained.scope(0)
    code = base[chain[0].file]
    if isinstance(expression, str) or expression not in code.parents:
        node = _node(code, scope, expression if isinstance(expression, str) else ast.unparse(expression))
        node = node or (None if isinstance(expression, str) else expression)
    else:
        node = expression
    return Want(node, scope, value=value) if node is not None else None


def _node(code: Code, scope: Scope, expression: str) -> ast.expr | None:
    """The expression as it stands in the statement of the scope, else parsed by itself; None if it is none."""
    try:
        parsed = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if scope.at is not None:
        text = ast.unparse(parsed)
        for node in ast.walk(scope.at):
            if isinstance(node, ast.expr) and type(node) is type(parsed) and ast.unparse(node) == text:
                return node
    return parsed


def written_at(run: Run, frame: FrameInfo, expression: str) -> Location | None:
    """The place in which the object that an expression stands for in a frame is made; None if that is not known."""
    found = climbs(run.sources, chain_of_frames(run, frame), expression, whole=True)
    if not found:
        return None
    spots = found[0].spots
    known = [spot for spot in spots if spot.kind not in ("outside", "parameter") and spot.line]
    if not known or (known[-1].kind == "use" and known[-1] != spots[-1]):
        return None
    spot = known[-1]
    return run.at(spot)


def attribute_set(run: Run, chain: Sequence[Site], expression: str | ast.expr) -> Spot | None:
    """The statement that set an attribute which an expression reads, ``self.table``."""
    for trail in climbs(run.sources, chain, expression, whole=True):
        spot = next((spot for spot in trail.spots[1:] if spot.kind == "attribute" and spot.line), None)
        if spot is not None:
            return spot
    return None


def named_at(run: Run, frame: FrameInfo, expression: str) -> Location | None:
    """Where an expression of a frame got its value in the same function; None where it came from elsewhere.

    Of several assignments it is the one that can have run: what it calls was seen, or it calls nothing.
    """
    trails = climbs(run.sources, chain_of_frames(run, frame), expression, whole=True)
    spots = [trail.spots[1] for trail in trails if len(trail.spots) > 1 and trail.spots[1].kind == "assign"]
    spots = [spot for spot in spots if spot.function.rpartition(".")[2] == frame.function.rpartition(".")[2]]
    seen = {site.line for site in run.recording.sites if site.file == frame.file}
    ran = [spot for spot in spots if "(" not in spot.node_text or spot.line in seen]
    ran = ran or (spots if len({spot.line for spot in spots}) == 1 else [])
    return run.at(ran[0]) if ran else None


def chain_of_frames(run: Run, frame: FrameInfo) -> list[Site]:
    """The user's frames of the failure from this one outwards, as a call chain, innermost first."""
    frames = list(run.frames)
    if frame not in frames:
        return [_site(run.sources, 0, frame)]
    outer = frames[: len(frames) - frames[::-1].index(frame)]
    return [_site(run.sources, i, one) for i, one in enumerate(f for f in reversed(outer) if f.user)]


def _site(sources: Sources, number: int, frame: FrameInfo) -> Site:
    """A frame as a site, with columns where its expression is found in its statement."""
    end = max(frame.end_line, frame.line)
    site = Site(number, frame.file, frame.line, end, function=frame.function)
    source = sources[frame.file]
    statement = source.statement(frame.line)
    if statement is None or not frame.expression:
        return site
    text = " ".join(frame.expression.split())
    for node in ast.walk(statement):
        if isinstance(node, ast.expr) and node.end_lineno is not None and node.end_col_offset is not None:
            place = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            if " ".join(source.segment(*place).split()) == text:
                return Site(number, frame.file, *place, function=frame.function)
    return site
