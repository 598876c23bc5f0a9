"""Whether a view of a tensor that is not contiguous can be had without a copy."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import Operand, Side, refuse
from shapeguard.analysis.semantics.calls import Argument


def strides_allow(given: Operand, stride: Argument, size: Sequence[int]) -> None:
    """Refuse a view that joins dims which do not lie in memory as one block; ``size`` holds as many elements.

    Walks from the last dim: dims that follow each other without a gap make one block, and whole new dims must fill it.
    The clash is of kind ``count``: the step in memory that the view needs, and the step there is.
    """
    if not isinstance(stride, (list, tuple)) or 0 in given.shape:
        return
    steps = [step for step in stride if isinstance(step, int)]
    if len(steps) != given.rank:
        return
    place, block, step = len(size) - 1, 1, steps[-1] if steps else 1
    for dim in reversed(range(given.rank)):
        block *= given.shape[dim]
        if dim and (given.shape[dim - 1] == 1 or steps[dim - 1] == block * step):
            continue
        filled = 1
        while place >= 0 and (filled < block or size[place] == 1):
            filled *= size[place]
            place -= 1
        if filled != block:
            _refuse(given, max(dim - 1, 0), block * step, steps[max(dim - 1, 0)])
        block, step = 1, steps[dim - 1]


def _refuse(given: Operand, dim: int, needed: int, got: int) -> None:
    text = (
        f"dims {dim} and {dim + 1} of {given.label} cannot be joined without a copy: dim {dim} steps by {got} elements "
        f"in memory, {needed} would be needed"
    )
    refuse("count", Side("size", dim, needed), Side(given.label, dim, got), text)
