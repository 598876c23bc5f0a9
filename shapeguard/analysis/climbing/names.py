"""Names: the assignment, loop, parameter, import or definition that gave a name its value."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import entering, objects
from shapeguard.analysis.climbing.arguments import argument, default
from shapeguard.analysis.climbing.bindings import Binding, at_the_end, reaching
from shapeguard.analysis.climbing.code import Code
from shapeguard.analysis.climbing.fixtures import is_fixture, of_fixture
from shapeguard.analysis.climbing.scopes import Frame, Hop, Path, Scope, Want
from shapeguard.analysis.climbing.spots import Kind, Spot

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

_LITERALS = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp)


def hops(climber: Climber, want: Want, whole: bool) -> list[Hop]:
    """The hops from a name to what can have bound it."""
    assert isinstance(want.node, ast.Name)
    scope, bindings = _bindings(climber, want.node, want.scope)
    return [hop for binding in bindings for hop in _of_binding(climber, replace(want, scope=scope), binding, whole)]


def _bindings(climber: Climber, node: ast.Name, scope: Scope) -> tuple[Scope, list[Binding]]:
    """The bindings of a name, and the scope in which they stand: its own function, one outside, or the module."""
    code = climber.base[scope.file]
    at = node if node in code.parents else scope.at
    found = _found(climber, code, node.id, at, scope.frame)
    while not found and not isinstance(scope.frame, ast.Module):
        outside: Frame = code.frame_of(scope.frame)
        scope = climber.scope_of(scope.file, outside)
        found = _found(climber, code, node.id, None, outside)
    return scope, found


def _found(climber: Climber, code: Code, name: str, at: ast.AST | None, frame: Frame) -> list[Binding]:
    """The bindings of a name in a frame, looked up once."""
    key = (name, at, frame)
    if key not in climber.bound:
        climber.bound[key] = reaching(code, name, at, frame) if at is not None else at_the_end(frame, name)
    return climber.bound[key]


def is_library(climber: Climber, node: ast.Name, scope: Scope) -> bool:
    """Whether a name is imported, and not from a file of the user's that is known."""
    scope, found = _bindings(climber, node, scope)
    here = [_imported(climber, Want(node, scope), binding) for binding in found if binding.how == "import"]
    return bool(here) and not any(here)


def _of_binding(climber: Climber, want: Want, binding: Binding, whole: bool) -> list[Hop]:
    assert isinstance(want.node, ast.Name)
    scope = want.scope
    match binding.how:
        case "parameter":
            return _parameter(climber, want, binding)
        case "define":
            return [Hop(None, replace(want, node=binding.node))]
        case "import":
            return _imported(climber, want, binding)
        case "augment":
            spot = climber.spot(binding.node, scope, "assign", binding.value)
            before = Want(ast.Name(want.node.id, ast.Load()), replace(scope, at=binding.node), want.path)
            added = Want(binding.value or want.node, scope, want.path, operand=True)
            return [Hop(spot, None)] if whole else [Hop(spot, before), Hop(spot, added)]
        case "assign" | "loop" if binding.value is not None:
            value, path = _own_part(binding.value, binding.path)
            is_constant = isinstance(scope.frame, ast.Module) and isinstance(value, _LITERALS)
            kind: Kind = "loop" if binding.how == "loop" else "constant" if is_constant else "assign"
            spot = climber.spot(binding.node, scope, kind, value)
            return [Hop(spot, Want(value, replace(scope, at=binding.node), path + want.path, want.value))]
    return []


def _own_part(value: ast.expr, path: Path) -> tuple[ast.expr, Path]:
    """The number that a name gets where several are bound at once, ``width, depth = 64, 2``, and what is left of the way."""
    match value, path:
        case ((ast.Tuple(elts=items) | ast.List(elts=items)), (int(place), *rest)) if place < len(items):
            if isinstance(items[place], ast.Constant) and not any(isinstance(item, ast.Starred) for item in items):
                return items[place], tuple(rest)
    return value, path


def _parameter(climber: Climber, want: Want, binding: Binding) -> list[Hop]:
    """The arguments that the callers gave, or the default."""
    assert isinstance(want.node, ast.Name)
    frame, scope, name = binding.node, want.scope, want.node.id
    assert isinstance(frame, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    if objects.is_self(climber, scope.file, frame, name):
        return objects.of_self(climber, want)
    if made := of_fixture(climber, want, frame, name):
        return made
    found: list[Hop] = []
    # Where a fixture is called like a function, it is a test's parameter of its name.
    calls = [] if is_fixture(frame) else entering.calls(climber, scope)
    missing = not calls
    for call in calls:
        given = argument(frame.args, objects.is_method(climber, scope.file, frame), call, name, want.path)
        if given is None:
            missing = True
            continue
        spot = climber.spot(given.given.node, given.given.scope, "argument")
        found.append(Hop(spot, Want(given.given.node, given.given.scope, given.path, want.value)))
    value = default(frame.args, name)
    if missing and value is not None:
        outside = climber.scope_of(scope.file, climber.base[scope.file].frame_of(frame))
        spot = climber.spot(frame, scope, "default", value)
        found.append(Hop(_at_definition(climber, spot, scope, frame), Want(value, outside, want.path, want.value)))
    if not found:
        spot = climber.spot(frame, scope, "parameter", want.node)
        found.append(Hop(_at_definition(climber, spot, scope, frame), None))
    return found


def _at_definition(climber: Climber, spot: Spot, scope: Scope, frame: Frame) -> Spot:
    """A default stands in the head of its function, and is told with that function's name."""
    return replace(spot, function=climber.base[scope.file].qualname(frame))


def _imported(climber: Climber, want: Want, binding: Binding) -> list[Hop]:
    """The name in the file it was imported from, when that file is known."""
    assert isinstance(want.node, ast.Name)
    statement, file, name = binding.node, want.scope.file, want.node.id
    if isinstance(statement, ast.ImportFrom):
        alias = next(a for a in statement.names if (a.asname or a.name) == name)
        module = "." * statement.level + (statement.module or "")
        code = climber.base.module(f"{statement.module or ''}.{alias.name}", file)
        if code is not None:
            return [Hop(None, Want(code.tree, Scope(code.name, code.tree), want.path, want.value))]
        code = climber.base.module(module, file)
        target = ast.Name(alias.name, ast.Load())
        return [Hop(None, Want(target, Scope(code.name, code.tree), want.path, want.value))] if code is not None else []
    assert isinstance(statement, ast.Import)
    for alias in statement.names:
        dotted = alias.name.split(".")
        steps = () if alias.asname else tuple(dotted[1:])
        code = climber.base.module(alias.name, file)
        if code is not None and (alias.asname or dotted[0]) == name and want.path[: len(steps)] == steps:
            return [Hop(None, Want(code.tree, Scope(code.name, code.tree), want.path[len(steps) :], want.value))]
    return []
