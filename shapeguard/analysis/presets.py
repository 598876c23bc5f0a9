"""Functions that build a model of fixed numbers, ``def small(): return build(64, 2)``: each is right for its variant."""

from __future__ import annotations

import ast

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


def variant_chosen(run: Run, row: Row, place: Location) -> Location | None:
    """Where the variant was chosen whose numbers stand at a place, on the way to what a row constructed.

    None where they are not those of one of several variants.
    """
    source = run.sources[place.file]
    function = source.function_at(place.line)
    callee = _builds(function) if function is not None else None
    variants = [node for node in ast.walk(source.tree or ast.Module([], [])) if isinstance(node, ast.FunctionDef)]
    if callee is None or sum(_builds(other) == callee for other in variants) < 2:
        return None
    for step in range(len(run.chain(row))):
        if run.location(row, step) == place:
            return run.location(row, step + 1)
    return None


def _builds(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """What a function calls that does nothing else than to call it with numbers."""
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    match body:
        case [ast.Return(value=ast.Call(func=callee, args=args, keywords=keywords))]:
            given = [*args, *(keyword.value for keyword in keywords)]
            numbers = [node for node in given if isinstance(node, ast.Constant) and type(node.value) is int]
            return ast.unparse(callee) if numbers else None
    return None
