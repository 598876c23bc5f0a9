"""Which statement gave a name its value: the bindings that can reach a place in a function, nearest first."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from shapeguard.analysis.climbing.code import Code, Comprehension, Definition
from shapeguard.analysis.climbing.scopes import EACH, Frame, Path

How = Literal["assign", "augment", "loop", "parameter", "lambda", "import", "define", "unknown"]
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Binding(NamedTuple):
    """One way in which a name gets its value."""

    how: How
    node: ast.AST  # the statement, definition or comprehension that binds
    value: ast.expr | None = None
    path: Path = ()  # the part of the value that the name gets


def reaching(code: Code, name: str, at: ast.AST, frame: Frame) -> list[Binding]:
    """The bindings of a name inside a frame that can hold at a node, nearest first."""
    found: list[Binding] = []
    child, node = at, at
    while node is not frame:
        parent = code.parents.get(node)
        if parent is None or (parent is frame and isinstance(frame, ast.Lambda)):
            break
        bindings, final = _seen_from(child, node, parent, name)
        found += [binding for binding in bindings if binding not in found]
        if final:
            return found
        child, node = node, parent
    return [*found, *_parameters(frame, name)]


def at_the_end(frame: Frame, name: str) -> list[Binding]:
    """Every binding of a name in a frame, last first: what an inner function may see of it."""
    body = frame.body if isinstance(frame.body, list) else []
    found: list[Binding] = []
    for statement in reversed(body):
        found += _of_statement(statement, name)[0]
    found += _parameters(frame, name)
    return found


def _parameters(frame: Frame, name: str) -> list[Binding]:
    if isinstance(frame, ast.Module):
        return []
    return [Binding("parameter", frame)] if name in parameter_names(frame.args) else []


def parameter_names(args: ast.arguments) -> list[str]:
    """The names of all parameters."""
    nodes = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return [node.arg for node in nodes if node is not None]


def _seen_from(child: ast.AST, node: ast.AST, parent: ast.AST, name: str) -> tuple[list[Binding], bool]:
    """Bindings that a parent holds for one of its children; True when no earlier one can matter."""
    if isinstance(parent, Comprehension):
        return _of_comprehension(child, node, parent, name)
    if isinstance(parent, ast.Lambda):
        own = name in parameter_names(parent.args) and node is parent.body
        return ([Binding("lambda", parent)], True) if own else ([], False)
    for field in _BLOCKS:
        block = getattr(parent, field, None)
        if isinstance(block, list) and node in block:
            return _in_block(node, parent, field, block, name)
    return [], False


def _in_block(
    node: ast.AST, parent: ast.AST, field: str, block: list[ast.AST], name: str
) -> tuple[list[Binding], bool]:
    if field in ("handlers", "cases"):
        return (_of_block(getattr(parent, "body", []), name)[0] if field == "handlers" else []), False
    found, final = _of_block(block[: block.index(node)], name)
    if final:
        return found, True
    if isinstance(parent, ast.For | ast.AsyncFor | ast.While) and field == "body":
        found += _of_block(block[block.index(node) :], name)[0]  # from the round before
    if isinstance(parent, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith) and field == "body":
        head = list(_of_head(parent, name))
        return found + head, bool(head)
    if field in ("orelse", "finalbody") and not isinstance(parent, ast.If):
        found += _of_block(getattr(parent, "body", []), name)[0]
    if isinstance(parent, ast.If | ast.While):
        found += _walrus(parent.test, name)
    return found, False


def _of_block(block: Sequence[ast.AST], name: str) -> tuple[list[Binding], bool]:
    """Bindings by the statements of a block, last first, up to one that surely holds."""
    found: list[Binding] = []
    for statement in reversed(block):
        bindings, sure = _of_statement(statement, name)
        found += bindings
        if sure:
            return found, True
    return found, False


def _of_statement(statement: ast.AST, name: str) -> tuple[list[Binding], bool]:
    """Bindings by one statement, and whether one of them surely holds after it."""
    if isinstance(statement, ast.If):
        return _of_branches(statement, name)
    if isinstance(statement, Definition | ast.ClassDef):
        return ([Binding("define", statement)], True) if statement.name == name else ([], False)
    head = list(_of_head(statement, name))
    if isinstance(statement, ast.For | ast.AsyncFor | ast.While):
        return _of_block(statement.body, name)[0] + _of_block(statement.orelse, name)[0] + head, False
    if isinstance(statement, ast.With | ast.AsyncWith):
        inner, sure = _of_block(statement.body, name)
        return inner + head, sure or bool(head)
    if isinstance(statement, ast.Try):
        blocks = [statement.finalbody, statement.orelse, statement.body, *(h.body for h in statement.handlers)]
        parts = [_of_block(block, name) for block in blocks]
        return [binding for bindings, _ in parts for binding in bindings], any(sure for _, sure in parts[:3])
    if isinstance(statement, ast.Match):
        return [b for case in statement.cases for b in _of_block(case.body, name)[0]], False
    return head, bool(head)


def _of_branches(statement: ast.If, name: str) -> tuple[list[Binding], bool]:
    """Bindings by the branches of an if that are not left by return, raise, continue or break."""
    found: list[Binding] = []
    sure = True
    for block in (statement.body, statement.orelse):
        if block and isinstance(block[-1], _LEAVES):
            continue
        bindings, holds = _of_block(block, name)
        found += bindings
        sure = sure and holds
    return found + list(_walrus(statement.test, name)), sure and bool(found)


def _of_head(statement: ast.AST, name: str) -> Iterator[Binding]:
    """Bindings by a statement itself, its inner blocks left out."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from (Binding("assign", statement, value, path) for path in paths_to(target, name))
            yield from _walrus(value, name)
        case ast.AnnAssign(target=target, value=value) if value is not None:
            yield from (Binding("assign", statement, value, path) for path in paths_to(target, name))
        case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
            yield Binding("augment", statement, value)
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield from (Binding("loop", statement, value, (EACH, *path)) for path in paths_to(target, name))
        case ast.With(items=items) | ast.AsyncWith(items=items):
            for item in items:
                if item.optional_vars is not None:
                    paths = paths_to(item.optional_vars, name)
                    yield from (Binding("assign", statement, item.context_expr, path) for path in paths)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for alias in names:
                if (alias.asname or alias.name.split(".")[0]) == name:
                    yield Binding("import", statement)
        case ast.stmt():
            for field in ast.iter_child_nodes(statement):
                if isinstance(field, ast.expr):
                    yield from _walrus(field, name)
        case _:
            return


def _walrus(node: ast.AST, name: str) -> Iterator[Binding]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.NamedExpr) and inner.target.id == name:
            yield Binding("assign", inner, inner.value)


def _of_comprehension(child: ast.AST, node: ast.AST, parent: Comprehension, name: str) -> tuple[list[Binding], bool]:
    """Bindings by the ``for`` parts of a comprehension that stand before a node inside it."""
    clauses = parent.generators
    if isinstance(node, ast.comprehension):
        own = 0 if child is node.iter else 1  # a clause's conditions see its target, its iterable does not
        clauses = clauses[: clauses.index(node) + own]
    for clause in reversed(clauses):
        for path in paths_to(clause.target, name):
            return [Binding("loop", parent, clause.iter, (EACH, *path))], True
    return [], False


def paths_to(target: ast.AST, name: str, path: Path = ()) -> Iterator[Path]:
    """Where in an assignment's target a name stands: ``(a, (b, c))`` holds ``c`` at (1, 1)."""
    if isinstance(target, ast.Name) and target.id == name:
        yield path
    elif isinstance(target, ast.Starred):
        yield from paths_to(target.value, name, path[:-1])  # a slice of the whole
    elif isinstance(target, ast.Tuple | ast.List):
        stars = [i for i, item in enumerate(target.elts) if isinstance(item, ast.Starred)]
        for index, item in enumerate(target.elts):
            place = index - len(target.elts) if stars and index > stars[0] else index
            yield from paths_to(item, name, (*path, place))
