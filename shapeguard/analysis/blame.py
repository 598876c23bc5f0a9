"""Of two sizes that disagree: where each was decided, and which of them is the suspect.

A size is decided where an op of the user's code changed it (a slice, a squeeze, a concatenation, a view), where it was
written down as a number (an argument, a constant, a config entry: found by climbing the source), where the layer was
built whose weight has it, or where the data came in. The suspect is the side that differs from what this very place saw
when it last passed; else the side that the program changed, else the one that was written down, else the one built.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal, NamedTuple

from shapeguard.analysis.climb import climb
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.lineage import Hop, follow, steps
from shapeguard.analysis.run import Run
from shapeguard.values.findings import LineageStep, Location
from shapeguard.values.recording import NamedValue, Row, TensorArg

How = Literal["changed", "written", "built", "data", "here"]
_ORDER: tuple[How, ...] = ("changed", "written", "built", "data", "here")
_DATA = frozenset({"tensor", "as_tensor", "from_numpy", "rand", "randn", "randint", "rand_like", "randn_like", "randperm"})
_WRITTEN_KINDS = frozenset({"constant", "entry", "default", "argument", "option", "assign", "attribute", "return", "call"})


class Side(NamedTuple):
    """One of the two sizes of a clash: the operand, its dimension, and the events that handed the size on."""

    label: str
    value: NamedValue | TensorArg | None
    dim: int | None
    size: int
    hops: tuple[Hop, ...]


class Cause(NamedTuple):
    """Where a size was decided."""

    location: Location
    how: How
    side: Side

    def lineage(self, run: Run) -> tuple[LineageStep, ...]:
        """The life of the size, oldest first."""
        return steps(run, list(self.side.hops))


def sides(run: Run, failed: FailedOp) -> list[Side]:
    """Left and right of the failed op's clash."""
    clash = failed.clash
    if clash is None:
        return []
    pairs = ((clash.left, clash.left_dim, clash.sizes[0]), (clash.right, clash.right_dim, clash.sizes[1]))
    return [side(run, failed, label, dim, size) for label, dim, size in pairs]


def side(run: Run, failed: FailedOp, label: str, dim: int | None, size: int) -> Side:
    """One side by its operand's label (or an argument's name) and dimension."""
    value = failed.operands.get(label)
    hops = follow(run, value, dim) if value is not None and dim is not None else []
    return Side(label, value, dim, size, tuple(hops))


def cause(run: Run, failed: FailedOp, of: Side) -> Cause:
    """Where the size of a side was decided; at worst the failing statement itself."""
    last = of.hops[-1] if of.hops else None
    if last is not None and last.changed and last.size_before is not None:
        location = run.location(last.row)
        if location is not None:
            return Cause(location, "changed", of)
    if last is not None and last.changed:
        found = written(run, last.row, of.size)
        if last.row.op not in _DATA and found is not None:
            return Cause(found, "written", of)
        location = run.location(last.row)
        if location is not None:
            return Cause(location, "data" if last.row.op in _DATA else "written", of)
    if not of.hops and (built := built_at(run, failed, of)) is not None:
        return Cause(built, "built", of)
    if last is not None and (location := run.location(last.row)) is not None:
        return Cause(location, "data", of)
    return Cause(_here(run), "here", of)


def suspect(run: Run, failed: FailedOp) -> Cause:
    """The side to blame for the failed op's clash."""
    both = sides(run, failed)
    if not both:
        return Cause(_here(run), "here", Side("", None, None, 0, ()))
    causes = [cause(run, failed, side) for side in both]
    changed = departed(run, failed, both)
    if changed is not None:
        return causes[changed]
    return min(causes, key=lambda found: _ORDER.index(found.how))


def departed(run: Run, failed: FailedOp, both: list[Side]) -> int | None:
    """Index of the one side whose size is another than when this place last passed; None where that does not decide."""
    if failed.row is None:
        return None
    earlier = passed_before(run, failed.row)
    if earlier is None:
        return None
    shapes = {tensor.label: tensor.last for tensor in earlier.inputs}
    odd = []
    for index, of in enumerate(both):
        before = shapes.get(of.label)
        if before is not None and of.dim is not None and -len(before) <= of.dim < len(before) and before[of.dim] != of.size:
            odd.append(index)
    return odd[0] if len(odd) == 1 else None


def passed_before(run: Run, row: Row) -> Row | None:
    """The latest row of the same op at the same place that did not fail."""
    sites = run.recording.chains[row.chain].sites[:1]
    for other in reversed(run.rows):
        same = other.id != row.id and other.op == row.op and not other.error and other.first_at < row.first_at
        if same and run.recording.chains[other.chain].sites[:1] == sites:
            return other
    return None


def built_at(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """The user's line that decided the size of a layer's weight: the constructor's argument climbed to where it is written."""
    row = _construct_row(run, failed)
    if row is None:
        return None
    return written(run, row, of.size) or run.location(row)


def _construct_row(run: Run, failed: FailedOp) -> Row | None:
    """The row in which the failing layer was built: by the failed call itself, else by the innermost frame that is a layer's."""
    owner = failed.row.owner if failed.row is not None else None
    frames = reversed(run.frames)
    owners = [owner, *(frame.owner for frame in frames if not frame.user)]
    rows = (run.row(number) for number in owners)
    return next((row for row in rows if row is not None and row.kind == "construct"), None)


def written(run: Run, row: Row, size: int) -> Location | None:
    """Where the number that gave a row its size is written: the argument of this size, climbed to its origin."""
    sites = [run.recording.sites[number] for number in run.recording.chains[row.chain].sites]
    if not sites:
        return None
    for argument in _arguments(run, row):
        trail = climb(run.sources, sites, argument, value=size)
        ends = [spot for spot in trail if spot.kind in _WRITTEN_KINDS]
        if ends and _may_be(run, argument, size):
            return run.place(ends[-1].file, ends[-1].line, ends[-1].function)
    return None


def _may_be(run: Run, argument: ast.expr, size: int) -> bool:
    return not isinstance(argument, ast.Constant) or argument.value == size


def _arguments(run: Run, row: Row) -> Iterator[ast.expr]:
    """The argument expressions of the call a row stands for, literals of nested tuples opened."""
    try:
        node = ast.parse(run.expression(row), mode="eval").body
    except SyntaxError:
        return
    if isinstance(node, ast.Call):
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            yield from argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument]


def _here(run: Run) -> Location:
    """The statement that was running in the user's code."""
    frame = run.user_frame or run.inner_frame
    return run.statement_of(frame) if frame is not None else Location("", 0)
