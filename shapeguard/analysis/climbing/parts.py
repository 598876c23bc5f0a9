"""Parts of values: attributes, subscripts, and the part of a literal that a path names."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import growing, objects, texts
from shapeguard.analysis.climbing.fields import hops as field_hops
from shapeguard.analysis.climbing.scopes import EACH, VALUE, Each, Hop, Instance, Path, Want
from shapeguard.analysis.climbing.spots import Spot

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

SIZES = ("shape", "ndim", "T", "mT")  # attributes of a tensor that come from data


def hops(climber: Climber, want: Want, whole: bool) -> list[Hop]:
    """The hops from an attribute or a subscript: what this function gave it, else the part of its owner."""
    node = want.node
    assert isinstance(node, ast.Attribute | ast.Subscript)
    here = list(_given_here(climber, want))
    if isinstance(node, ast.Attribute):
        if node.attr in SIZES and not here and not _is_users(climber, want, node):
            return [] if whole else [Hop(climber.spot(node, want.scope, "data", node.value), None)]
        return [*here, Hop(None, replace(want, node=node.value, path=(node.attr, *want.path), operand=False))]
    path = _subscripted(node.slice, want.path, whole)
    if path is None:
        return here
    return [*here, Hop(None, replace(want, node=node.value, path=path, operand=False))]


def _is_users(climber: Climber, want: Want, node: ast.Attribute) -> bool:
    """Whether an object of a class of the user's has an attribute of this name."""
    probe = Want(node, want.scope, (node.attr,))
    return any(field_hops(climber, probe, [one]) for one in objects.instances(climber, node.value, want.scope))


def _given_here(climber: Climber, want: Want) -> Iterator[Hop]:
    """The last assignment before this line, in the same function, to the very same attribute or entry."""
    node, scope = want.node, want.scope
    code = climber.base[scope.file]
    line = code.line_of(node if node in code.parents else scope.at)
    before = [stmt for stmt in code.assigned.get(ast.unparse(node), ()) if stmt.lineno < line]
    last = next((stmt for stmt in reversed(before) if code.frame_of(stmt) is scope.frame), None)
    if last is not None:
        yield Hop(climber.spot(last, scope, "attribute", last.value), replace(want, node=last.value, operand=False))


def _subscripted(index: ast.expr, path: Path, whole: bool) -> Path | None:
    """The wanted part of the owner; None where the subscript makes a new object."""
    key = constant_key(index)
    if key is not None:
        return (key, *path)
    if isinstance(index, ast.Slice):
        if not path:
            return None if whole else ()
        return _sliced(index, path)
    if isinstance(index, ast.Tuple) and whole and not path:
        return None
    return (EACH, *path)


def _sliced(index: ast.Slice, path: Path) -> Path:
    """The place in the owner of a place in its slice."""
    place, rest = path[0], path[1:]
    low = constant_key(index.lower) if index.lower is not None else 0
    step = constant_key(index.step) if index.step is not None else 1
    if not isinstance(place, int) or not isinstance(low, int) or step not in (1, -1):
        return (EACH, *rest) if isinstance(place, int) else path
    if step == -1:
        return (-1 - place, *rest) if index.lower is None and index.upper is None else (EACH, *rest)
    if place < 0:
        return path if index.upper is None else (EACH, *rest)
    return (low + place, *rest) if low >= 0 else (low + place if low + place < 0 else EACH, *rest)


def constant_key(node: ast.AST | None) -> str | int | None:
    """A key or index that is written out."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return -node.operand.value if isinstance(node.operand.value, int) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return node.value
    return None


# -- parts of literals ---------------------------------------------------------------------------------------------


def project(climber: Climber, want: Want) -> list[Hop]:
    """The hops from a literal, a comprehension, a module or a class to the part of it that the path names."""
    first, rest = want.path[0], want.path[1:]
    match want.node:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return growing.put_in(climber, want)
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            return [_entry(want, node, path) for node, path in _elements(elts, first, rest)]
        case ast.Dict():
            return _of_dict(climber, want, want.node)
        case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt) if not isinstance(first, str):
            return [_nth(want, want.node, first, rest) or _entry(want, elt, rest)]
        case ast.DictComp(key=key, value=value):
            return [_entry(want, key if first is EACH else value, rest)]
        case ast.BinOp(left=left, right=right):
            return _of_operation(want, left, right)
        case ast.Constant():
            return _of_text(climber, want, want.node)
        case ast.Module() if isinstance(first, str):
            return [Hop(None, replace(want, node=ast.Name(first, ast.Load()), path=rest))]
        case ast.ClassDef() if isinstance(first, str):
            return field_hops(climber, want, [Instance(want.scope.file, want.node)])
    return []


def _nth(want: Want, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, first: int | Each, rest: Path) -> Hop | None:
    """The n-th element of a comprehension over a literal, with the literal's n-th entry in the place of the loop's name."""
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=name), iter=ast.Tuple(elts=elts) | ast.List(elts=elts), ifs=[])]:
            if isinstance(first, int) and -len(elts) <= first < len(elts) and isinstance(elts[first], ast.Constant):
                element = _Named(name, elts[first]).visit(copy.deepcopy(node.elt))
                return Hop(None, replace(want, node=element, scope=replace(want.scope, at=node), path=rest))
    return None


class _Named(ast.NodeTransformer):
    """Puts a value in the place of a name."""

    def __init__(self, name: str, value: ast.expr) -> None:
        self.name = name
        self.value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.value if node.id == self.name else node


def _entry(want: Want, node: ast.AST, path: Path) -> Hop:
    return Hop(None, replace(want, node=node, path=path, operand=False))


def _elements(elts: list[ast.expr], first: str | int | Each, rest: Path) -> Iterator[tuple[ast.expr, Path]]:
    """The elements that an index or a loop takes; a starred one stands for those of its value."""
    if isinstance(first, str):
        return
    stars = [i for i, item in enumerate(elts) if isinstance(item, ast.Starred)]
    if isinstance(first, int) and not stars:
        if -len(elts) <= first < len(elts):
            yield elts[first], rest
        return
    for place, item in enumerate(elts):
        back = place - len(elts)
        if isinstance(item, ast.Starred):
            if not isinstance(first, int):
                yield item.value, (first, *rest)
            elif first >= place:
                yield item.value, (first - place, *rest)
                return
        elif first is EACH or first in (place if place < stars[0] else None, back if place > stars[-1] else None):
            yield item, rest


def _of_dict(climber: Climber, want: Want, node: ast.Dict) -> list[Hop]:
    first, rest = want.path[0], want.path[1:]
    if first is EACH:
        return [_entry(want, key, rest) for key in node.keys if key is not None]
    if first is VALUE:
        return [
            _entry(want, value, rest if key else want.path) for key, value in zip(node.keys, node.values, strict=True)
        ]
    found: list[Hop] = []
    for key, value in reversed(list(zip(node.keys, node.values, strict=True))):
        if key is None:
            found.append(_entry(want, value, want.path))
        elif isinstance(key, ast.Constant) and key.value == first:
            spot = climber.spot(value, want.scope, "entry")
            return [*found, Hop(spot, replace(want, node=value, path=rest, operand=False))]
    return found


def _of_operation(want: Want, left: ast.expr, right: ast.expr) -> list[Hop]:
    """Parts of ``[8] * 3``, ``first + rest`` and ``defaults | given``."""
    assert isinstance(want.node, ast.BinOp)
    first, rest = want.path[0], want.path[1:]
    if isinstance(want.node.op, ast.Mult):
        sequence = left if isinstance(left, ast.List | ast.Tuple) else right
        return [_entry(want, sequence, (0, *rest) if len(getattr(sequence, "elts", ())) == 1 else (EACH, *rest))]
    if isinstance(want.node.op, ast.BitOr):
        return [_entry(want, right, want.path), _entry(want, left, want.path)]
    if isinstance(want.node.op, ast.Add):
        length = len(left.elts) if isinstance(left, ast.List | ast.Tuple) else None
        if isinstance(first, int) and first >= 0 and length is not None:
            inside = first < length
            return [_entry(want, left if inside else right, (first if inside else first - length, *rest))]
        return [_entry(want, left, want.path), _entry(want, right, want.path)]
    return []


def _of_text(climber: Climber, want: Want, node: ast.Constant) -> list[Hop]:
    """The line of a yaml or json text in which an entry stands."""
    code = climber.base[want.scope.file]
    line = texts.entry_line(code, node, want.path, want.value)
    if line is None:
        return []
    function = code.qualname(code.frame_of(node))
    return [
        Hop(
            Spot(code.name, line, function, code.source.line(line), "entry", want.scope.depth),
            None,
        )
    ]
