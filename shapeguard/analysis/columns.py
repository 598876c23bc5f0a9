"""A column meets a vector: (N, 1) with (N,) broadcasts to (N, N), and something of it is then made one number."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.contents import loader_of
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.graph import ancestors, users_of
from shapeguard.analysis.run import Run, per_run
from shapeguard.analysis.semantics import family
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg

_REDUCING = frozenset({"mean", "sum", "any", "all", "prod", "norm", "nanmean", "nansum", "count_nonzero", "max", "min", "amax", "amin",
                       "std", "var", "median"})  # fmt: skip
# Along a dim: the nearest of all, of a table that is meant.
_EXTREMES = frozenset({"max", "min", "amax", "amin", "any", "all", "median"})
_DIFFERENCES = frozenset({"sub", "rsub", "eq", "ne"})
_HANDED_ON = frozenset({"to", "float", "long", "detach", "clone", "contiguous"})
_COUNTING = frozenset({"arange", "linspace", "range", "logspace", "eye", "meshgrid"})
_SHAPING = frozenset({"unsqueeze", "view", "reshape", "getitem", "squeeze", "flatten", "expand", "to", "float", "long", "detach",
                      "clone", "contiguous", "T", "t", "transpose", "add", "sub", "mul", "div", "truediv", "neg", "exp", "log"})  # fmt: skip
_ADDING = frozenset({"unsqueeze", "getitem", "view", "reshape"})
_ONE_BY_ONE = frozenset({"broadcast", "pointwise"})
_MEANT = frozenset(
    {
        "unsqueeze",
        "keepdim",
        "keepdims",
        "newaxis",
        "outer",
        "T",
        "mT",
        "t",
        "meshgrid",
        "cdist",
        "permute",
        "transpose",
    }
)


class Meeting(NamedTuple):
    """The op, the column and the vector, and how what came of it was made smaller: to one "number" or to a "row"."""

    row: Row
    column: TensorArg  # (N, 1, ...), or the table (N, N) of a vector that a loader gave
    vector: TensorArg  # (N, ...)
    ends_in: str


@per_run
def meetings(run: Run) -> list[Meeting]:
    """Elementwise ops of the user's code in which a column meets a vector of as many entries, by accident as far as can be seen."""
    found, crashed = [], _before_crash(run)
    for row in run.of_kind("op"):
        pair = _pair(row)
        if pair is None:
            pair = _table(run, row)
            if pair is None:
                continue
        elif not _otherwise_alike(run, row) and (_meant(run, row) or _deliberate(run, *pair)):
            continue
        ends_in = "crash" if row.id in crashed else _ends_in(run, row)
        if ends_in:
            found.append(Meeting(row, *pair, ends_in))
    return found


def _before_crash(run: Run) -> frozenset[int]:
    """The ops behind an operand of the failed one that has more dims than it takes, and their shape: a table where a value a row belongs."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.kind != "rank":
        return frozenset()
    found: set[int] = set()
    for label, shape in failed.call.tensors:
        value = failed.operands.get(label)
        table = value is not None and len(shape) == 2 and shape[0] == shape[1] > 1
        rows = ancestors(run, value) if value is not None and table else ()
        found |= {row.id for row in rows if row.outputs and row.outputs[0].last == shape}
    return frozenset(found)


def _pair(row: Row) -> tuple[TensorArg, TensorArg] | None:
    """The (N, 1, ...) and the (N, ...) of a row, N more than one."""
    if len(row.inputs) != 2 or len(row.outputs) != 1 or family(row.op) != "broadcast" or row.varied:
        return None
    one, two = sorted(row.inputs, key=lambda tensor: -len(tensor.last))
    column, vector = bare(one.last), bare(two.last)
    if (
        one.last == (*two.last, *(1 for _ in two.last))
        and row.outputs[0].last == two.last * 2
        and len(two.last) > 1 < two.last[0]
    ):
        return one, two  # maps of one place, (N, C, 1, 1), that meet (N, C)
    if len(column) < 2 or len(two.last) != len(one.last) - 1 or not vector:
        return None
    size, rest = vector[0], vector[1:]
    beside = len(column) == len(vector) + 1 and column[:2] == (size, 1)
    beside = beside and all(one in (1, other) for one, other in zip(column[2:], rest, strict=True))
    pairs = beside and bare(row.outputs[0].last) == (size, size, *rest)
    return (one, two) if size > 1 and pairs and bare(one.first)[:1] == bare(two.first)[:1] else None


def bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the dims of 1 before it, such as the one environment or the one batch of a run."""
    return next((shape[dim:] for dim, size in enumerate(shape) if size != 1), ())


def _table(run: Run, row: Row) -> tuple[TensorArg, TensorArg] | None:
    """The (N, N) and the (N,) of a difference, where the vector is a value a row as a loader gave it: it meets the columns."""
    if len(row.inputs) != 2 or row.op.strip("_") not in _DIFFERENCES or row.varied:
        return None
    one, two = sorted(row.inputs, key=lambda tensor: -len(tensor.last))
    size = two.last[0] if len(two.last) == 1 else 0
    if size < 2 or one.last != (size, size) or one.first != (*two.first, *two.first):
        return None
    behind = _line(run, two)
    loaded = bool(behind) and loader_of(run, behind[-1]) is not None
    return (one, two) if loaded and all(made.op in _HANDED_ON for made in behind[:-1]) else None


def _meant(run: Run, row: Row) -> bool:
    """Whether the expression itself gives a dim, or turns one: ``a[:, None] - b``."""
    try:
        tree = ast.parse(run.expression(row), mode="eval")
    except SyntaxError:
        return False
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in _MEANT or (isinstance(node, ast.keyword) and node.arg in _MEANT):
            return True
        if isinstance(node, ast.Subscript) and any(
            isinstance(n, ast.Constant) and n.value is None for n in ast.walk(node.slice)
        ):
            return True
        if (
            isinstance(node, ast.Call)
            and name == ""
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("view", "reshape")
        ):
            return True
    return False


def _otherwise_alike(run: Run, row: Row) -> bool:
    """Whether the same expression was given two tensors of one shape at another time: then no table of pairs is meant."""
    return any(
        other.op == row.op
        and not other.error
        and len(other.inputs) == 2
        and len(other.inputs[0].last) > 1
        and other.inputs[0].last == other.inputs[1].last
        and other.id != row.id
        and run.at_one_place(other, row)
        for other in run.of_kind("op")
    )


def _deliberate(run: Run, column: TensorArg, vector: TensorArg) -> bool:
    """Whether both were made of one tensor (all pairs of its entries), or one of them counts (a grid of times, of positions)."""
    own, others = _line(run, column), _line(run, vector)
    made = {row.id for row in own} & {row.id for row in others}
    if vector.origin is None or column.origin is None:
        return True
    return bool(made) or any(row.op in _COUNTING for row in (*own, *others))


def _line(run: Run, tensor: TensorArg) -> list[Row]:
    """The rows behind a tensor through ops that only shape or scale it."""
    rows: list[Row] = []
    row = run.row(tensor.origin)
    while row is not None and row not in rows and len(rows) < 20:
        rows.append(row)
        if row.op not in _SHAPING or len(row.inputs) != 1:
            break  # of two tensors together neither is the other any more
        row = run.row(row.inputs[0].origin)
    return rows


def labels_of_all(run: Run) -> Iterator[Row]:
    """Lookups ``p[:, y]`` of a label for each row that took the labels of all rows for every row, and became one number."""
    for row in run.of_kind("op"):
        if row.op != "getitem" or row.args.get("index") != [":", "tensor"] or len(row.inputs) != 2 or row.error:
            continue
        table, labels = row.inputs[0].last, row.inputs[1].last
        square = (
            len(table) == 2 and labels == table[:1] and table[0] > 1 and row.inputs[0].first[:1] == row.inputs[1].first
        )
        if square and row.inputs[1].dtype == "int64" and row.outputs and _ends_in(run, row) == "number":
            yield row


def spread_values(run: Run) -> Iterator[tuple[Row, TensorArg, TensorArg]]:
    """Assignments of a tensor of one entry to a slice, where the same statement also assigns one entry for each place: (row, one, many)."""
    places: dict[Location | None, list[Row]] = {}
    for row in run.of_kind("op"):
        if row.op == "setitem" and len(row.inputs) == 2 and len(row.inputs[1].last) == 1 and not row.error:
            places.setdefault(run.location(row), []).append(row)
    for rows in places.values():
        many = next((row.inputs[1] for row in rows if row.inputs[1].last[0] > 1), None)
        one = next((row for row in rows if row.inputs[1].last == (1,) and not _one_place(row.args.get("index"))), None)
        if (
            many is not None
            and one is not None
            and one.inputs[0].last == next(row.inputs[0].last for row in rows if row.inputs[1] is many)
        ):
            yield one, one.inputs[1], many


def _one_place(index: object) -> bool:
    """Whether a slice, ``8:9``, is one place long."""
    start, _, stop = index.partition(":") if isinstance(index, str) else ("", "", "")
    return stop.isdecimal() and int(stop) - (int(start) if start.isdecimal() else 0) == 1


def needless_axis(run: Run, found: Meeting) -> Row | None:
    """The op that gave the column its axis, where it had the vector's shape before."""
    return next(
        (row for row in _line(run, found.column) if row.op in _ADDING and row.inputs[0].last == found.vector.last), None
    )


def explicit_column(run: Run, column: TensorArg) -> bool:
    """Whether the column was made a column on purpose, shortly before: by ``unsqueeze``, ``[:, None]`` or ``keepdim``."""
    row = run.row(column.origin)
    if row is None:
        return False
    index = row.args.get("index")
    return row.op == "unsqueeze" or row.args.get("keepdim") is True or (isinstance(index, list) and "None" in index)


def _ends_in(run: Run, row: Row) -> str:
    """What the (N, N) becomes: "number", "row", or "" where it is used as the table it is."""
    waiting, seen, found = [row], {row.id}, ""
    while waiting and len(seen) < 40:
        at = waiting.pop()
        for user in users_of(run, at):
            out = user.outputs[0].last if user.outputs else None
            if out is None or user.id in seen:
                continue
            seen.add(user.id)
            if user.op in _REDUCING and len(out) < 2 and not (out and user.op in _EXTREMES):
                if not out:
                    return "number"
                found = "row"
            elif out == row.outputs[0].last and (
                family(user.op) in _ONE_BY_ONE or user.op in ("min", "max", "where", "clamp", "squeeze")
            ):
                waiting.append(user)
    return found
