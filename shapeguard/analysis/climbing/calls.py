"""Calls: of the user's functions, of builtins that hand their argument on, and of libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import fields, libraries, objects
from shapeguard.analysis.climbing.code import last_name
from shapeguard.analysis.climbing.parts import constant_key
from shapeguard.analysis.climbing.returns import returned
from shapeguard.analysis.climbing.scopes import EACH, VALUE, Hop, Scope, Want

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

# Calls that hand on the elements and entries of their first argument.
_HAND_ON = ("list", "tuple", "sorted", "iter", "set", "dict", "copy", "deepcopy", "vars", "asdict", "frozenset")
_NUMBER = ("int", "round", "abs", "float", "index")
_SIZES = ("size", "numel", "dim", "nelement", "stride", "get_seq_length", "tolist", "item")
_OF_DICT = ("items", "values", "keys", "get", "pop", "setdefault", "copy")


def hops(climber: Climber, want: Want, whole: bool) -> list[Hop]:
    """The hops from a call."""
    node = want.node
    assert isinstance(node, ast.Call)
    special = _builtin(climber, want, node, whole)
    if special is not None:
        return special
    found = _of_user(climber, want, node)
    if found is not None:
        return found
    if isinstance(node.func, ast.Attribute):
        special = _method(climber, want, node, node.func, whole)
        if special is not None:
            return special
    return libraries.hops(climber, want, node, whole)


def _of_user(climber: Climber, want: Want, node: ast.Call) -> list[Hop] | None:
    """What a function of the user's returns, or an attribute of an instance of the user's; None for other calls."""
    entered = objects.callees(climber, node, want.scope)
    if not entered:
        return None
    found: list[Hop] = []
    for callee in entered:
        if callee.frame is not None:
            text = (
                libraries.text_entries(climber, want, node) if any(isinstance(part, str) for part in want.path) else []
            )
            scope = Scope(callee.file, callee.frame, call=callee.call, this=callee.this)
            found += text or returned(climber, callee.frame, scope, want.path, want.value)
        elif callee.this is not None and want.path:
            part = want.path[0]
            if isinstance(part, str):
                found += fields.hops(climber, want, [callee.this])
            else:
                found += _of_container(climber, want, callee)
    if found or want.path:
        return found
    return [] if any(callee.frame is None for callee in entered) else None


def _of_container(climber: Climber, want: Want, callee: objects.Callee) -> list[Hop]:
    """An element of an instance of the user's: through ``__iter__``, ``__getitem__``, or a named tuple's field."""
    one = callee.this
    assert one is not None
    part = want.path[0]
    names = [n.target.id for n in one.cls.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    if isinstance(part, int) and -len(names) <= part < len(names):
        return fields.hops(climber, replace(want, path=(names[part], *want.path[1:])), [one])
    for name in ("__getitem__", "__iter__"):
        found = fields.method(climber, one.file, one.cls, name)
        if found is not None:
            path = want.path[1:] if name == "__getitem__" else (EACH, *want.path[1:])
            return returned(climber, found[1], Scope(found[0], found[1], this=one), path, want.value)
    return []


def _builtin(climber: Climber, want: Want, node: ast.Call, whole: bool) -> list[Hop] | None:
    """The hops from calls of builtins; None where the call is none of them."""
    name, args = last_name(node.func), node.args
    if not args or (not isinstance(node.func, ast.Name) and name not in ("deepcopy", "copy", "asdict")):
        return None
    if isinstance(node.func, ast.Attribute) and name == "copy" and not args:
        return None
    if name in _HAND_ON:
        return [climber.on(want, args[0])] if want.path or not whole else []
    if name in _NUMBER:
        return [climber.on(want, args[0])] if not whole else []
    if name == "reversed":
        part = want.path[0] if want.path else EACH
        path = (-1 - part if isinstance(part, int) else part, *want.path[1:])
        return [Hop(None, replace(want, node=args[0], path=path))] if want.path or not whole else []
    if name == "next":
        return [Hop(None, replace(want, node=args[0], path=(EACH, *want.path)))]
    if name == "getattr":
        return _getattr(climber, want, args)
    if name in ("zip", "enumerate", "range", "map"):
        return list(_iterated(climber, want, name, args))
    if name in ("min", "max") and not whole:
        several = args if len(args) > 1 else []
        one = [Hop(None, replace(want, node=args[0], path=(EACH,), value=want.value))]
        return [Hop(None, replace(want, node=arg, operand=True)) for arg in several] or one
    if name == "len" and not whole:
        return _length(climber, want, args[0])
    return None


def _getattr(climber: Climber, want: Want, args: list[ast.expr]) -> list[Hop]:
    key = constant_key(args[1]) if len(args) > 1 else None
    if not isinstance(key, str):
        return []
    found = [Hop(None, replace(want, node=args[0], path=(key, *want.path)))]
    return [*found, climber.on(want, args[2])] if len(args) > 2 else found


def _iterated(climber: Climber, want: Want, name: str, args: list[ast.expr]) -> Iterator[Hop]:
    """What a loop over zip, enumerate, range or map takes."""
    path = want.path
    if name == "range":
        if path:
            yield from (Hop(None, replace(want, node=arg, path=(), value=None, operand=True)) for arg in args)
    elif name == "zip" and len(path) > 1 and isinstance(path[1], int) and path[1] < len(args):
        yield Hop(None, replace(want, node=args[path[1]], path=(path[0], *path[2:])))
    elif name == "zip" and path:
        yield from (Hop(None, replace(want, node=arg, path=(path[0], *path[2:]))) for arg in args)
    elif name == "enumerate" and len(path) > 1 and path[1] == 1:
        yield Hop(None, replace(want, node=args[0], path=(path[0], *path[2:])))
    elif name == "map" and path and len(args) > 1:
        element = ast.Subscript(args[1], ast.Name("each", ast.Load()), ast.Load())
        called = ast.Call(args[0], [element], [])
        yield Hop(None, replace(want, node=called, path=path[1:]))


def _length(climber: Climber, want: Want, node: ast.expr) -> list[Hop]:
    """The literal whose length it is, or the data."""
    ends = climber.things(node, want.scope)
    literal = [end for end in ends if isinstance(end.node, ast.List | ast.Tuple | ast.Dict | ast.Set | ast.Constant)]
    if ends and len(literal) == len(ends):
        return [Hop(climber.spot(end.node, end.scope, "constant"), None) for end in literal]
    return [Hop(climber.spot(node, want.scope, "data"), None)]


def _method(climber: Climber, want: Want, node: ast.Call, func: ast.Attribute, whole: bool) -> list[Hop] | None:
    """Methods that libraries' objects have: sizes of tensors, entries of dicts; None for others."""
    name = func.attr
    if name in _SIZES and not whole:
        return [Hop(climber.spot(node, want.scope, "data", func.value), None)]
    if name not in _OF_DICT or (not want.path and name in ("items", "keys", "values", "copy")):
        return None
    if name in ("get", "pop", "setdefault") and node.args:
        key = constant_key(node.args[0])
        if key is None or _is_environ(func.value):
            return None
        found = [Hop(None, replace(want, node=func.value, path=(key, *want.path)))]
        return [*found, climber.on(want, node.args[1])] if len(node.args) > 1 else found
    if name == "copy":
        return [climber.on(want, func.value)]
    return _of_items(want, func.value, name)


def _of_items(want: Want, owner: ast.expr, name: str) -> list[Hop]:
    """What a loop over the items, keys or values of a dict takes: the keys are its elements, the values any part."""
    if name == "keys" or (name == "items" and want.path[1:2] == (0,)):
        rest = want.path[2:] if name == "items" else want.path[1:]
        return [Hop(None, replace(want, node=owner, path=(EACH, *rest)))]
    rest = want.path[2:] if name == "items" else want.path[1:]
    return [Hop(None, replace(want, node=owner, path=(VALUE, *rest)))]


def _is_environ(node: ast.AST) -> bool:
    """Whether an expression is ``os.environ``."""
    return last_name(node) == "environ"
