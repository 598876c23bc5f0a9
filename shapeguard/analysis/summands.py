"""Sizes that are sums: where each of their terms is written, and where the one is that is too much."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.climb import Spot, climb
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import arguments, computes, parsed, without_shared_constant
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site


def sums(run: Run, row: Row, size: int) -> Iterator[list[tuple[Spot, int]]]:
    """Sums of names among the arguments of a call that come to a size: where each term is written, and what it is."""
    sites = run.chain(row)
    for argument in arguments(run, row, None):
        summed, below, reckoned = _summed(run, sites, argument)
        terms = list(_terms(summed))
        ends = [climb(run.sources, below, term) for term in terms] if len(terms) > 1 else []
        known = [
            bool(trail) and trail[-1].node_text.isdecimal() and not any(map(computes, trail[1:])) for trail in ends
        ]
        told = [
            (_at_fault(run, trail, reckoned), int(trail[-1].node_text))
            for trail, plain in zip(ends, known, strict=True)
            if plain
        ]
        taken = [_taken(trail) for trail, plain in zip(ends, known, strict=True) if trail and not plain]
        if len(taken) == 1 and taken[0] is not None and len(told) + 1 == len(terms):
            told.append((taken[0], size - sum(value for _, value in told)))  # what is left of the sum
        if len(told) == len(terms) > 1 and sum(value for _, value in told) == size:
            yield told


def _taken(trail: list[Spot]) -> Spot | None:
    """Where a number was taken out of a list of several, ``sizes[0]``, or reckoned."""
    picked = next((spot for spot in trail if spot.line and isinstance(parsed(spot), ast.Subscript)), None)
    return picked or next((spot for spot in trail[1:] if spot.line and computes(spot)), None)


def _summed(run: Run, sites: list[Site], argument: ast.expr) -> tuple[ast.expr, list[Site], Spot | None]:
    """The sum that an argument is, or that a caller handed in under its name, the calls that led to it, and where it is reckoned."""
    if isinstance(argument, ast.Name):
        for spot in climb(run.sources, sites, argument):
            node = parsed(spot)
            if isinstance(node, ast.BinOp) and 0 <= spot.depth < len(sites):
                return node, sites[spot.depth :], spot
    return argument, sites, None


def _at_fault(run: Run, trail: list[Spot], reckoned: Spot | None) -> Spot:
    """Where the term of a sum is written; where it is a number that others read as well, the sum."""
    own = without_shared_constant(run, trail)
    return reckoned if len(own) == 1 < len(trail) and reckoned is not None else own[-1]


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    """The names and numbers that a sum adds up; nothing where it is none, or has other terms."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Name() | ast.Attribute() | ast.Constant() as right):
            yield from (left,) if isinstance(left, ast.Name | ast.Attribute | ast.Constant) else _terms(left)
            yield right


def larger_by(run: Run, saved: int, built: int) -> Location | None:
    """Where the term of a sum is chosen by which a buffer that a constructor made is larger than the checkpoint's."""
    rows = [row for row in run.of_kind("op") if not row.inputs and row.outputs and built in row.outputs[0].last]
    if not rows or saved >= built or not run.chain(rows[-1])[0].function.endswith(".__init__"):
        return None
    for argument in arguments(run, rows[-1], None, built):
        summed, below, _ = _summed(run, run.chain(rows[-1]), argument)
        for node in ast.walk(summed) if isinstance(summed, ast.BinOp) else ():
            trail = climb(run.sources, below, node) if isinstance(node, ast.Name | ast.Attribute) else []
            for spot in trail:
                numbers = [n.value for n in ast.walk(parsed(spot) or ast.Pass()) if isinstance(n, ast.Constant)]
                if built - saved in numbers and spot.line:
                    return run.at(spot)
    return None
