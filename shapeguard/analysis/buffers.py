"""Buffers of fixed size that the user's code writes into position by position, as a KV cache of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.sizing import located, size_trails
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.untold import untold
from shapeguard.analysis.written import decided
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg


class Overflow(NamedTuple):
    """A write past the end of a buffer: the dim, its size, and the position the write was to reach."""

    row: Row
    buffer: TensorArg
    dim: int
    room: int
    needed: int


def overflows(run: Run) -> Iterator[Overflow]:
    """Writes ``buffer[..., start:end] = new`` that reach past the end; Python cuts such a slice without a word."""
    for row in run.of_kind("op"):
        if row.op != "setitem" or len(row.inputs) < 2 or len(row.inputs[0].last) < 3:
            continue
        index = row.args.get("index")
        parts = index if isinstance(index, list) else [index]
        if "..." in parts:
            parts = ([":"] * (len(row.inputs[0].last) - len(parts) + 1)) + parts[parts.index("...") + 1 :]
        for dim, part in enumerate(parts):
            ends = _ends(part)
            if (
                ends is not None
                and dim < len(row.inputs[0].last)
                and ends[1] > row.inputs[0].last[dim]
                and (ends[0] > 0 or _moves_on(run, row, dim))
            ):
                yield Overflow(row, row.inputs[0], dim, row.inputs[0].last[dim], ends[1])


def _moves_on(run: Run, row: Row, dim: int) -> bool:
    """Whether the same statement also writes further on: at other times what it writes follows what was written before."""
    for other in run.of_kind("op"):
        index = other.args.get("index")
        part = index[dim] if isinstance(index, list) and dim < len(index) else None
        ends = _ends(part) if other.op == row.op and run.at_one_place(other, row) else None
        if ends is not None and ends[0] > 0:
            return True
    return False


def full_buffer(run: Run) -> Overflow | None:
    """A failed write into a buffer, or ``narrow`` of it, that was laid out with room for fewer rows or positions than are asked for."""
    failed = failed_op(run)
    if (
        failed is None
        or failed.row is None
        or failed.clash is None
        or failed.clash.kind != "index"
        or not failed.row.inputs
    ):
        return None
    if failed.op not in ("narrow", "setitem", "index_copy_"):
        return None
    buffer, dim, (needed, room) = failed.row.inputs[0], failed.clash.right_dim, failed.clash.sizes
    needed += failed.op != "narrow"  # an index, and no number
    rows = dim == 0 and failed.op != "narrow"  # of a store of samples
    hops = follow(run, buffer, dim) if dim is not None and len(buffer.last) > 2 and not rows else []
    laid_out = bool(hops) and hops[-1].row.op in ("zeros", "empty", "full") and not hops[-1].row.inputs
    return Overflow(failed.row, buffer, dim, room, needed) if laid_out and dim is not None else None


def _ends(part: object) -> tuple[int, int] | None:
    """Both ends of a slice ``start:end`` that names them."""
    start, colon, end = part.partition(":") if isinstance(part, str) else ("", "", "")
    return (int(start), int(end)) if colon and start.isdigit() and end.isdigit() else None


def laid_out_at(run: Run, overflow: Overflow) -> tuple[Location | None, list[Hop]]:
    """Where the buffer's size was written, else where the buffer was made."""
    hops = follow(run, overflow.buffer, overflow.dim)
    if not hops:
        return _grown_under(run, overflow.row) or run.location(overflow.row), hops
    grower = run.location(hops[-1].row) if hops[-1].row.kind == "concat" else None
    if grower is not None and (test := _grown_under(run, overflow.row, grower.function.rpartition(".")[2])) is not None:
        return test, hops
    ways = size_trails(run, hops[-1])
    told = [way for way in ways if way[-1].kind not in ("outside", "parameter", "data", "use")]
    spot = decided(list(told[0])) if told else None
    where = (untold(run, hops[-1].row, told[0]) or located(run, spot or told[0][-1])) if told else None
    return where or run.location(hops[-1].row), hops


def _grown_under(run: Run, row: Row, grower: str = "") -> Location | None:
    """The test under which the very method that writes to a buffer makes it longer, or has another one do so: it did not hold."""
    place = run.location(row)
    function = run.sources[place.file].function_at(place.line) if place is not None else None
    node = parsed_text(run.expression(row))
    written = ast.unparse(node.value) if isinstance(node, ast.Subscript) else ""
    for test in ast.walk(function) if function is not None and written else ():
        for statement in test.body if isinstance(test, ast.If) else ():
            grows = isinstance(statement, ast.Assign) and written in map(ast.unparse, statement.targets)
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr=called))):
                    grows = called == grower
            if grows and place is not None and isinstance(test, ast.If):
                return run.place(place.file, test.lineno, place.function)
    return None
