"""Objects of the user's classes: which class, which call made it, which function a call enters."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import entering, fields, names
from shapeguard.analysis.climbing.chained import CALLED_BY_VALUE
from shapeguard.analysis.climbing.code import Definition, last_name
from shapeguard.analysis.climbing.scopes import (
    Arguments,
    Frame,
    FunctionNode,
    Hop,
    Instance,
    Scope,
    Want,
    arguments_of,
    joined,
)

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

MAX_MAKERS = 12
# Methods that libraries' objects have too: their name alone says nothing about the object.
_COMMON = frozenset(
    {name for kind in (dict, list, set, str, tuple) for name in dir(kind)}
    | {"forward", "step", "train", "eval", "to", "size", "view", "add", "fit", "predict", "generate", "encode", "decode",
       "reset", "parameters", "state_dict", "load_state_dict", "backward", "zero_grad", "write", "read", "close", "sample",
       "norm", "mean", "sum", "mul", "expand", "split", "chunk", "apply", "transform", "tokenize", "batch", "shape"}
)  # fmt: skip
MAX_LEVEL = 6  # calls within calls that are entered, beside the call chain


@dataclass(frozen=True)
class Callee:
    """A function of the user's that a call enters; for a class without a frame, the class alone."""

    file: str
    frame: FunctionNode | None
    call: Arguments
    this: Instance | None = None


def is_method(climber: Climber, file: str, frame: Frame) -> bool:
    """Whether a function stands in a class and takes its instance or class as first parameter."""
    if climber.base[file].class_of(frame) is None or not isinstance(frame, Definition):
        return False
    return not any(last_name(decorator) == "staticmethod" for decorator in frame.decorator_list)


def is_self(climber: Climber, file: str, frame: FunctionNode, name: str) -> bool:
    """Whether a name is the first parameter of a method."""
    first = next(iter((*frame.args.posonlyargs, *frame.args.args)), None)
    return first is not None and first.arg == name and is_method(climber, file, frame)


def of_self(climber: Climber, want: Want) -> list[Hop]:
    """The hops from ``self.attribute``; none from a bare ``self``."""
    if not want.path or not isinstance(want.path[0], str):
        return []
    return fields.hops(climber, want, instances_of_self(climber, want.scope))


def instances_of_self(climber: Climber, scope: Scope) -> list[Instance]:
    """What ``self`` can be in a method: known from how it was entered, else any instance of its class."""
    if scope.this is not None:
        return [scope.this]
    cls = climber.base[scope.file].class_of(scope.frame)
    if cls is None:
        return []
    if 0 <= scope.depth < len(climber.chained.sites) - 1:
        call = entering.entering_call(climber, scope.depth)
        if call is not None and (found := _receivers(climber, scope, call, cls)):
            return found
    return [Instance(scope.file, cls)]


def _receivers(climber: Climber, scope: Scope, call: ast.Call, cls: ast.ClassDef) -> list[Instance]:
    """The instances whose method a call of the chain entered."""
    outer = climber.chained.scope(scope.depth + 1)
    name = getattr(scope.frame, "name", "")
    if name == "__init__" and last_name(call.func) == cls.name:
        return [Instance(scope.file, cls, arguments_of(call, outer))]
    receiver = call.func
    if isinstance(receiver, ast.Attribute) and (name not in CALLED_BY_VALUE or receiver.attr == name):
        receiver = receiver.value
    if _is_super(receiver):
        return instances_of_self(climber, outer)
    found = instances(climber, receiver, outer)
    return [one for one in found if any(c is cls for _, c in fields.lineage(climber, one.file, one.cls))]


def instances(climber: Climber, node: ast.AST, scope: Scope) -> list[Instance]:
    """The objects of user classes that an expression can stand for."""
    found: list[Instance] = []
    for thing in climber.things(node, scope):
        found += _instances_of_end(climber, thing)
    return found


def _instances_of_end(climber: Climber, end: Want) -> list[Instance]:
    if isinstance(end.node, ast.Name):
        return instances_of_self(climber, end.scope) if _is_own(climber, end) else []
    if isinstance(end.node, ast.Call):
        made = [callee for callee in callees(climber, end.node, end.scope) if callee.frame is None]
        return [replace(callee.this, made=callee.call) for callee in made if callee.this is not None]
    return []


def _is_own(climber: Climber, end: Want) -> bool:
    name, frame = end.node, end.scope.frame
    return (
        isinstance(name, ast.Name)
        and isinstance(frame, FunctionNode)
        and is_self(climber, end.scope.file, frame, name.id)
    )


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == "super"


def callees(climber: Climber, call: ast.Call, scope: Scope) -> list[Callee]:
    """The user's functions and classes that a call can enter; empty for a library's."""
    if scope.level >= MAX_LEVEL:
        return []
    given = arguments_of(call, scope)
    if isinstance(call.func, ast.Attribute) and _is_super(call.func.value):
        return _of_super(climber, call.func.attr, given, scope)
    found: list[Callee] = []
    for thing in climber.things(call.func, scope):
        found += _called(climber, thing, given)
    return found or _by_name_alone(climber, call, scope, given)


def _by_name_alone(climber: Climber, call: ast.Call, scope: Scope, given: Arguments) -> list[Callee]:
    """The method of this name, where the object is not known and one class of the user's alone has such a method."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr in _COMMON or last_name(func.value) == "self":
        return []
    if isinstance(func.value, ast.Name) and names.is_library(climber, func.value, scope):
        return []
    found = [
        Callee(code.name, node, given, Instance(code.name, cls))
        for code in climber.base.all(scope.file)
        for cls, node in code.methods_named.get(func.attr, ())
    ]
    return found if len(found) == 1 else []


def _called(climber: Climber, thing: Want, given: Arguments) -> list[Callee]:
    """What is entered when a thing is called."""
    file = thing.scope.file
    match thing.node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return [Callee(file, thing.node, given, thing.scope.this)]
        case ast.ClassDef():
            return [Callee(file, None, given, Instance(file, thing.node, given))]
        case ast.Call(func=func) if last_name(func) == "partial" and thing.node.args:
            more = joined(arguments_of(thing.node, thing.scope), given)
            inner = climber.things(thing.node.args[0], thing.scope)
            return [callee for one in inner for callee in _called(climber, one, more)]
    found = _instances_of_end(climber, thing)
    return [
        callee for one in found for name in ("__call__", "forward") for callee in _method(climber, one, name, given)
    ]


def _method(climber: Climber, one: Instance, name: str, given: Arguments) -> list[Callee]:
    method = fields.method(climber, one.file, one.cls, name)
    return [Callee(method[0], method[1], given, one)] if method is not None else []


def _of_super(climber: Climber, name: str, given: Arguments, scope: Scope) -> list[Callee]:
    cls = climber.base[scope.file].class_of(scope.frame)
    if cls is None:
        return []
    for file, base in fields.lineage(climber, scope.file, cls)[1:]:
        method = fields.method(climber, file, base, name)
        if method is not None:
            return [Callee(method[0], method[1], given, one) for one in instances_of_self(climber, scope)]
    return []


# -- constructors --------------------------------------------------------------------------------------------------


def constructions(climber: Climber, scope: Scope) -> list[Arguments]:
    """The calls that entered the ``__init__`` of this scope."""
    cls = climber.base[scope.file].class_of(scope.frame)
    if cls is None:
        return []
    return [made for one in instances_of_self(climber, scope) for made in makers(climber, one, scope.file, cls)]


def makers(climber: Climber, one: Instance, file: str, cls: ast.ClassDef) -> list[Arguments]:
    """What the ``__init__`` of a class got for an instance of it or of a class below it."""
    if one.cls is cls:
        return [one.made] if one.made is not None else _anywhere(climber, file, cls)
    line = fields.lineage(climber, one.file, one.cls)
    given: list[Arguments] = makers(climber, one, one.file, one.cls)
    for below_file, below in line:
        if below is cls:
            return given
        init = next((n for n in below.body if isinstance(n, Definition) and n.name == "__init__"), None)
        if init is not None:
            given = handed_up(climber, one, below_file, init)
    return given


def handed_up(climber: Climber, one: Instance, file: str, init: Definition) -> list[Arguments]:
    """What an ``__init__`` hands to the one of its base."""
    code = climber.base[file]
    inner = replace(climber.scope_of(file, init), this=one)
    return [
        arguments_of(call, inner, passes_self=not _is_super(call.func.value))
        for call in code.calls_named.get("__init__", ())
        if isinstance(call.func, ast.Attribute) and code.frame_of(call) is init
    ]


def _anywhere(climber: Climber, file: str, cls: ast.ClassDef) -> list[Arguments]:
    """Every call of the class in the files; where there is none, what classes below it hand up."""
    found: list[Arguments] = []
    for code in climber.base.all(file):
        for call in code.calls_named.get(cls.name, ()):
            if len(found) < MAX_MAKERS:
                found.append(arguments_of(call, climber.scope_of(code.name, code.frame_of(call))))
    for code in climber.base.all(file):
        for below in code.classes_below.get(cls.name, ()):
            if len(found) < MAX_MAKERS:
                found += makers(climber, Instance(code.name, below), file, cls)
    return found[:MAX_MAKERS]
