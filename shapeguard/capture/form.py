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
_PATIENCE = 16  # calls with other sizes in a row before a form follows those
_MAX_OTHERS = 8  # of the rows that an event may continue

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
        "others",
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
        self.others: dict[Sizes, Segment] = {}  # rows of other sizes that do not change, by what goes in
        self.length = 0  # how many rows there were when these were found; -1 while one of them grows
        self.given: Sizes | None = None  # its sizes, as a reader gives them
        self.made: Sizes | None = None
        self.check: Check | None = None  # whether tensors are like those
        self.check_result: Check | None = None
        self.checks = 0
        self.missed = 0

    def follow(self, segment: Segment) -> None:
        """Expect this row's sizes again, if no row may lay claim to them that grows."""
        rows = self.rows
        if len(rows) != self.length:
            self.others.clear()
            latest = rows[: -_MAX_OTHERS - 1 : -1]
            self.length = -1 if any(row.grows for row in latest) else len(rows)
            if self.segment not in latest:
                self.segment = None
        assert segment.given is not None
        self.others[segment.given] = segment
        self.missed = 0 if segment is self.segment else self.missed + 1
        if self.segment is None or self.missed > _PATIENCE:
            self.missed = 0
            self.segment = segment
            self.given, self.made = segment.given, segment.made
            self.check = self.check_result = None

    def another(self, given: Sizes, made: Sizes) -> Segment | None:
        """The row of these sizes, where it is known which one that is."""
        segment = self.others.get(given)
        if segment is None or segment.made != made:
            return None
        self.missed += 1
        if self.missed > _PATIENCE:
            self.follow(segment)
        return segment

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
