"""Where a container that was made empty got its entries: it is there that its length was decided."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Site

_EMPTY = frozenset({"{}", "[]", "dict()", "list()", "set()", "OrderedDict()", "Counter()"})
_FILLING = frozenset({"append", "add", "setdefault", "update", "extend", "insert"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def where_filled(run: Run, spot: Spot) -> Spot | None:
    """The call that gave another method what it filled the container of a spot with, entry by entry; None where there is none."""
    source = run.sources[spot.file] if spot.node_text in _EMPTY and spot.line else None
    target = _target(source.statement(spot.line)) if source is not None else None
    if source is None or source.tree is None or target is None:
        return None
    for function in ast.walk(source.tree):
        if not isinstance(function, _Function) or function.lineno <= spot.line <= (function.end_lineno or 0):
            continue
        for loop in _loops_that_fill(function, target):
            site = Site(0, spot.file, loop.lineno, loop.lineno, function=function.name)
            for trail in climbs(run.sources, [site], loop.iter, whole=True):
                told = next((found for found in trail.spots if found.kind == "argument"), None)
                if told is not None:
                    return told
    return None


def _target(statement: ast.stmt | None) -> str | None:
    """The attribute that a statement sets, ``self.vocab``."""
    match statement:
        case ast.Assign(targets=[ast.Attribute() as target]) | ast.AnnAssign(target=ast.Attribute() as target):
            return ast.unparse(target)
    return None


def _loops_that_fill(function: _Function, target: str) -> Iterator[ast.For]:
    """The loops of a function in which something is put into a container."""
    for loop in ast.walk(function):
        if isinstance(loop, ast.For) and any(_fills(node, target) for node in ast.walk(loop)):
            yield loop


def _fills(node: ast.AST, target: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=filled, attr=method)) if method in _FILLING:
            return ast.unparse(filled) == target
        case ast.Assign(targets=[ast.Subscript(value=filled)]) | ast.AugAssign(target=ast.Subscript(value=filled)):
            return ast.unparse(filled) == target
    return False
