"""The run as a graph: which rows took what a row made, and which rows stand behind a tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shapeguard.analysis.run import Run, per_run
from shapeguard.values.recording import NamedValue, Row, TensorArg

MAX_ANCESTORS = 400

# They make a tensor of nothing but sizes: what it holds tells nothing of the data.
COUNTING_OUT = frozenset({"arange", "zeros", "ones", "full", "empty", "eye", "linspace"})


def users_of(run: Run, row: Row) -> list[Row]:
    """Rows that took a result of this row, as far as the last occurrence of each tells."""
    return _users(run).get(row.id, [])


@per_run
def _users(run: Run) -> dict[int, list[Row]]:
    table: dict[int, list[Row]] = {}
    for row in run.rows:
        for origin in dict.fromkeys(tensor.origin for tensor in row.inputs):
            if origin is not None:
                table.setdefault(origin, []).append(row)
    return table


def past(run: Run, origin: int | None, hands_on: Callable[[Row], bool]) -> Row | None:
    """The nearest row, going by first operands, that does not only hand its operand on.

    None where they lead round: a row that a loop was folded into may be its own origin.
    """
    row, seen = run.row(origin), set[int]()
    while row is not None and row.inputs and hands_on(row):
        if row.id in seen:
            return None
        seen.add(row.id)
        row = run.row(row.inputs[0].origin)
    return row


def makers(run: Run, row: Row) -> list[Row]:
    """The rows that made the operands of a row."""
    return [made for tensor in row.inputs if (made := run.row(tensor.origin)) is not None]


def ancestors(run: Run, tensor: TensorArg | NamedValue) -> Iterator[Row]:
    """The rows behind a tensor, nearest first."""
    waiting = [tensor.origin]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_ANCESTORS:
        row = run.row(waiting.pop(0))
        if row is None or row.id in seen:
            continue
        seen.add(row.id)
        yield row
        waiting += [origin for source in row.inputs for origin in (source.origin, source.first_origin)]


def with_itself(row: Row) -> bool:
    """Whether a row joins a tensor with itself: ``cat([states, states])``."""
    origins = {tensor.origin for tensor in row.inputs}
    return row.kind == "concat" and len(row.inputs) > 1 and len(origins) == 1 and None not in origins
