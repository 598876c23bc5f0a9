"""Lists that loops fill: where one of two got an entry that the other did not.

A tensor made of such a list is as long as the list was filled often. What differs between two of them is told by the code: the
conditions under which each of their statements runs, and a ``continue`` that stands between them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shapeguard.analysis.causes import Cause, statement_here
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.climbing.code import Code, codebase
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.values.recording import Row, Site

_MAKERS = frozenset({"stack", "cat", "concat", "concatenate", "hstack", "vstack", "tensor", "as_tensor", "from_numpy"})
_FILLING = frozenset({"append", "appendleft", "extend", "insert"})
_SAME_LENGTH = frozenset({"reversed", "enumerate", "list", "tuple", "sorted", "zip", "range", "len"})
_MOST = 4  # lists that are followed from one to the other


class Fill(NamedTuple):
    """A statement that puts one entry into a list, and the conditions and jumps it runs behind."""

    line: int
    name: str
    gates: tuple[ast.stmt, ...]
    loop: ast.stmt | None


def filled_apart(dispute: Dispute) -> Cause | None:
    """Where two lists that one function fills got another number of entries."""
    run, both = dispute.run, dispute.both
    if len(both) != 2 or both[0].size == both[1].size:
        return None
    ours, theirs = (set(_lists(run, side)) for side in both)
    functions = {name[:2] for name in ours} & {name[:2] for name in theirs}
    if len(functions) != 1:
        return None
    file, line = functions.pop()
    code = codebase(run.sources)[file]
    frame = code.frame_at(line)
    longer = int(both[1].size > both[0].size)
    names = [{name for *place, name in found if tuple(place) == (file, line)} for found in (ours, theirs)]
    fills = list(_fills(frame.body, ()))
    odd = _odd(fills, names[longer], names[1 - longer])
    if odd is None:
        return None
    if _read_ahead(code, odd.name):
        return dispute.blame(
            longer, statement_here(run), "changed"
        )  # the entry more is wanted there: it is to be left out here
    index = longer if odd.name in names[longer] else 1 - longer
    return dispute.blame(index, run.place(file, odd.line, code.qualname(frame)), "changed")


def _read_ahead(code: Code, name: str) -> bool:
    """Whether the entry after the one at hand is read somewhere, ``values[t + 1]``, as of what a return is reckoned with."""
    for node in ast.walk(code.tree):
        match node:
            case ast.Subscript(value=value, slice=ast.BinOp(op=ast.Add(), right=ast.Constant(value=1))):
                if ast.unparse(value).rpartition(".")[2] == name.rpartition(".")[2]:
                    return True
    return False


def _odd(fills: list[Fill], more: set[str], less: set[str]) -> Fill | None:
    """The statement because of which lists of the first names got more entries than those of the others."""
    known = [fill for fill in fills if fill.name in more | less]
    by_name = {name: [fill for fill in known if fill.name == name] for name in more | less}
    if any(not found for found in by_name.values()):
        return None
    if more == less:  # taken out of one tuple: any of them may be either
        counts = {name: (len(found), found[0].gates) for name, found in by_name.items()}
        rare = [name for name in counts if list(counts.values()).count(counts[name]) == 1 < len(counts)]
        if len(rare) != 1:
            return None
        more, less = {rare[0]}, less - {rare[0]}
    if len(more) != 1 or not less:
        return None
    ours, theirs = by_name[next(iter(more))], by_name[min(less)]
    alone = [fill for fill in ours if not any(fill.loop is other.loop for other in theirs)]
    if alone and len(alone) < len(ours):
        return alone[-1]
    if len(ours) != 1 or len(theirs) != 1 or ours[0].loop is not theirs[0].loop or ours[0].loop is None:
        return None
    between = [gate for gate in theirs[0].gates if gate not in ours[0].gates]
    if not between or any(gate not in theirs[0].gates for gate in ours[0].gates):
        return None
    return ours[0] if _jumps(between[0]) else theirs[0]


def _lists(run: Run, side: Side) -> Iterator[tuple[str, int, str]]:
    """The lists whose number of entries a side's size is, as far as the code says."""
    made = next((hop.row for hop in side.hops if hop.changed or _by_list(hop.row)), None)
    node = _of_list(made, run.expression(made)) if made is not None else None
    if made is None or node is None:
        return
    chain = run.chain(made)
    for _ in range(_MOST):
        found = list(_empty_lists(run, chain, node))
        yield from found
        node = _iterated(run, chain, found) if len({name for *_, name in found}) == 1 else None
        if node is None:
            return


def _by_list(row: Row) -> bool:
    """Whether an op took entries by a list of their places."""
    index = row.args.get("index")
    return row.op == "getitem" and isinstance(index, list) and str(index[:1]).startswith("['[")


def _of_list(row: Row, expression: str) -> ast.expr | None:
    """The list that an op put into a tensor, or took as an index."""
    match parsed_text(expression):
        case ast.Call(args=[given, *_]) if row.op in _MAKERS:
            return given.args[0] if isinstance(given, ast.Call) and given.args else given
        case ast.Subscript(slice=ast.Name() as given) if row.op == "getitem":
            return given
    return None


def _empty_lists(run: Run, chain: list[Site], node: ast.expr) -> Iterator[tuple[str, int, str]]:
    """The names that got an empty list where an expression's value was made."""
    base = codebase(run.sources)
    text = ast.unparse(node)
    for trail in climbs(run.sources, chain, text, whole=True):
        named = [text, *(spot.node_text for spot in trail.spots)]
        for spot in trail.spots:
            if "[]" not in spot.node_text or spot.file not in base.codes:
                continue
            code = base[spot.file]
            statement = code.source.statement(spot.line)
            if statement is None:
                continue
            frame = code.frame_of(statement)
            names = list(_emptied(statement))
            told = [name for name in names if name in named]
            place = 0 if isinstance(frame, ast.Module) else frame.body[0].lineno
            yield from ((spot.file, place, name) for name in (told or names))


def _emptied(statement: ast.stmt) -> Iterator[str]:
    """The names to which a statement gives an empty list."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.List(elts=[])):
            yield name
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                pairs = [(target, value)]
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    pairs = list(zip(target.elts, value.elts, strict=False))
                for one, given in pairs:
                    if isinstance(one, ast.Name | ast.Attribute) and isinstance(given, ast.List) and not given.elts:
                        yield ast.unparse(one)


def _iterated(run: Run, chain: list[Site], found: list[tuple[str, int, str]]) -> ast.expr | None:
    """What the one loop runs over that fills a list at each turn: the list is as long as that."""
    file, line, name = found[0]
    code: Code = codebase(run.sources)[file]
    frame = code.frame_at(line)
    here = code.frame_at(chain[0].line) if chain and chain[0].file == file else None
    if frame is not here:
        return None
    fills = [fill for fill in _fills(frame.body, ()) if fill.name == name]
    match fills:
        case [Fill(gates=(), loop=ast.For(iter=iterated))]:
            while isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name) and iterated.args:
                if iterated.func.id not in _SAME_LENGTH or (iterated.func.id == "range" and len(iterated.args) > 1):
                    return None
                iterated = iterated.args[0]
            return iterated if isinstance(iterated, ast.Name | ast.Attribute) else None
    return None


def _fills(body: Sequence[ast.stmt], gates: tuple[ast.stmt, ...], loop: ast.stmt | None = None) -> Iterator[Fill]:
    """The statements below these that put an entry into a list."""
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=listed, attr=attr))) if attr in _FILLING:
                yield Fill(statement.lineno, ast.unparse(listed), gates, loop)
            case ast.AugAssign(target=listed, op=ast.Add()):
                yield Fill(statement.lineno, ast.unparse(listed), gates, loop)
            case ast.For(body=inner, orelse=after) | ast.While(body=inner, orelse=after):
                yield from _fills(inner, (), statement)
                yield from _fills(after, gates, loop)
            case ast.If(body=inner, orelse=other):
                yield from _fills(inner, (*gates, statement), loop)
                yield from _fills(other, (*gates, statement), loop)
                if _jumps(statement):
                    gates = (*gates, statement)
            case ast.With(body=inner) | ast.AsyncWith(body=inner) | ast.Try(body=inner):
                yield from _fills(inner, gates, loop)


def _jumps(gate: ast.stmt) -> bool:
    """Whether a condition ends the turn of the loop."""
    return isinstance(gate, ast.If) and any(isinstance(node, ast.Continue | ast.Break) for node in gate.body)
