"""Slices that reach past the end: Python cuts them short without a word, and the sizes stop fitting later."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.overrun import asked_for
from shapeguard.analysis.parting import whole_way
from shapeguard.analysis.run import Run


class Clipped(NamedTuple):
    """A slice that was assigned to: where it begins and should end, and the size of the dimension."""

    dim: int
    start: int
    stop: int
    size: int


def clipped(failed: FailedOp) -> Clipped | None:
    """The slice of a failed assignment whose end lies past the end of its dimension, where that is the clash."""
    index = failed.call.args.get("index")
    shape = next((shape for label, shape in failed.call.tensors if label == "input"), None)
    if failed.op != "setitem" or failed.clash is None or shape is None or not isinstance(index, list):
        return None
    if any(str(item).startswith(("ellipsis", "none", "mask", "index")) for item in index):
        return None
    for dim, (item, size) in enumerate(zip(index, shape, strict=False)):
        start, stop = _bounds(str(item))
        if stop is not None and stop > size and size - start in failed.clash.sizes:
            return Clipped(dim, start, stop, size)
    return None


def _bounds(item: str) -> tuple[int, int | None]:
    """Start and stop of ``slice:54:70:``; no stop where there is none."""
    kind, *parts = item.split(":")
    if kind != "slice" or len(parts) < 2 or not parts[1].isdecimal():
        return 0, None
    return int(parts[0]) if parts[0].isdecimal() else 0, int(parts[1])


def of_a_buffer(run: Run, failed: FailedOp) -> bool:
    """Whether it is a buffer of an object's that was written to, ``self.queue[:, ptr : ptr + n]``: its size was fixed when it was made."""
    return failed.expression(run, "input").startswith("self.")


def ran_out(dispute: Dispute) -> Cause | None:
    """The slice that walked on through data and found less than it asked for at the end, where it had found all before."""
    run = dispute.run
    for index, side in enumerate(dispute.both):
        way = whole_way(run, side)
        for step, hop in enumerate(way):
            if hop.row.op == "getitem" and _came_short(run, hop):
                found = dispute.blame(index, run.location(hop.row), "changed")
                return found._replace(side=side._replace(hops=tuple(way[: step + 1])))
    return None


def _came_short(run: Run, hop: Hop) -> bool:
    stop = asked_for(hop)
    if stop is None or hop.size_before is None or stop <= hop.size_before or hop.size_after >= hop.size_before:
        return False
    earlier = (row for row in run.rows[: hop.row.id] if row.op == "getitem" and run.at_one_place(row, hop.row))
    return any(row.outputs and row.outputs[0].last[hop.after] > hop.size_after for row in earlier)
