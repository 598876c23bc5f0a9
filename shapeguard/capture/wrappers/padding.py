"""Which side a batch is padded on, read where it is free: small integer tensors and lists that lie on the CPU.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

MAX_READ = 1 << 14  # elements

Rows = list[list[int]]


def readable(value: Any) -> Rows | None:
    """The rows of a small integer or bool matrix on the CPU, or of nested lists; None for anything else."""
    if type(value) is torch.Tensor:
        free = value.device.type == "cpu" and not value.is_floating_point() and value.dim() == 2
        rows: Rows | None = value.tolist() if free and 0 < value.numel() <= MAX_READ else None
        return rows
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return value if sum(map(len, value)) <= MAX_READ else None
    return None


def side(padded: Iterable[Sequence[bool]]) -> str:
    """Where the True entries of the rows stand: "none", "left", "right", "both", or "holes" between real tokens."""
    sides = set()
    for row in padded:
        real = [index for index, pad in enumerate(row) if not pad]
        if not real or len(real) == len(row):
            continue
        if real[-1] - real[0] + 1 != len(real):
            sides.add("holes")
        if real[0] > 0:
            sides.add("left")
        if real[-1] < len(row) - 1:
            sides.add("right")
    if not sides:
        return "none"
    if "holes" in sides:
        return "holes"
    return sides.pop() if len(sides) == 1 else "both"


def mask_side(mask: Any) -> str:
    """Padding side as a 2-D attention mask tells it; "?" where the mask cannot be read for free."""
    rows = readable_mask(mask)
    return "?" if rows is None else side([not value for value in row] for row in rows if not all(row))


def readable_mask(mask: Any) -> Rows | None:
    """The rows of a small mask; of floats, on the CPU, where they are 1 and 0 throughout."""
    if (known := readable(mask)) is not None:
        return known
    if type(mask) is not torch.Tensor or not mask.is_cpu or mask.dim() != 2 or not 0 < mask.numel() <= MAX_READ:
        return None
    if not mask.is_floating_point():
        return None
    rows: list[list[float]] = mask.tolist()
    return [[int(value) for value in row] for row in rows] if set().union(*rows) <= {0.0, 1.0} else None


def ids_side(ids: Any, pad_ids: Iterable[int | None]) -> str:
    """Padding side as runs of a pad id at the ends of the rows tell it; "?" where the ids cannot be read for free.

    "all" where there is nothing but pad ids in any row.

    A single id at a row's end may be a real end-of-sequence token, but then it ends the other rows too: what all rows
    share is not padding.
    """
    rows = readable(ids)
    pads = {pad for pad in pad_ids if isinstance(pad, int)}
    if rows is None or not pads:
        return "?"
    right = [_run(reversed(row), pads) for row in rows]
    left = [_run(row, pads) for row in rows]
    if all(run == len(row) for run, row in zip(left, rows, strict=True)):
        return "all"
    found = {name for name, runs in (("left", left), ("right", right)) if len(rows) > 1 and max(runs) > min(runs)}
    if not found:
        return "none"
    return found.pop() if len(found) == 1 else "both"


def _run(row: Iterable[int], pads: set[int]) -> int:
    """How many pad ids the row starts with."""
    length = 0
    for token in row:
        if token not in pads:
            break
        length += 1
    return length
