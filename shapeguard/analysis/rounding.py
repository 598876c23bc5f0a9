"""Numbers that a floor division rounds down on the way of a size: what it drops is missing later."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from shapeguard.analysis.climb import possible_values
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


def rounded_at(run: Run, way: Iterable[Hop]) -> Location | None:
    """The last line on a size's way that rounds a number down, in an op or in one that made a part of what is joined."""
    rounded = [row for row in _rows(run, way) if _rounds(run, row)]
    return run.location(rounded[-1]) if rounded else None


def _rows(run: Run, way: Iterable[Hop]) -> Iterator[Row]:
    for hop in way:
        if hop.changed and hop.row.kind == "concat":
            parts = (run.row(tensor.origin) for tensor in hop.row.inputs)
            yield from (part for part in parts if part is not None and part.kind == "op")
        elif hop.changed and hop.row.kind == "op":
            yield hop.row


def _rounds(run: Run, row: Row) -> bool:
    """Whether a number that an op is given leaves a remainder behind."""
    sites = run.chain(row)
    node = parsed_text(run.expression(row))
    if node is None:
        return False
    for part in ast.walk(node) if sites else ():
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv):
            whole, by = (possible_values(run.sources, sites, side) for side in (part.left, part.right))
            if whole and by and all(a % b for a in whole for b in by if b):
                return True
    return False
