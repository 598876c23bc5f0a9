"""Which argument of a call a parameter gets."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.climbing.scopes import Arguments, Given, Path


class Found(NamedTuple):
    """An argument, the part of it that the parameter gets, and what is left of the wanted path."""

    given: Given
    path: Path


def argument(function: ast.arguments, method: bool, call: Arguments, name: str, path: Path) -> Found | None:
    """The argument that a call gives to a parameter of which the part ``path`` is wanted."""
    places = [arg.arg for arg in (*function.posonlyargs, *function.args)]
    if method and not call.passes_self:
        places = places[1:]
    if function.kwarg is not None and function.kwarg.arg == name:
        return _by_keyword(call, path[0], path[1:]) if path and isinstance(path[0], str) else None
    if function.vararg is not None and function.vararg.arg == name:
        index = path[0] if path and isinstance(path[0], int) and path[0] >= 0 else 0
        return _by_place(call, len(places) + index, path[1:])
    found = _by_keyword(call, name, path, mappings=False)
    if found is None and name in places:
        found = _by_place(call, places.index(name), path)
    return found or _by_keyword(call, name, path)


def default(function: ast.arguments, name: str) -> ast.expr | None:
    """The default of a parameter."""
    places = [*function.posonlyargs, *function.args]
    for arg, value in zip(places[len(places) - len(function.defaults) :], function.defaults, strict=True):
        if arg.arg == name:
            return value
    for arg, kw_value in zip(function.kwonlyargs, function.kw_defaults, strict=True):
        if arg.arg == name:
            return kw_value
    return None


def field_argument(fields: list[str], call: Arguments, name: str, path: Path) -> Found | None:
    """The argument for a field of a dataclass or named tuple."""
    found = _by_keyword(call, name, path, mappings=False)
    if found is None and name in fields:
        found = _by_place(call, fields.index(name), path)
    return found or _by_keyword(call, name, path)


def _by_keyword(call: Arguments, name: str, path: Path, mappings: bool = True) -> Found | None:
    for keyword, given in call.keywords:
        if keyword == name:
            return Found(given, path)
    if mappings:
        for keyword, given in call.keywords:
            if keyword is None:
                return Found(given, (name, *path))
    return None


def _by_place(call: Arguments, index: int, path: Path) -> Found | None:
    for place, given in enumerate(call.positional[: index + 1]):
        if isinstance(given.node, ast.Starred):
            return Found(Given(given.node.value, given.scope), (index - place, *path))
    return Found(call.positional[index], path) if index < len(call.positional) else None
