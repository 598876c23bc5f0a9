"""A cache that was filled once with the beginning of many texts and is handed out as it is: each text leaves its own positions in it.

``cache = self.prefix`` gives a name to the object, and a model appends to the object it is given. A conversation keeps its cache
too, and says so by putting it back where it was taken from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.cached_calls import cached_calls, cropped, grown_here
from shapeguard.analysis.caches import given_cache, lengths, named
from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.run import Run, per_run
from shapeguard.analysis.source import given_as, parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


class HandedOut(NamedTuple):
    """A call that found more in its cache than the beginning it was filled with, and where the cache got its name."""

    call: Row
    filled: int
    cached: int
    location: Location


def handed_out(run: Run) -> HandedOut | None:
    """The first text after another on a cache whose filling stands in another function, and which is nowhere put back."""
    first: dict[tuple[int, ...], int] = {}  # by the function's calls: what its first text found
    if cropped(run):
        return None
    for row in cached_calls(run):
        found = lengths(row)
        sites = tuple(run.recording.chains[row.chain].sites[:1])
        if found is None or found[1] < 2 or row.error:
            continue
        before = first.setdefault(sites, (lengths(row, first=True) or found)[0])
        if found[0] > before and _filled_apart(run, row, before) and (place := _taken(run, row)) is not None:
            return HandedOut(row, before, found[0], place)
    return None


def shared_default(run: Run) -> tuple[Row, Location] | None:
    """(call, default) of a cache that is the default of a parameter: made once, the same for every call of the function."""
    found = ((row, spot) for row in _one_a_place(run) for spot in _makings(run, row) if spot.kind == "default")
    return next(((row, run.at(spot)) for row, spot in found), None)


def made_at(run: Run, call: Row) -> Location | None:
    """Where the cache that a call was given is made, ``DynamicCache()``, if the code tells."""
    return next((run.at(spot) for spot in _makings(run, call) if spot.line), None)


def _makings(run: Run, call: Row) -> Iterator[Spot]:
    """The calls of a cache's class that a call's ``past_key_values`` can come from."""
    given = given_as(run.expression(call), "past_key_values")
    for trail in climbs(run.sources, run.chain(call), given[0], whole=True) if given else ():
        for spot in trail.spots:
            match parsed_text(spot.node_text):
                case ast.Call(func=ast.Name(id=name)) if name.endswith("Cache"):
                    yield spot


def _one_a_place(run: Run) -> list[Row]:
    """The first call on a cache of each chain of calls."""
    return list({row.chain: row for row in reversed(list(cached_calls(run)))}.values())[::-1]


@per_run
def copied_along(run: Run) -> Location | None:
    """Where the arguments of a call were copied from another's, ``kwargs.copy()``, the cache among them: both have the same one."""
    for call in _one_a_place(run):
        mappings = given_as(run.expression(call), None)
        for mapping in mappings if not grown_here(run, call) else ():
            for trail in climbs(run.sources, run.chain(call), mapping, whole=True):
                spot = next((spot for spot in trail.spots if spot.line and _copies(spot)), None)
                if spot is not None:
                    return run.at(spot)
    return None


def _copies(spot: Spot) -> bool:
    """Whether a spot is a copy of a dict: its entries are the same objects."""
    match parsed_text(spot.node_text):
        case ast.Call(func=ast.Attribute(attr="copy"), args=[]) | ast.Call(func=ast.Name(id="dict"), args=[_]):
            return True
    return False


def _filled_apart(run: Run, call: Row, length: int) -> bool:
    """Whether a call in another function gave a new cache this many positions."""
    here = run.location(call)
    for row in run.of_kind("forward"):
        ids = named(row, "input_ids", "inputs_embeds")
        if row.id > call.id or ids is None or given_cache(row) is not None or ids.last[1:2] != (length,):
            continue
        place = run.location(row)
        if place is not None and here is not None and place.function != here.function:
            return True
    return False


def _taken(run: Run, call: Row) -> Location | None:
    """Where a function takes a cache that is kept elsewhere, as it is, and puts nothing back."""
    given = given_as(run.expression(call), "past_key_values")
    here = run.location(call)
    if not given or not isinstance(given[0], ast.Name) or here is None:
        return None
    trails = climbs(run.sources, run.chain(call), given[0], whole=True)
    spot = next((t.spots[1] for t in trails if len(t.spots) > 2 and _is_name_for_kept(t.spots[1], here)), None)
    if spot is None or any("copy" in other.node_text for t in trails for other in t.spots):
        return None
    return None if _puts_back(run, here, given[0].id) else run.at(spot)


def _is_name_for_kept(spot: Spot, here: Location) -> bool:
    """Whether a place only names what an object keeps, or hands out."""
    match parsed_text(spot.node_text):
        case ast.Attribute(attr=name) if name != "past_key_values":
            return spot.kind == "assign" and spot.function == here.function
        case ast.Call(func=ast.Attribute(value=ast.Name() | ast.Attribute())) | ast.Subscript():
            return spot.kind == "assign" and spot.function == here.function
    return False


def _puts_back(run: Run, here: Location, name: str) -> bool:
    """Whether the function keeps the cache in an object again."""
    function = run.sources[here.file].function_at(here.line)
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Attribute | ast.Subscript) for t in node.targets):
            for part in ast.walk(node.value):
                if (isinstance(part, ast.Name) and part.id == name) or (
                    isinstance(part, ast.Attribute) and part.attr == "past_key_values"
                ):
                    return True
    return False
