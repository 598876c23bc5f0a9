"""Operands kept from an earlier call: made once behind ``if self.x is None`` and used again for data of another size."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import sides
from shapeguard.values.findings import Location
from shapeguard.values.recording import NamedValue, Row, TensorArg

_LAYING_OUT = frozenset({"empty_like", "zeros_like", "new_zeros", "new_empty", "zeros", "empty"})
_TOGETHER = 8  # concatenations one in the other, seen through


class Kept(NamedTuple):
    """The operand that is behind its time, the row that made it, and the test that let it stay."""

    label: str
    row: Row
    guard: Location


def kept_operand(run: Run, failed: FailedOp) -> Kept | None:
    """The operand of a failed op that was made in an earlier call of a function that is running, behind a test for None."""
    clash, row = failed.clash, failed.row
    earlier = passed_before(run, row) if row is not None else _passed_here(run, failed)
    if clash is None or earlier is None:
        return None
    for label, dim in ((clash.left, clash.left_dim), (clash.right, clash.right_dim)):
        value = failed.operands.get(label)
        attribute = _guarded_attribute(run, failed, label, earlier)
        if attribute is not None:
            return attribute
        if (outlived := _outlived(run, failed, label, dim)) is not None:
            return outlived
        unfolded = [hop.row for of in sides(run, failed) if of.label == label for hop in of.hops]
        for made in (*_carriers(run, value, dim), *unfolded) if value is not None else ():
            guard = _guard(run, made) if made.last_at < earlier.last_at else None
            if guard is not None:
                return Kept(label, made, guard)
    return None


def _passed_here(run: Run, failed: FailedOp) -> Row | None:
    """The latest row of the op that failed unseen, at its line: a subscript tells of itself when it has passed."""
    place = run.statement_of(run.user_frame) if run.user_frame is not None else None
    return next((row for row in reversed(run.rows) if row.op == failed.op and run.location(row) == place), None)


def _carriers(run: Run, value: NamedValue | TensorArg, dim: int | None) -> Iterable[Row]:
    """The rows that handed the size on, of which one may be from an earlier call; without a dim all rows behind the operand."""
    return ancestors(run, value) if dim is None else [hop.row for hop in follow(run, value, dim)]


def _guarded_attribute(run: Run, failed: FailedOp, label: str, earlier: Row) -> Kept | None:
    """An operand read from an attribute that was set in an earlier call, in a function that first asks whether it is there."""
    value, frame = failed.operands.get(label), run.user_frame
    made = run.row(value.origin) if value is not None else None
    text = failed.expression(run, label)
    if frame is None or made is None or not text.startswith("self.") or made.last_at > earlier.last_at:
        return None
    tree = run.sources[frame.file].tree
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.FunctionDef) or not node.lineno <= frame.line <= (node.end_lineno or node.lineno):
            continue
        for test in ast.walk(node):
            if isinstance(test, ast.If) and _asks_whether_missing(test.test) and text in ast.unparse(test.test):
                return Kept(label, made, run.place(frame.file, test.lineno, frame.function))
    return None


def _outlived(run: Run, failed: FailedOp, label: str, dim: int | None) -> Kept | None:
    """A state that an object keeps, with the rows of the batch before: the other operand's data came in after it was made."""
    clash, value = failed.clash, failed.operands.get(label)
    made = run.row(value.origin) if value is not None else None
    if clash is None or made is None or dim != 0 or not failed.expression(run, label).startswith("self."):
        return None
    other, along = (clash.right, clash.right_dim) if label == clash.left else (clash.left, clash.left_dim)
    beside = failed.operands.get(other)
    hops = follow(run, beside, along) if beside is not None and along == 0 else []
    for _ in range(_TOGETHER):  # bounded: a concatenation that grows in a loop is folded into one row, its own source
        last = hops[-1] if hops else None
        if last is None or last.row.kind != "concat" or last.source is None or last.before is None:
            break
        if not (before := follow(run, last.source, last.before)):
            break
        hops = before  # put together here of what had come in
    where, frame = run.location(made), run.user_frame
    if frame is not None and where == run.statement_of(frame):
        return None  # made where it is used, each time anew
    if not hops or where is None or hops[-1].row.first_at <= made.last_at or made.kind == "construct":
        return None
    return Kept(label, made, where)


def _guard(run: Run, made: Row) -> Location | None:
    """The test behind which a row was made, in a function that is running now at another line."""
    sites = run.chain(made)
    for frame in run.frames:
        for site in sites if frame.user else ():
            if site.file == frame.file and site.function == frame.function and site.line != frame.line:
                test = _test_for_none(run, frame.file, site.line, frame.line)
                if test is not None:
                    return run.place(frame.file, test.lineno, frame.function)
    return _returned_as_kept(run, made) or _laid_out_once(run, made)


def _returned_as_kept(run: Run, made: Row) -> Location | None:
    """The test that returns what an attribute keeps, ``if self.bias is not None ...: return``, before the line that makes it anew."""
    site = next(iter(run.chain(made)), None)
    source = run.sources[site.file] if site is not None else None
    match source.statement(site.line) if source is not None and site is not None else None:
        case ast.Assign(targets=[ast.Attribute() as kept]):
            function = source.function_at(site.line) if source is not None and site is not None else None
        case _:
            return None
    if site is None:
        return None
    for node in ast.walk(function) if function is not None else ():
        returns = isinstance(node, ast.If) and node.lineno < site.line and isinstance(node.body[-1], ast.Return)
        if returns and isinstance(node, ast.If) and f"{ast.unparse(kept)} is not None" in ast.unparse(node.test):
            return run.place(site.file, node.lineno, site.function)
    return None


def _laid_out_once(run: Run, made: Row) -> Location | None:
    """The test behind which a buffer was laid out that an object keeps, in a method that has handed it on."""
    site = next(iter(run.chain(made)), None)
    statement = run.sources[site.file].statement(site.line) if site is not None and made.op in _LAYING_OUT else None
    test = _test_for_none(run, site.file, site.line) if site is not None else None
    match statement:
        case ast.Assign(targets=[ast.Attribute()]):
            keeps = True
        case ast.Assign(targets=[ast.Name(id=name)]) if test is not None:  # and put into what keeps it behind that test
            keeps = any(_puts_away(part, name) for part in test.body)
        case _:
            keeps = False
    return run.place(site.file, test.lineno, site.function) if keeps and site is not None and test is not None else None


def _puts_away(statement: ast.stmt, name: str) -> bool:
    """Whether a statement puts what has a name into an attribute or an entry: ``states[key] = (name, other)``."""
    match statement:
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()], value=value):
            return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(value))
    return False


def _test_for_none(run: Run, file: str, line: int, running: int = 0) -> ast.If | None:
    """The ``if`` around a line, not around the running one, that asks whether something is not there yet."""
    tree = run.sources[file].tree
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.If) or not node.body:
            continue
        first, last = node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno
        if first <= line <= last and not first <= running <= last and _asks_whether_missing(node.test):
            return node
    return None


def _asks_whether_missing(test: ast.expr) -> bool:
    """``x is None``, ``not hasattr(self, "x")``, ``not self.x``, ``key not in self.cache``."""
    match test:
        case ast.BoolOp(values=values):
            return any(_asks_whether_missing(value) for value in values)
        case ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.Compare(ops=[ast.NotIn()]):
            return True
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="hasattr")) | ast.Attribute() | ast.Name()):
            return True
    return False
