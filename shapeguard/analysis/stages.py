"""Layers that a loop builds one after the other, one more than there should be: what is wrong is how often it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import decided
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site


def one_too_many(dispute: Dispute) -> Cause | None:
    """The number of stages, where the last of them made a map twice (or half) as large which had the other's size before it."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2]):
        last, other = side.hops[-1] if side.hops else None, dispute.both[1 - index]
        if last is None or last.row.kind != "module" or (side.dim or 0) < 2 or last.size_before != other.size:
            continue
        built = run.row(last.row.owner)
        large, small = max(side.size, other.size), min(side.size, other.size)
        if built is not None and small > 0 and large > small and large % small == 0 and (place := _counted(run, built)):
            return dispute.blame(index, place, "written")
    return None


def _counted(run: Run, built: Row) -> Location | None:
    """Where the number is decided of the rounds in which a layer was built, ``for i in range(stages)``."""
    sites = run.chain(built)
    for step, site in enumerate(sites):
        for rounds in _rounds(run, site):
            for trail in climbs(run.sources, sites[step:], rounds):
                spot = decided(list(trail.spots))
                if spot is not None and spot.line:
                    return run.at(spot)
    return None


def _rounds(run: Run, site: Site) -> Iterator[ast.expr]:
    """The numbers that the loops around a place run to, the innermost first."""
    source = run.sources[site.file]
    function = source.function_at(site.line) or source.tree or ast.Pass()
    loops = [
        node.iter
        for node in ast.walk(function)
        if isinstance(node, ast.For) and node.lineno < site.line <= (node.end_lineno or node.lineno)
    ]
    parts = [
        generator.iter
        for node in ast.walk(function)
        if isinstance(node, ast.ListComp | ast.GeneratorExp)
        and node.lineno <= site.line <= (node.end_lineno or node.lineno)
        for generator in node.generators
    ]
    for node in (*parts, *reversed(loops)):
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[rounds]):
                yield rounds
