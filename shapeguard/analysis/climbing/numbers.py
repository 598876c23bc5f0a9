"""Arithmetic: the operands of a number, and the numbers that an expression can be."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import growing
from shapeguard.analysis.climbing.code import last_name
from shapeguard.analysis.climbing.scopes import Hop, Want

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

MAX_VALUES = 32
_BIG = 1 << 40


def _divided(a: int, b: int) -> int | None:
    return a // b if b else None


_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int | None]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: _divided,
    ast.Div: lambda a, b: a // b if b and a % b == 0 else None,
    ast.Mod: lambda a, b: a % b if b else None,
    ast.Pow: lambda a, b: a**b if 0 <= b <= 40 and abs(a) <= 64 else None,
    ast.LShift: lambda a, b: a << b if 0 <= b <= 40 else None,
}


def operands(climber: Climber, want: Want) -> list[Hop]:
    """What a number or a literal sequence is made of, each to be climbed on its own."""
    match want.node:
        case ast.BinOp(left=left, right=right):
            sides = [(left, _missing(climber, want, right, True)), (right, _missing(climber, want, left, False))]
            return [Hop(None, Want(node, want.scope, value=value, operand=True)) for node, value in sides]
        case ast.UnaryOp(operand=node):
            value = -want.value if want.value is not None and isinstance(want.node.op, ast.USub) else None
            return [Hop(None, replace(want, node=node, value=value))]
        case ast.List(elts=[]):
            return growing.put_in(climber, want)
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            return [Hop(None, Want(node, want.scope, operand=True)) for node in elts[:8]]
    return []


def _missing(climber: Climber, want: Want, other: ast.expr, other_is_right: bool) -> int | None:
    """The value of one operand, when the result's and the other's are known."""
    assert isinstance(want.node, ast.BinOp)
    total = want.value
    found = climber.possible(Want(other, want.scope)) if total is not None else None
    if total is None or found is None or len(found) != 1:
        return None
    known = next(iter(found))
    match want.node.op:
        case ast.Add():
            return total - known
        case ast.Mult():
            return total // known if known and total % known == 0 else None
        case ast.Sub():
            return total + known if other_is_right else known - total
    return None


def possible(climber: Climber, want: Want) -> frozenset[int] | None:
    """The ints an expression can be, by the code alone; None where that is not known, empty where it is no int."""
    node = want.node
    if climber.known is not None and isinstance(node, ast.expr) and not want.path:
        code = climber.base[want.scope.file]
        seen = climber.known(want.scope.file, code.qualname(want.scope.frame), ast.unparse(node))
        if seen is not None:
            return frozenset([seen])
    if not want.path:
        found = _computed(climber, want)
        if found is not _OPEN:
            return found
    return _through_hops(climber, want)


_OPEN: frozenset[int] = frozenset([-_BIG])  # not a number to compute: to be climbed


def _computed(climber: Climber, want: Want) -> frozenset[int] | None:
    match want.node:
        case ast.Constant(value=bool() | float() | complex()):
            return None
        case ast.Constant(value=int() as number):
            return frozenset([number])
        case ast.Constant():
            return frozenset()
        case ast.UnaryOp(op=ast.USub(), operand=node):
            inner = climber.possible(replace(want, node=node))
            return frozenset(-number for number in inner) if inner is not None else None
        case ast.BinOp(left=left, op=op, right=right):
            a, b = (climber.possible(replace(want, node=side)) for side in (left, right))
            return _combined(_OPERATIONS.get(type(op)), a, b)
        case ast.Call(func=func, args=[first, *_]) if isinstance(func, ast.Name) and last_name(func) == "len":
            ends = climber.things(first, want.scope)
            lengths = frozenset(len(end.node.elts) for end in ends if isinstance(end.node, ast.Tuple | ast.List))
            return lengths if lengths and len(ends) == len(lengths) else None
        case ast.Call(func=ast.Name(id="int" | "abs" | "round"), args=[first, *_]):
            return climber.possible(replace(want, node=first))
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call() | ast.IfExp() | ast.BoolOp() | ast.NamedExpr():
            return _OPEN
    return None


def _through_hops(climber: Climber, want: Want) -> frozenset[int] | None:
    """The numbers at the ends of all the ways an expression can have come by its value."""
    steps = climber.steps(want, whole=True)
    found: frozenset[int] = frozenset()
    for hop in steps:
        inner = climber.possible(hop.want) if hop.want is not None else None
        if inner is None or len(found | inner) > MAX_VALUES:
            return None
        found |= inner
    return found if steps else None


def _combined(
    operation: Callable[[int, int], int | None] | None, a: frozenset[int] | None, b: frozenset[int] | None
) -> frozenset[int] | None:
    if operation is None or a is None or b is None or len(a) * len(b) > MAX_VALUES:
        return None
    if any(abs(number) > _BIG for number in a | b):
        return None
    results = [operation(x, y) for x in a for y in b]
    return frozenset(r for r in results if r is not None) if None not in results else None
