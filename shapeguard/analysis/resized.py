"""What became of the positions that a table was made for: images brought to another size, tokens that were dropped."""

from __future__ import annotations

import ast

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.analysis.sizing import located
from shapeguard.analysis.source import given_as
from shapeguard.analysis.written import decided
from shapeguard.values.findings import Location
from shapeguard.values.recording import NamedValue, TensorArg

_KEEPING = frozenset({"gather", "index_select", "take_along_dim"})


def resized_to(run: Run, failed: FailedOp, table: Side) -> Location | None:
    """Where the size is written to which images were brought that do not fit a model's own table of positions."""
    states = _states(failed, table)
    for row in ancestors(run, states) if states is not None and not table.hops else ():
        shape = row.outputs[0].last if row.op in ("interpolate", "resize") and row.outputs else ()
        square = len(shape) > 2 and shape[-1] == shape[-2]
        told = next(iter(given_as(run.expression(row), "size")), None) if square else None
        told = told.elts[-1] if isinstance(told, ast.Tuple) else told
        for trail in climbs(run.sources, run.chain(row), told, value=shape[-1]) if told is not None else ():
            spot = decided(list(trail.spots))
            return located(run, spot) if spot is not None else None
    return None


def dropped_beside(run: Run, failed: FailedOp, table: Side) -> Location | None:
    """Where a model hands a whole table of positions on beside tokens of which it has kept some: theirs belong to those alone."""
    states = _states(failed, table)
    kept = next((row for row in ancestors(run, states) if row.op in _KEEPING), None) if states is not None else None
    if kept is None or table.value is None or not kept.inputs or kept.inputs[0].last[1:2] != (table.size,):
        return None
    whole = {row.id for row in ancestors(run, table.value)}
    for frame in run.frames:
        if frame.user and any(value.origin in whole for value in frame.operands if value.origin is not None):
            return run.statement_of(frame)
    return None


def _states(failed: FailedOp, table: Side) -> TensorArg | NamedValue | None:
    """What meets the table, and is known to have been made of something."""
    beside = (value for label, value in failed.operands.items() if label != table.label)
    return next((value for value in beside if value.origin is not None), None)
