"""Containers that begin empty: what is put into them afterwards."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing.code import Code, Definition
from shapeguard.analysis.climbing.scopes import EACH, Hop, Scope, Want

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

MAX_PUT = 8
_ADDING = {"append": 0, "appendleft": 0, "add": 0, "extend": 0, "insert": 1, "update": 0}
_SEVERAL = ("extend", "update")


def put_in(climber: Climber, want: Want) -> list[Hop]:
    """The hops from an empty list or dict to what is appended to it, or set under the wanted key."""
    code = climber.base[want.scope.file]
    names = _names(code, want.node)
    first, rest = (want.path[0], want.path[1:]) if want.path else (EACH, ())
    found: list[Hop] = []
    for node in ast.walk(_region(code, want)):
        value: ast.expr | None = None
        path = rest
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ADDING:
            place = _ADDING[node.func.attr]
            if ast.unparse(node.func.value) in names and len(node.args) > place:
                value = node.args[place]
                path = (first, *rest) if node.func.attr in _SEVERAL else rest
        elif isinstance(node, ast.Assign):
            value = node.value if any(_is_entry(target, names, first) for target in node.targets) else None
        elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) in names:
            value, path = node.value, (first, *rest)
        if value is not None:
            scope = _scope(climber, want, code, node)
            spot = climber.spot(node, scope, "assign", value)
            found.append(Hop(spot, replace(want, node=value, scope=scope, path=path, operand=False)))
    return sorted(found, key=lambda hop: -(hop.spot.line if hop.spot else 0))[:MAX_PUT]


def _names(code: Code, node: ast.AST) -> list[str]:
    """The targets to which the statement of an empty container gives it."""
    statement = code.statement_of(node)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    plain = [item for t in targets for item in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return [ast.unparse(target) for target in plain]


def _region(code: Code, want: Want) -> ast.AST:
    """Where the container may be filled: its function; for ``self.x``, its class."""
    frame = code.frame_of(want.node)
    cls = code.class_of(frame)
    of_self = cls is not None and any(name.startswith("self.") for name in _names(code, want.node))
    return cls if of_self and cls is not None else frame


def _scope(climber: Climber, want: Want, code: Code, node: ast.AST) -> Scope:
    frame = code.frame_of(node)
    if frame is want.scope.frame:
        return replace(want.scope, at=node)
    scope = climber.scope_of(want.scope.file, frame)
    return replace(scope, at=node, this=want.scope.this) if isinstance(frame, Definition) else replace(scope, at=node)


def _is_entry(target: ast.expr, names: list[str], key: object) -> bool:
    """Whether a target is an entry of one of these containers that may be the wanted one."""
    if not isinstance(target, ast.Subscript) or ast.unparse(target.value) not in names:
        return False
    return not isinstance(key, str) or not isinstance(target.slice, ast.Constant) or target.slice.value == key
