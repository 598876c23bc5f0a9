"""The argument that gave a dimension its size: ``self.heads`` in ``x.reshape(rows, length, self.heads, dim)``, and its origin."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import field_of, written_spot
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

# Calls whose positional arguments (or one sequence) are the sizes of the result, and where these begin.
_SIZED = {
    "view": 0, "reshape": 0, "expand": 0, "repeat": 0, "zeros": 0, "ones": 0, "empty": 0, "rand": 0, "randn": 0, "full": 0,
    "new_zeros": 0, "new_ones": 0, "new_empty": 0, "new_full": 0, "randint": -1,
}  # fmt: skip
_WRITTEN = frozenset({"constant", "entry", "option", "default", "argument", "assign", "attribute", "return"})
_SEQUENCE_ONLY = frozenset({"full", "new_full", "randint"})


def call_node(run: Run, row: Row) -> ast.Call | None:
    """The call a row stands for, parsed; None where its text is no call."""
    node = parsed_text(run.expression(row))
    if node is None:
        return None
    return node if isinstance(node, ast.Call) else None


def size_argument(run: Run, row: Row, dim: int) -> ast.expr | None:
    """The expression that says how large a dimension of the row's result shall be; None where that is not to be seen."""
    node = call_node(run, row)
    if node is None or row.op not in _SIZED:
        return None
    named = next((keyword.value for keyword in node.keywords if keyword.arg in ("size", "shape")), None)
    args = [named] if named is not None else list(node.args)
    is_function = isinstance(node.func, ast.Attribute) and _is_torch(node.func.value) and bool(row.inputs)
    return _at(args[1:] if is_function and named is None else args, dim, row.op in _SEQUENCE_ONLY)


def _is_torch(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "torch"


def _at(args: Sequence[ast.expr], dim: int, sequence_only: bool) -> ast.expr | None:
    sequence = next((arg for arg in args if isinstance(arg, ast.Tuple | ast.List)), None)
    if sequence is not None:
        args = sequence.elts
    elif args and (sequence_only or len(args) == 1):
        if isinstance(args[0], ast.Starred):
            return None
        if dim == 0 and isinstance(args[0], ast.Constant):
            return args[0]
        return ast.Subscript(args[0], ast.Constant(dim), ast.Load())
    if any(isinstance(arg, ast.Starred) for arg in args[: dim + 1]):
        return None
    return args[dim] if 0 <= dim < len(args) else None


def slice_trails(run: Run, hop: Hop) -> list[list[Spot]]:
    """The ways from ``size`` of a slice ``start : start + size`` (or ``: size``) to where that number is written."""
    node = parsed_text(run.expression(hop.row))
    told = hop.row.args.get("index")
    if not isinstance(node, ast.Subscript) or hop.row.op != "getitem":
        return []
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    items = [str(item) for item in (told if isinstance(told, list) else [told])]
    kept = [part for part, item in zip(parts, items, strict=False) if not item.lstrip("-").isdecimal()]
    size = _length(kept[hop.after]) if len(parts) == len(items) and hop.after < len(kept) else None
    if size is None:
        return []
    found = climbs(run.sources, run.chain(hop.row), ast.unparse(size), value=hop.size_after)
    return [list(trail.spots) for trail in found]


def _length(part: ast.expr) -> ast.expr | None:
    match part:
        case ast.Slice(lower=None, upper=ast.expr() as upper):
            return upper
        case ast.Slice(lower=ast.expr() as lower, upper=ast.BinOp(left=left, op=ast.Add(), right=right)):
            return right if ast.unparse(left) == ast.unparse(lower) else None
    return None


def size_trails(run: Run, hop: Hop) -> list[list[Spot]]:
    """The ways from the argument that gave a dimension its size to where that number is written, the most telling first."""
    argument = size_argument(run, hop.row, hop.after)
    if argument is None:
        return []
    found = climbs(run.sources, run.chain(hop.row), ast.unparse(argument), value=hop.size_after)
    return [list(trail.spots) for trail in found]


def located(run: Run, spot: Spot | None) -> Location | None:
    """A spot of a climb as a location."""
    return run.at(spot) if spot is not None and spot.line else None


def config_default(run: Run, place: Location | None, size: int) -> Location | None:
    """The field of a config by whose default a tensor was made at a place: nobody has told another number."""
    made = (row for row in run.rows if place is not None and row.outputs and run.location(row) == place)
    spots = (written_spot(run, row, size) for row in made if size in row.outputs[0].last)
    spot = next((spot for spot in spots if spot is not None), None)
    return run.at(spot) if spot is not None and field_of(run, spot) is not None else None


def built_size(run: Run, row: Row, size: int) -> Spot | None:
    """Where the number is written that a constructor was given as one of its arguments and kept under some name.

    Of numbers of which the size was computed, a default that nobody has looked at comes before what was chosen.
    """
    node = call_node(run, row)
    told: list[Spot] = []
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)] if node is not None else []:
        if isinstance(argument, ast.Constant) and argument.value != size:
            continue
        trails = climbs(run.sources, run.chain(row), ast.unparse(argument), value=size)
        ends = [trail.spots[-1] for trail in trails]
        told += [last for last in ends if last.kind in _WRITTEN and last.node_text != "None"]
    return min(told, key=lambda last: (last.node_text != str(size), last.kind != "default"), default=None)
