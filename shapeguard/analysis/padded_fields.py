"""Fields of a sample that the program pads by itself, as lists: one that is left out of it."""

from __future__ import annotations

import ast

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location

_SEVERAL = 2


def padded_beside(run: Run, field: str) -> Location | None:
    """The last statement of the one function that pads fields, ``row["labels"] = row["labels"] + [PAD] * n``, and not this one."""
    found = []
    for file, function in run.nodes(ast.stmt):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        statements = [node for node in ast.walk(function) if isinstance(node, ast.Assign | ast.AugAssign)]
        padded = {key: node.lineno for node in statements if (key := _padded(node)) is not None}
        if len(padded) >= _SEVERAL and field not in padded:
            found.append((file, max(padded.values()), function.name))
    return run.place(*found[0]) if len(found) == 1 else None


def _padded(node: ast.Assign | ast.AugAssign) -> str | None:
    """The field that a statement fills up with a list of something repeated."""
    match node:
        case ast.Assign(
            targets=[ast.Subscript(slice=ast.Constant(value=str(key))) as target],
            value=ast.BinOp(left=before, op=ast.Add(), right=filling),
        ):
            same = ast.unparse(before) == ast.unparse(target)
        case ast.AugAssign(target=ast.Subscript(slice=ast.Constant(value=str(key))), op=ast.Add(), value=filling):
            same = True
        case _:
            return None
    repeated = isinstance(filling, ast.BinOp) and isinstance(filling.op, ast.Mult)
    return key if same and repeated else None
