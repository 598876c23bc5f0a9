"""The values a climb works on: what is wanted, in which scope it is to be understood, and one hop towards it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from shapeguard.analysis.climbing.spots import Spot

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Frame = FunctionNode | ast.Module


class Each(Enum):
    """A part that a loop takes: some element, or some value of a dict."""

    EACH = "each"
    VALUE = "value"


EACH, VALUE = Each.EACH, Each.VALUE
Path = tuple[str | int | Each, ...]  # the part that is wanted: attribute or key, index, some element


@dataclass(frozen=True)
class Scope:
    """Where an expression is to be understood."""

    file: str
    frame: Frame
    at: ast.AST | None = (
        None  # for expressions that stand in no file: names are read as they are here; None: at the end
    )
    call: Arguments | None = None  # how the function was entered, when that is known
    this: Instance | None = None  # what ``self`` is, when that is known
    depth: int = -1  # position in the call chain; -1 beside it

    @property
    def level(self) -> int:
        """How many calls were entered on the way here, beside the call chain."""
        callers = [self.call.scope.level] if self.call is not None else []
        if self.this is not None and self.this.made is not None:
            callers.append(self.this.made.scope.level)
        return 1 + max(callers) if callers else 0


class Given(NamedTuple):
    """An argument as the caller wrote it."""

    node: ast.expr
    scope: Scope


@dataclass(frozen=True)
class Arguments:
    """What a call hands to the function it enters."""

    calls: tuple[ast.Call, ...]  # the call; that of ``partial`` and the one of its result
    scope: Scope  # where it stands
    # Calls and scope say it all: comparing the arguments too would walk the whole tree of scopes again and again.
    positional: tuple[Given, ...] = field(default=(), compare=False)
    keywords: tuple[tuple[str | None, Given], ...] = field(default=(), compare=False)  # None: ``**mapping``
    passes_self: bool = False  # ``Base.__init__(self, ...)``: the instance is written among the positional ones


@dataclass(frozen=True)
class Instance:
    """An object of a class of the user's, and the call that made it when that is known."""

    file: str
    cls: ast.ClassDef
    made: Arguments | None = None


@dataclass(frozen=True)
class Want:
    """What is looked for: a part of what a node stands for, in a scope."""

    node: ast.AST
    scope: Scope
    path: Path = ()
    value: int | None = None
    operand: bool = False  # an operand of arithmetic: a bare literal here is less telling than a named one


@dataclass(frozen=True)
class Hop:
    """One step of a climb: the place it leads to, and what is wanted there (None: the climb ends there)."""

    spot: Spot | None
    want: Want | None


def named_part(node: ast.expr, path: Path) -> ast.expr:
    """The element of a tuple that is written out which a path names first; the whole where that is not so."""
    match node, path:
        case ast.Tuple(elts=items), (int() as place, *_) if not any(isinstance(item, ast.Starred) for item in items):
            return items[place] if -len(items) <= place < len(items) else node
    return node


def arguments_of(call: ast.Call, scope: Scope, passes_self: bool = False) -> Arguments:
    """The arguments of a call that stands in a scope."""
    return Arguments(
        (call,),
        scope,
        tuple(Given(node, scope) for node in call.args),
        tuple((keyword.arg, Given(keyword.value, scope)) for keyword in call.keywords),
        passes_self,
    )


def joined(bound: Arguments, more: Arguments) -> Arguments:
    """The arguments of a call of ``functools.partial(f, *bound)``."""
    positional = bound.positional[1:] + more.positional
    return Arguments(bound.calls + more.calls, more.scope, positional, more.keywords + bound.keywords)
