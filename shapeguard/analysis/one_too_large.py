"""Indices that are just one too large: counted from 1, reckoned to lie behind the end, counted along a longer list."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from shapeguard.analysis.climb import Spot, chain_of_frames, climbs
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location


def one_too_large(run: Run, crash: Crash, index: int) -> Location | None:
    """Where an index became as large as its table has entries; None where that is not seen, or the index is another one."""
    asks = (_from_one, _one_past, _counted_list, _looped, _numbered) if index == crash.clash.sizes[1] else ()
    return next((place for ask in asks if (place := ask(run, crash)) is not None), None)


def _from_one(run: Run, crash: Crash) -> Location | None:
    """Where as many numbers as there are entries were counted out from 1, ``arange(1, n + 1)``."""
    index, size = crash.failed.operands.get(crash.clash.left), crash.clash.sizes[1]
    row = run.row(index.origin) if index is not None else None
    counted = row is not None and row.op == "arange" and (row.args.get("start"), row.args.get("end")) == (1, size + 1)
    return run.location(row) if row is not None and counted else None


def _one_past(run: Run, crash: Crash) -> Location | None:
    """Where a place was reckoned, in another function, that lies just behind the end: ``[(t, t + stride) for t in starts]``."""
    for spots in _index_trails(run, crash):
        end = spots[-1]
        node = parsed_text(end.node_text) if end.kind in ("assign", "attribute") and end.line else None
        added = (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add) for part in ast.walk(node or ast.Pass()))
        if len(spots) > 2 and any(added):
            return run.at(end)
    return None


def _counted_list(run: Run, crash: Crash) -> Location | None:
    """Where a list was cut, the entries of which a loop counts, ``for i in range(len(names))``: it is longer than the table."""
    frame = run.user_frame
    for spots in _index_trails(run, crash):
        match parsed_text(spots[-1].node_text):
            case ast.Call(
                func=ast.Name(id="range"), args=[ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)])]
            ) if frame is not None:
                ways = climbs(run.sources, chain_of_frames(run, frame), name, whole=True)
                cuts = (spot for way in ways for spot in way.spots[1:])
                made = next((spot for spot in cuts if spot.kind == "assign" and ":" in spot.node_text), None)
                return run.at(made) if made is not None else None
    return None


def _looped(run: Run, crash: Crash) -> Location | None:
    """The loop that counts as many entries as somebody said, ``for i in range(batch_size)``, where the data brought fewer."""
    for spots in _index_trails(run, crash) if crash.suspect.how == "data" else ():
        loop = next((spot for spot in spots if spot.kind == "loop" and spot.line), None)
        match parsed_text(loop.node_text) if loop is not None else None:
            case ast.Call(func=ast.Name(id="range"), args=[ast.Name() | ast.Attribute() | ast.Constant()]) if loop:
                return run.at(loop)
    return None


def _numbered(run: Run, crash: Crash) -> Location | None:
    """Where labels got their numbers, where the classes are as many as were counted, ``len(classes)``: they begin at 1."""
    target, place = crash.failed.operands.get(crash.clash.left), crash.suspect.location
    statement = run.sources[place.file].statement(place.line) if crash.family == "loss" and place.line else None
    called = [ast.unparse(node.func) for node in ast.walk(statement or ast.Pass()) if isinstance(node, ast.Call)]
    row = next((r for r in ancestors(run, target) if r.op in FROM_OUTSIDE), None) if target is not None else None
    if row is None or "len" not in called or (node := call_of(run.expression(row))) is None:
        return None
    for given in node.args[:1]:
        for trail in climbs(run.sources, run.chain(row), given, whole=True):
            last = trail.spots[-1]
            if last.line and last.function != run.chain(row)[0].function and "int(" in last.node_text:
                return run.at(last)
    return None


def _index_trails(run: Run, crash: Crash) -> Iterator[Sequence[Spot]]:
    """The ways to where the one name got its value that the failing line has for the index."""
    frame, index = run.user_frame, crash.clash.sizes[0]
    values = frame.operands if frame is not None else ()
    named = [value.expression for value in values if value.value == index and type(value.value) is int]
    if frame is not None and len(named) == 1 and named[0].isidentifier():
        for trail in climbs(run.sources, chain_of_frames(run, frame), named[0], whole=True):
            yield trail.spots
