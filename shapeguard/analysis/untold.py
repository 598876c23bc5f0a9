"""A number left at its default by one call of a function of which another call was told it: nobody thought of it there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise

from shapeguard.analysis.climb import Spot
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import given_at, parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site


def untold(run: Run, row: Row, trail: Sequence[Spot]) -> Location | None:
    """The call that left the parameter out at whose default a climb from a row ended, where another call gave it."""
    use = _defaulted(trail)
    step = _entered(run, row, use) if use is not None else None
    if use is None or step is None:
        return None
    return run.location(row, step + 1) if _told_elsewhere(run, row, use, step) else None


def left_out(run: Run, row: Row, trail: Sequence[Spot]) -> Location | None:
    """The call that left the parameter out at whose default a climb from a row ended."""
    use = _defaulted(trail)
    step = _entered(run, row, use) if use is not None else None
    return run.location(row, step + 1) if step is not None else None


def told_from(run: Run, row: Row) -> Location | None:
    """The call that decided what a row was told: past those that only hand on what they were called with, ``f(**kwargs)``."""
    sites, step = run.chain(row), 0
    while step + 1 < len(sites) and _hands_on(run, sites[step]):
        step += 1
    return run.location(row, step)


def _hands_on(run: Run, site: Site) -> bool:
    """Whether the call at a site opens the mapping that the function around it was called with."""
    function = run.sources[site.file].function_at(site.line)
    node = parsed_text(run.sources[site.file].segment(site.line, site.end_line, site.col, site.end_col))
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or function.args.kwarg is None:
        return False
    opened = [word.value for word in node.keywords if word.arg is None] if isinstance(node, ast.Call) else []
    return any(isinstance(value, ast.Name) and value.id == function.args.kwarg.arg for value in opened)


def _defaulted(trail: Sequence[Spot]) -> Spot | None:
    """The use of a parameter that had its default."""
    uses = (use for use, end in pairwise(trail) if end.kind == "default" and use.node_text.isidentifier())
    return next(uses, None)


def _entered(run: Run, row: Row, use: Spot) -> int | None:
    """How far up a row's calls the function stands in which a name is used, where another one called it."""
    function = run.sources[use.file].function_at(use.line)
    sites = run.chain(row)
    step = next((n for n, site in enumerate(sites) if run.sources[site.file].function_at(site.line) is function), None)
    return step if step is not None and step + 1 < len(sites) else None


def _told_elsewhere(run: Run, row: Row, use: Spot, step: int) -> bool:
    """Whether another call of the function gives the parameter that the one at a step of a row's calls leaves out."""
    function, sites = run.sources[use.file].function_at(use.line), run.chain(row)
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    place = names.index(use.node_text) - (names[:1] == ["self"]) if use.node_text in names else len(names)
    ours, entered = sites[step + 1], sites[step].function
    for other in run.recording.chains:
        theirs = [run.recording.sites[number] for number in other.sites]
        for inner, outer in pairwise(theirs):
            if (
                inner.function == entered
                and inner.file == use.file
                and outer.id != ours.id
                and _tells(run, outer, use, place)
            ):
                return not _tells(run, ours, use, place)
    return False


def _tells(run: Run, site: Site, use: Spot, place: int) -> bool:
    """Whether the call at a site gives the parameter."""
    node = parsed_text(run.sources[site.file].segment(site.line, site.end_line, site.col, site.end_col))
    return isinstance(node, ast.Call) and given_at(node, use.node_text, place) is not None
