"""One kind of call that a place makes, and the run of events that such a call continues.

Most calls of most programs are the last one over again, down to the sizes. Whether a call is one of those is asked of all
its tensors at once, by the check that torch itself makes before it runs a compiled function.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from shapeguard.capture.segment import Segment, Sizes

_MAX_CHECKS = 8  # made for one form: gradients on and off, autocast, tensors and parameters in turn
_PATIENCE = 3  # calls with other sizes before a form follows those

Check = Callable[..., bool]


class Form:
    """Readers for one layout, the rows of its key, and the row among them that is followed."""

    __slots__ = (
        "check",
        "check_result",
        "checks",
        "given",
        "key",
        "layout",
        "length",
        "made",
        "missed",
        "read",
        "read_result",
        "rows",
        "segment",
    )

    def __init__(self, read: Callable[..., Any], layout: tuple[Any, ...]) -> None:
        self.read = read
        self.layout = layout
        self.read_result: Callable[..., Any] | None = None
        self.key: tuple[Any, ...] = ()
        self.rows: Sequence[Segment] = ()
        self.segment: Segment | None = None  # followed: its sizes do not change
        self.length = 0  # how many rows there were when it was found to be the one
        self.given: Sizes | None = None  # its sizes, as a reader gives them
        self.made: Sizes | None = None
        self.check: Check | None = None  # whether tensors are like those
        self.check_result: Check | None = None
        self.checks = 0
        self.missed = 0

    def follow(self, segment: Segment) -> None:
        """Expect this row's sizes next time, if no newer row may lay claim to them."""
        rows = self.rows
        if segment is not self.segment:
            self.missed += 1
            if self.segment is not None and self.missed < _PATIENCE:
                return
            self.segment = segment
            self.given, self.made = segment.given, segment.made
            self.check = self.check_result = None
        self.missed = 0
        newer = rows[rows.index(segment) + 1 :] if rows[-1] is not segment else ()
        self.length = len(rows) if all(row.given is not None for row in newer) else -1

    def renew(self, tensors: Sequence[torch.Tensor]) -> None:
        """Make a check of operands whose sizes are the expected ones."""
        self.checks += 1
        if self.checks <= _MAX_CHECKS:
            self.check = sizes_check(tensors)

    def renew_result(self, tensors: Sequence[torch.Tensor]) -> None:
        """The same for results."""
        self.checks += 1
        if self.checks <= _MAX_CHECKS:
            self.check_result = sizes_check(tensors)


def sizes_check(tensors: Sequence[torch.Tensor]) -> Check | None:
    """A function that tells whether tensors have the types, dtypes, devices and sizes of these; None where torch has none."""
    try:
        from torch._C._dynamo import guards

        sizes: Any = [list(tensor.shape) for tensor in tensors]
        strides: Any = [[None] * tensor.dim() for tensor in tensors]  # any
        guard: Any = guards.TensorGuards(
            *tensors,
            dynamic_dims_sizes=sizes,
            dynamic_dims_strides=strides,
        )
        check: Check = guard.check
        return check if check(*tensors) else None
    except Exception:
        return None
