"""Choosing the rows of a long table that are shown: its beginning, its end, and what is worth seeing between."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar

_Item = TypeVar("_Item")


class Gap(NamedTuple):
    """A stretch of rows that is left out."""

    left_out: int


def excerpt(
    items: Sequence[_Item], *, cap: int, tail: int = 5, keep: Collection[int] = (), around: int = 1
) -> list[_Item | Gap]:
    """At most about ``cap`` items in their order, with a :class:`Gap` in place of each stretch left out.

    The positions in ``keep`` go first (each with ``around`` neighbours), then the last ``tail`` and the first ones.
    """
    if len(items) <= cap:
        return list(items)
    wanted: set[int] = set(range(len(items) - tail, len(items)))
    for position in sorted(keep):
        if len(wanted) >= cap // 2:
            break
        wanted.update(range(max(0, position - around), min(len(items), position + around + 1)))
    for position in range(len(items)):
        if len(wanted) >= cap:
            break
        wanted.add(position)
    return _with_gaps(items, sorted(wanted))


def _with_gaps(items: Sequence[_Item], positions: Sequence[int]) -> list[_Item | Gap]:
    shown: list[_Item | Gap] = []
    expected = 0
    for position in positions:
        if position > expected:
            shown.append(Gap(position - expected))
        shown.append(items[position])
        expected = position + 1
    return shown
