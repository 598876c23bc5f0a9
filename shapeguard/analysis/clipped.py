"""Slices that reach past the end: Python cuts them short without a word, and the sizes stop fitting later."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.failed import FailedOp
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
