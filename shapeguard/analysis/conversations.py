"""Conversations: texts that go on from call to call, told by what the program keeps of each answer."""

from __future__ import annotations

import ast

from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_KEEPING = frozenset({"append", "extend"})


def goes_on(run: Run, call: Row) -> bool:
    """Whether the function that makes a call adds something to what its object keeps, a history, once the call has answered."""
    place = run.location(call)
    function = run.sources[place.file].function_at(place.line) if place is not None else None
    if function is None or place is None:
        return False
    return any(_adds(node) for node in ast.walk(function) if isinstance(node, ast.stmt) and node.lineno > place.line)


def _adds(statement: ast.stmt) -> bool:
    """``self.history.append(...)``, ``self.history += ...``, ``self.history = self.history + ...``."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self")), attr=name))):
            return name in _KEEPING
        case ast.AugAssign(target=ast.Attribute(value=ast.Name(id="self")), op=ast.Add()):
            return True
        case ast.Assign(targets=[ast.Attribute() as target], value=ast.BinOp(left=left, op=ast.Add())):
            return ast.unparse(target) == ast.unparse(left)
    return False
