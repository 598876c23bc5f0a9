"""A value for each row that was spread over several columns on its way into a loss: targets that nobody meant.

``target_value - alpha * log_prob`` of (batch, 1) and (batch, actions) is (batch, actions), where the log-probabilities of one row's
actions were to be added up first.
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.graph import ancestors, users_of
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_ELEMENTWISE = frozenset({"add", "sub", "mul", "div", "rsub", "truediv"})
_DISTANCES = frozenset({"pow", "square", "abs", "mul"})
_REDUCING = frozenset({"mean", "sum"})


def spread_targets(run: Run) -> Iterator[tuple[Row, Row]]:
    """(loss, spreading) where a layer's one value a row is compared with a table made by spreading such values over columns."""
    for row in run.of_kind("op"):
        column, table = _column_and_table(row)
        if row.op != "sub" or column is None or table is None or not _is_value(run, column) or not _is_loss(run, row):
            continue
        for made in ancestors(run, table):
            value, wide = _column_and_table(made)
            if made.op in _ELEMENTWISE and value is not None and wide is not None and _is_value(run, value):
                yield row, made
                break


def _column_and_table(row: Row) -> tuple[TensorArg | None, TensorArg | None]:
    """The operands (rows, 1) and (rows, columns) of an elementwise op."""
    if len(row.inputs) != 2 or row.error:
        return None, None
    for one, other in (row.inputs, row.inputs[::-1]):
        if len(one.last) == len(other.last) == 2 and one.last[0] == other.last[0] > 1 == one.last[1] < other.last[1]:
            return one, other
    return None, None


def _is_value(run: Run, column: TensorArg) -> bool:
    """Whether a column is what a layer says of each row."""
    made = run.row(column.origin)
    return made is not None and made.kind == "module"


def _is_loss(run: Run, row: Row) -> bool:
    """Whether a difference becomes a distance, and one number is made of it."""
    return any(
        reduced.op in _REDUCING and reduced.outputs and reduced.outputs[0].last == ()
        for distance in users_of(run, row)
        if distance.op in _DISTANCES
        for reduced in users_of(run, distance)
    )
