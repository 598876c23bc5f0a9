"""Functions that build a model of fixed numbers, ``def small(): return build(64, 2)``: each is right for its variant."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise

from shapeguard.analysis.climb import Spot, climb, climbs
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.written import parsed
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_CHOICES = frozenset({"argument", "default", "assign", "constant", "option"})  # where somebody wrote a key down


def variant_chosen(run: Run, row: Row, place: Location) -> Location | None:
    """Where the variant was chosen whose numbers stand at a place, on the way to what a row constructed.

    None where they are not those of one of several variants.
    """
    source = run.sources[place.file]
    function = source.function_at(place.line)
    callee = _builds(function) if function is not None else None
    variants = [node for node in source.nodes if isinstance(node, ast.FunctionDef)]
    if callee is None or sum(_builds(other) == callee for other in variants) < 2:
        return None
    for step in range(len(run.chain(row))):
        if run.location(row, step) == place:
            return run.location(row, step + 1)
    return None


def other_variant(run: Run, row: Row, trails: Sequence[Sequence[Spot]], size: int, wanted: int) -> Location | None:
    """Where one of several variants was chosen by its key, ``PRESETS[name]``, of which another one has the number that is wanted."""
    sites = run.chain(row)
    for trail in trails:
        for spot, table in pairwise(trail):
            match parsed(spot), parsed(table):
                case ast.Subscript(slice=ast.Name() | ast.Attribute() as key), ast.Dict(
                    values=[_, _, *_] as values
                ) if 0 <= spot.depth < len(sites):
                    fields = [_numbers(value) for value in values]
                    names = {name for entry in fields for name, number in entry.items() if number == size}
                    chosen = climb(run.sources, sites[spot.depth :], key)
                    told = bool(chosen) and chosen[-1].kind in _CHOICES
                    if told and any(entry.get(name) == wanted for name in names for entry in fields):
                        return run.at(chosen[-1])
    return None


def chosen_by_name(run: Run, row: Row, trails: Sequence[Sequence[Spot]]) -> Location | None:
    """Where the name is written by which the thing was chosen that a number was read off: ``len(vocabulary_of(release))``."""
    sites = run.chain(row)
    for end in (spot for trail in trails for spot in reversed(trail)):
        node = parsed(end) if 0 <= end.depth < len(sites) else None
        for part in ast.walk(node or ast.Pass()):
            called = end.kind == "data" and isinstance(part, ast.Call)
            keys = (
                part.args
                if called and isinstance(part, ast.Call)
                else [part.slice]
                if isinstance(part, ast.Subscript)
                else []
            )
            for key in (key for key in keys if not isinstance(key, ast.Constant)):
                said = climbs(run.sources, sites[end.depth :], key, whole=True)
                told = next((found.spots for found in said if _is_name(found.spots[-1])), ())
                if len(told) > 1:
                    return run.at(told[-1])
    return None


def class_chosen(run: Run, row: Row) -> Location | None:
    """Where the key is written by which the class of a layer was chosen, ``CONV[spatial_dims](...)``: it is one of several."""
    call, sites = call_of(run.expression(row)), run.chain(row)
    for trail in climbs(run.sources, sites, call.func, whole=True) if call is not None else ():
        for spot in trail.spots:
            match parsed(spot):
                case ast.Subscript(slice=ast.Name() | ast.Attribute() as key) if 0 <= spot.depth < len(sites):
                    told = climb(run.sources, sites[spot.depth :], key)
                    if told and told[-1].line and told[-1].kind in (*_CHOICES, "entry"):
                        return run.at(told[-1])
    return None


def _is_name(spot: Spot) -> bool:
    """Whether a text was written down there, as a person does who chooses one of several."""
    node = parsed(spot)
    written = isinstance(node, ast.Constant) and type(node.value) is str
    return written and spot.line > 0 and spot.kind in (*_CHOICES, "entry")


def _numbers(entry: ast.expr) -> dict[str, int]:
    """The numbers of a variant by their names, ``dict(width=64)`` or ``{"width": 64}``."""
    match entry:
        case ast.Dict(keys=keys, values=values):
            pairs = [
                (key.value if isinstance(key, ast.Constant) else None, value)
                for key, value in zip(keys, values, strict=True)
            ]
        case ast.Call(keywords=words):
            pairs = [(word.arg, word.value) for word in words]
        case _:
            pairs = []
    return {
        str(name): value.value
        for name, value in pairs
        if name is not None and isinstance(value, ast.Constant) and type(value.value) is int
    }


def _builds(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """What a function calls that does nothing else than to call it with numbers."""
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    match body:
        case [ast.Return(value=ast.Call(func=callee, args=args, keywords=keywords))]:
            given = [*args, *(keyword.value for keyword in keywords)]
            numbers = [node for node in given if isinstance(node, ast.Constant) and type(node.value) is int]
            return ast.unparse(callee) if numbers else None
    return None
