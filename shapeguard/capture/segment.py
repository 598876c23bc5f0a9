"""A row in the making: a run of events at one place, folded as they come."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, sub
from typing import Any

Numbers = tuple[int, ...]
Sizes = tuple[Any, ...]  # an int, or a tensor's sizes, for each that was read


def flat(sizes: Sizes) -> Numbers:
    """The numbers one after the other."""
    numbers: list[int] = []
    for size in sizes:
        if type(size) is int:
            numbers.append(size)
        else:
            numbers += size
    return tuple(numbers)


def plain(sizes: Sizes) -> Sizes:
    """The same without ``torch.Size``: objects of it that are kept keep the garbage collector busy."""
    return tuple(size if type(size) is int else tuple(size) for size in sizes)


class Segment:
    """A run of events with the same layout at the same place whose numbers grow by a fixed step."""

    __slots__ = (
        "count",
        "dirty",
        "error",
        "expect",
        "first",
        "first_at",
        "first_origins",
        "given",
        "grows",
        "key",
        "lag",
        "last",
        "last_at",
        "made",
        "origins",
        "owner",
        "row",
        "step",
        "varied",
    )

    def __init__(self, row: int, key: tuple[Any, ...], numbers: Numbers, at: int, error: str) -> None:
        self.row = row
        self.key = key
        self.first = self.last = self.expect = numbers  # expect: the numbers that would continue the run
        self.given: Sizes | None = None  # where nothing changes: the sizes as a reader gives them
        self.made: Sizes = ()
        self.step: Numbers | None = None  # None: not known yet; () : nothing changes
        self.count = 1
        self.lag = 0  # events that were counted, and whose numbers follow from the step
        self.first_at = self.last_at = at
        self.origins: Sequence[int | None] = ()
        self.first_origins: Sequence[int | None] | None = None
        self.owner: int | None = None
        self.error = error
        self.varied = False
        self.grows = False  # its numbers move, or it takes all: what it will claim is not known from its sizes
        self.dirty = True

    def advance(self, numbers: Numbers) -> None:
        """Take these numbers as the run's latest."""
        self.count += 1
        self.last = numbers
        step = self.step
        if step:
            self.expect = tuple(map(add, numbers, step))
        else:
            self.expect = numbers
            self.step = ()

    def catch_up(self) -> None:
        """Work the numbers out of events that were only counted."""
        lag, self.lag = self.lag, 0
        if self.step:
            self.last = tuple(size + lag * more for size, more in zip(self.last, self.step, strict=True))
            self.expect = tuple(map(add, self.last, self.step))

    def settle(self, given: Sizes, made: Sizes) -> None:
        """Keep the sizes as they are read, if none of them changes."""
        if self.step == () and not self.varied:
            self.given, self.made = plain(given), plain(made)

    def starts(self, numbers: Numbers) -> bool:
        """Whether a second event makes a run of the first: all that moves grows by the same step, as in a loop."""
        if self.step is not None:
            return False
        step = tuple(map(sub, numbers, self.last))
        moved = {size for size in step if size}
        if len(moved) != 1 or moved.pop() < 0:
            return False
        self.step = step
        self.grows = True
        return True
