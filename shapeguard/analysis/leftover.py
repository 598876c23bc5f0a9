"""The last batch of a loader, which holds what is left over: a single sample, where a layer needs several."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.contents import loader_of
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.values.recording import NamedValue, Row, TensorArg


class Leftover(NamedTuple):
    """A batch of what was left over, the size of the full batches before it, and the row in which the loader was built."""

    size: int
    full: int
    loader: Row


def leftover(run: Run, crash: Crash) -> Leftover | None:
    """The failing batch as the incomplete last one of its loader."""
    if crash.clash.kind != "count" or crash.clash.role != "batch":
        return None
    return last_of_loader(run, crash.failed.operands.get(crash.clash.right))


def last_of_loader(run: Run, value: TensorArg | NamedValue | None) -> Leftover | None:
    """The incomplete last batch of a loader behind an operand, or behind what the failed layers were given."""
    given = [value, *(tensor for row in run.failed_rows for tensor in row.inputs)]
    built = next(
        (found for value in given if value is not None for row in ancestors(run, value)
         if (found := loader_of(run, row)) is not None),
        None,
    )  # fmt: skip
    batches = [row for row in run.of_kind("loader") if built is not None and row.owner == built.id and row.outputs]
    sizes = [row.outputs[0].last[0] for row in sorted(batches, key=lambda row: row.last_at) if row.outputs[0].last]
    if built is None or len(sizes) < 2 or not sizes[-1] < max(sizes):
        return None
    return Leftover(sizes[-1], max(sizes), built)
