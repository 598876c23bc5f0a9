"""How a function was entered: the calls that may have done it."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import objects
from shapeguard.analysis.climbing.chained import CALLED_BY_VALUE
from shapeguard.analysis.climbing.code import last_name
from shapeguard.analysis.climbing.scopes import Arguments, Scope, arguments_of

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

MAX_CALLS = 12
# A library method in between hands its own arguments to the user's forward: only keywords keep their meaning.
_BETWEEN = ("generate", "fit", "train", "evaluate", "apply", "map", "predict", "backward", "checkpoint", "compile")


def calls(climber: Climber, scope: Scope) -> list[Arguments]:
    """The calls that entered a scope's function: the one of the chain, or those that stand in the files."""
    if scope.call is not None:
        return [scope.call]
    name = getattr(scope.frame, "name", "")
    if 0 <= scope.depth < len(climber.chained.sites) - 1:
        found = _on_chain(climber, scope.depth)
        if found is not None:
            return [found]
    if name == "__init__":
        return objects.constructions(climber, scope)
    if not name or name in CALLED_BY_VALUE:
        return []
    return _by_name(climber, scope.file, name)


def _on_chain(climber: Climber, depth: int) -> Arguments | None:
    """The arguments with which the chain's next site entered the function at this depth."""
    call = entering_call(climber, depth)
    if call is None:
        return None
    outer = climber.chained.scope(depth + 1)
    name = getattr(climber.chained.frames[depth], "name", "")
    called = last_name(call.func)
    given = arguments_of(call, outer, passes_self=_passes_self(call))
    direct = called == name or name in CALLED_BY_VALUE or isinstance(call.func, ast.Name)
    if (called in _BETWEEN and called != name) or not direct:
        return replace(given, positional=())
    return given


def entering_call(climber: Climber, depth: int) -> ast.Call | None:
    """The call at the chain's next site that entered the function at this depth."""
    found = climber.chained.calls(depth + 1)
    if len(found) < 2:
        return found[0] if found else None
    frame = climber.chained.frames[depth]
    outer = climber.chained.scope(depth + 1)
    for call in found:
        if any(callee.frame is frame for callee in objects.callees(climber, call, outer)):
            return call
    return found[0] if last_name(found[0].func) == getattr(frame, "name", "") else None


def _passes_self(call: ast.Call) -> bool:
    """``Base.__init__(self, ...)``, where the instance is written out."""
    first = call.args[0] if call.args else None
    is_class = isinstance(call.func, ast.Attribute) and last_name(call.func.value)[:1].isupper()
    return is_class and isinstance(first, ast.Name) and first.id == "self"


def _by_name(climber: Climber, file: str, name: str) -> list[Arguments]:
    """Every call of a function of this name in the files."""
    found: list[Arguments] = []
    for code in climber.base.all(file):
        for call in code.calls_named.get(name, ()):
            if len(found) < MAX_CALLS:
                found.append(arguments_of(call, climber.scope_of(code.name, code.frame_of(call)), _passes_self(call)))
    return found
