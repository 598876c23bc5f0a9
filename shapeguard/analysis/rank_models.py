"""Models that the ranks built apart: DistributedDataParallel wants the same parameters on all of them."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.collectives import ranks
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.source import given_at, unpacked_at
from shapeguard.analysis.written import parsed
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


class BuiltApart(NamedTuple):
    """The first layer that this rank built with another number than some other rank."""

    row: Row
    name: str
    mine: int
    rank: int
    other: int
    theirs: int


def built_apart(run: Run) -> BuiltApart | None:
    """The layer in which the models of two ranks differ, where their comparison failed."""
    failed = run.failed_row("collective")
    if failed is None or failed.op != "DistributedDataParallel":
        return None
    members = ranks(run)
    rank = next((number for number, process in members.items() if process is run), None)
    for other, process in sorted(members.items()) if rank is not None else ():
        found = _difference(run, process) if other != rank else None
        if found is not None and rank is not None:
            row, name, mine, theirs = found
            return BuiltApart(row, name, mine, rank, other, theirs)
    return None


def chosen_at(run: Run, found: BuiltApart) -> Location | None:
    """Where the rank drew or computed its number, with a call: what is written in the code is the same on all ranks."""
    call = call_of(run.expression(found.row))
    place = list(found.row.args).index(found.name)
    given = (given_at(call, found.name, place) or unpacked_at(call, place)) if call is not None else None
    trails = climbs(run.sources, run.chain(found.row), given, value=found.mine) if given is not None else []
    for trail in trails:
        for spot in reversed(trail.spots):
            if spot.kind == "assign" and spot.line and isinstance(parsed(spot), ast.Call):
                return run.at(spot)
    ends = [spot for trail in trails for spot in trail.spots[-1:] if spot.kind == "data"]
    return next((_filled_at(run, spot) or run.at(spot) for spot in ends), None)


def _filled_at(run: Run, spot: Spot) -> Location | None:
    """The last statement before a length was asked for that gave the object something more: ``tokenizer.add_tokens(words)``."""
    function = run.sources[spot.file].function_at(spot.line)
    filled = (spot.node_text, spot.node_text.rpartition(".")[0])  # of an object's own table as well
    lines = [
        node.lineno
        for node in ast.walk(function or ast.Pass())
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and ast.unparse(node.value.func.value) in filled
        and node.value.args
        and node.lineno < spot.line
    ]
    return run.place(spot.file, max(lines), spot.function) if lines else None


def _difference(run: Run, other: Run) -> tuple[Row, str, int, int] | None:
    """The first thing, in the order of construction, that was built with another number."""
    for ours, theirs in zip(run.of_kind("construct"), other.of_kind("construct"), strict=False):
        if ours.op != theirs.op or run.location(ours) != other.location(theirs):
            return None
        for name, mine in ours.args.items():
            number = theirs.args.get(name)
            if type(mine) is int and type(number) is int and mine != number:
                return ours, name, mine, number
    return None
