"""Attributes of an object: the assignments, fields, properties and methods of its class that give them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import objects
from shapeguard.analysis.climbing.arguments import field_argument
from shapeguard.analysis.climbing.bindings import paths_to
from shapeguard.analysis.climbing.code import Code, Definition, last_name
from shapeguard.analysis.climbing.returns import returned
from shapeguard.analysis.climbing.scopes import Hop, Instance, Path, Scope, Want

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

_PROPERTIES = ("property", "cached_property")
_REGISTERS = ("register_buffer", "register_parameter", "add_module", "register_module", "setattr", "__setattr__")


def lineage(climber: Climber, file: str, cls: ast.ClassDef) -> list[tuple[str, ast.ClassDef]]:
    """A class and its bases among the user's, nearest first."""
    found = [(file, cls)]
    for here, one in found:
        for base in one.bases:
            known = climber.base.class_named(last_name(base), here)
            if known is not None and known not in found:
                found.append(known)
    return found


def method(climber: Climber, file: str, cls: ast.ClassDef, name: str) -> tuple[str, Definition] | None:
    """A method of a class or of its bases."""
    for here, one in lineage(climber, file, cls):
        for node in one.body:
            if isinstance(node, Definition) and node.name == name:
                return here, node
    return None


def hops(climber: Climber, want: Want, instances: list[Instance]) -> list[Hop]:
    """The hops from an attribute, the first item of the wanted path, of any of these instances."""
    found: list[Hop] = []
    for one in instances:
        for file, cls in lineage(climber, one.file, one.cls):
            here = _in_class(climber, want, one, file, cls)
            found += [hop for hop in here if hop not in found]
            if here:
                break
        for cls in climber.base[one.file].classes_below.get(one.cls.name, ()) if want.value is not None else ():
            found += [
                hop for hop in _in_body(climber, want, one, one.file, cls) if hop not in found
            ]  # it may be one of them
    name = str(want.path[0])
    if instances and (not found or all(_is_none(hop) for hop in found)):
        found += from_outside(climber, want, instances[0].file, name)
    if not found and instances:
        found = _unseen(climber, want, instances, name)
    return found


def _is_none(hop: Hop) -> bool:
    return hop.want is not None and isinstance(hop.want.node, ast.Constant) and hop.want.node.value is None


def _in_class(climber: Climber, want: Want, one: Instance, file: str, cls: ast.ClassDef) -> list[Hop]:
    """What one class of the line says about an attribute."""
    code, name, rest = climber.base[file], str(want.path[0]), want.path[1:]
    found: list[Hop] = []
    for frame, node, value, path in _assigned(code, cls).get(name, ()):
        depth = climber.chained.depth_of(frame)
        scope = Scope(file, frame, at=node, this=one, depth=depth)
        spot = climber.spot(node, scope, "attribute", value)
        found.append(Hop(spot, Want(value, scope, path + rest, want.value)))
    return found or _in_body(climber, want, one, file, cls)


Given = tuple[Definition, ast.stmt, ast.expr, Path]


def _assigned(code: Code, cls: ast.ClassDef) -> dict[str, list[Given]]:
    """``self.name = value`` in the methods of a class, by name: those of ``__init__`` first, the last of each first."""
    if cls not in code.given_to_self:
        found: dict[str, list[Given]] = {}
        methods = [node for node in cls.body if isinstance(node, Definition)]
        for frame in sorted(methods, key=lambda node: node.name != "__init__"):
            first = next(iter((*frame.args.posonlyargs, *frame.args.args)), None)
            owner = first.arg if first is not None else "self"
            nodes = sorted((n for n in ast.walk(frame) if isinstance(n, ast.stmt)), key=lambda n: -n.lineno)
            for node in nodes:
                for name, value, path in _given_here(node, owner):
                    found.setdefault(name, []).append((frame, node, value, path))
        code.given_to_self[cls] = found
    return code.given_to_self[cls]


def _given_here(node: ast.stmt, owner: str) -> Iterator[tuple[str, ast.expr, Path]]:
    """The attributes of the owner to which a statement gives a value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from ((name, value, path) for name, path in _attributes_in(target, owner))
        case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value) if value is not None:
            yield from ((name, value, path) for name, path in _attributes_in(target, owner))
        case ast.Expr(value=ast.Call(func=func, args=args)) if last_name(func) in _REGISTERS and len(args) > 1:
            value = args[1] if last_name(func) == "register_buffer" else args[-1]
            names = [arg.value for arg in args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield from ((name, value, ()) for name in names)


def _attributes_in(target: ast.expr, owner: str) -> Iterator[tuple[str, Path]]:
    """The attributes of the owner in a target, and the part of the value that each of them gets."""
    if isinstance(target, ast.Attribute):
        if isinstance(target.value, ast.Name) and target.value.id == owner:
            yield target.attr, ()
    elif isinstance(target, ast.Tuple | ast.List):
        for index, item in enumerate(target.elts):
            inner = item.value if isinstance(item, ast.Starred) else item
            place: Path = () if isinstance(item, ast.Starred) else (index,)
            yield from ((name, place + path) for name, path in _attributes_in(inner, owner))


def _in_body(climber: Climber, want: Want, one: Instance, file: str, cls: ast.ClassDef) -> list[Hop]:
    """What the body of a class says about an attribute: a field, a class attribute, a property or a method."""
    name, rest = str(want.path[0]), want.path[1:]
    scope = replace(climber.scope_of(file, climber.base[file].frame_of(cls)), this=None)
    for node in reversed(cls.body):
        if isinstance(node, Definition) and node.name == name:
            inner = Scope(file, node, this=one)
            if any(last_name(decorator) in _PROPERTIES for decorator in node.decorator_list):
                return returned(climber, node, inner, rest, want.value)
            return [Hop(None, Want(node, inner, rest, want.value))]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return _field(climber, want, one, file, cls, node)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for path in paths_to(target, name):
                    spot = climber.spot(node, scope, "attribute", node.value)
                    return [Hop(spot, Want(node.value, replace(scope, at=node), path + rest, want.value))]
    return []


def _field(climber: Climber, want: Want, one: Instance, file: str, cls: ast.ClassDef, node: ast.AnnAssign) -> list[Hop]:
    """A field of a dataclass or named tuple: what the instances were made with, and its default."""
    name, rest = str(want.path[0]), want.path[1:]
    line = lineage(climber, file, cls)
    every = [
        n.target.id
        for _, c in reversed(line)
        for n in c.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    ]
    found: list[Hop] = []
    made = objects.makers(climber, one, one.file, one.cls)
    given = [field_argument(every, call, name, rest) for call in made]
    for hit in given:
        if hit is not None:
            spot = climber.spot(hit.given.node, hit.given.scope, "entry")
            found.append(Hop(spot, Want(hit.given.node, hit.given.scope, hit.path, want.value)))
    if node.value is not None and (not made or None in given):
        scope = climber.scope_of(file, climber.base[file].frame_of(cls))
        value = _plain_default(climber, node.value)
        found.append(
            Hop(climber.spot(node, scope, "default", value), Want(value, replace(scope, at=node), rest, want.value))
        )
    return found


def _plain_default(climber: Climber, value: ast.expr) -> ast.expr:
    """``field(default=8)`` means 8."""
    if isinstance(value, ast.Call) and last_name(value.func) == "field":
        for keyword in value.keywords:
            if keyword.arg == "default":
                return keyword.value
            if keyword.arg == "default_factory" and isinstance(keyword.value, ast.Lambda):
                return keyword.value.body
            if keyword.arg == "default_factory" and isinstance(keyword.value, ast.Name | ast.Attribute):
                call = ast.copy_location(ast.Call(func=keyword.value, args=[], keywords=[]), keyword.value)
                return climber.made.setdefault(keyword.value, call)
    return value


def from_outside(climber: Climber, want: Want, file: str, name: str) -> list[Hop]:
    """``thing.name = value`` anywhere in the files, for want of an assignment by the thing's own class."""
    found: list[Hop] = []
    for code in climber.base.all(file):
        found += [_given_to(climber, want, code, statement) for statement in code.attributes_given.get(name, [])[:4]]
        if len(found) > 4:
            break
    return found[:4]


def _given_to(climber: Climber, want: Want, code: Code, statement: ast.Assign) -> Hop:
    scope = climber.scope_of(code.name, code.frame_of(statement))
    spot = climber.spot(statement, scope, "attribute", statement.value)
    return Hop(spot, Want(statement.value, replace(scope, at=statement), want.path[1:], want.value))


def _unseen(climber: Climber, want: Want, instances: list[Instance], name: str) -> list[Hop]:
    """An attribute that a library base sets: from the keyword of that name; ``config`` from the first argument."""
    found: list[Hop] = []
    for one in instances:
        file, cls = lineage(climber, one.file, one.cls)[-1]
        calls = objects.makers(climber, one, file, cls)
        init = method(climber, one.file, one.cls, "__init__")
        if init is not None:
            calls = objects.handed_up(climber, one, *init) + calls
        for call in calls:
            hit = field_argument(["config"] if name == "config" else [], call, name, want.path[1:])
            if hit is not None:
                spot = climber.spot(hit.given.node, hit.given.scope, "entry")
                found.append(Hop(spot, Want(hit.given.node, hit.given.scope, hit.path, want.value)))
    return found
