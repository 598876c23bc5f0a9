"""Sizes that were multiplied step by step by a list of factors, whose product is not what the other side was multiplied by."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import prod

from shapeguard.analysis.built import construct_row
from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs, possible_values
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.parting import whole_way
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import is_weight
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import written_trails
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site


def other_factors(dispute: Dispute) -> Cause | None:
    """Where the factors are written by which a loop enlarged a side: frames times their product are not as many as the other has."""
    for index, side in enumerate(dispute.both):
        steps = [hop for hop in whole_way(dispute.run, side) if _enlarges(hop)]
        base = steps[-1].size_before if len(steps) > 1 else None
        if base is None or base < 2 or side.size % base or dispute.both[1 - index].size % base:
            continue
        place = next(_factors(dispute.run, _told(dispute.run, steps[-1].row), side.size // base), None)
        if place is not None:
            return dispute.blame(index, place, "written")
    return None


def odd_factor(dispute: Dispute) -> Cause | None:
    """Where the one factor of a layer's width was reckoned that is not the size of the dim it stands for.

    ``Linear(channels * steps * width, ...)`` behind a flatten of (batch, 2, 10, 16): of 2 * 9 * 16 it is the 9.
    """
    run = dispute.run
    built = construct_row(run, dispute.failed)
    for index, side in enumerate(dispute.both):
        first = dispute.both[1 - index].hops[:1]
        merged = [tensor.last[dim] for tensor, dim in first[0].merged] if first else []
        if not is_weight(side) or built is None or len(merged) < 2:
            continue
        for trail in written_trails(run, built, side.size):
            for spot in trail:
                place = _odd(run, run.chain(built)[max(spot.depth, 0) :], parsed_text(spot.node_text), merged)
                if place is not None:
                    return dispute.blame(index, place, "written")
    return None


def _odd(run: Run, chain: list[Site], product: ast.expr | None, sizes: list[int]) -> Location | None:
    """Where the only factor was reckoned that is none of the sizes, all the others being theirs."""
    left, odd = list(sizes), []
    for factor in _multiplied(product):
        values = possible_values(run.sources, chain, factor)
        if values is None or len(values) != 1:
            return None
        (value,) = values
        if value in left:
            left.remove(value)
        else:
            odd.append(factor)
    if len(odd) != 1 or len(left) != 1:
        return None
    trails = climbs(run.sources, chain, odd[0])
    spots = [
        spot for trail in trails for spot in trail.spots[1:2] if spot.kind in ("assign", "attribute") and spot.line
    ]
    return next((run.at(spot) for spot in spots if isinstance(parsed_text(spot.node_text), ast.BinOp)), None)


def _multiplied(node: ast.expr | None) -> list[ast.expr]:
    """The factors of a product; nothing where it is none."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return []
    return [*(_multiplied(node.left) or [node.left]), *(_multiplied(node.right) or [node.right])]


def _enlarges(hop: Hop) -> bool:
    before = hop.size_before or 0
    return hop.changed and 1 < before < hop.size_after and hop.size_after % before == 0 and len(hop.merged) < 2


def _told(run: Run, row: Row) -> Row:
    """What was told the factor: the layer where it was built, or the op itself."""
    return run.row(row.owner) or row if row.kind == "module" else row


def _factors(run: Run, row: Row, product: int) -> Iterator[Location]:
    """The lists of numbers, with this product, from which an argument of a call was taken."""
    call = parsed_text(run.expression(row))
    given = [*call.args, *(word.value for word in call.keywords)] if isinstance(call, ast.Call) else []
    for node in given:
        for trail in climbs(run.sources, run.chain(row), node):
            for spot in trail.spots[1:]:
                numbers = _numbers(spot.node_text)
                if spot.line and len(numbers) > 1 and prod(numbers) == product:
                    yield run.at(spot)


def _numbers(text: str) -> list[int]:
    node = parsed_text(text)
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else []
    numbers = [part.value for part in parts if isinstance(part, ast.Constant) and type(part.value) is int]
    return numbers if len(numbers) == len(parts) else []
