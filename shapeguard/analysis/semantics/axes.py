"""The dimensions of a tensor with where each came from, and the checks that say which two of them disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

import msgspec

from shapeguard.values.findings import MismatchKind
from shapeguard.values.shapes import Shape

UNKNOWN = -1  # the size of a dimension that depends on the data, such as the rows a boolean mask lets through


class Clash(msgspec.Struct, frozen=True):
    """The two sizes an op cannot bring together, and the operand dimensions they belong to.

    ``sizes`` holds the left (or expected) size, then the right one (or what came). By ``kind``:

    * ``dim``: two dimensions that must be equal, or a dimension that is too small for another
    * ``rank``: numbers of dimensions: wanted, got
    * ``numel``: numbers of elements: asked for, there are
    * ``index``: an index, and the size of the dimension it points into
    * ``count``: numbers of things: wanted, got (pieces, rows under a mask, list items). Also a view of a tensor that is
      not contiguous: the step in memory the view needs, the step there is
    * ``divides``: a size, and the number that does not divide it

    ``left`` and ``right`` are labels of the call's operands or, where a size was written down, names of its arguments.
    """

    kind: MismatchKind
    sizes: tuple[int, int]
    text: str  # one sentence with numbers: "dim 0: 3 against 2"
    dim: int | None = None
    left: str = ""
    right: str = ""
    left_dim: int | None = None
    right_dim: int | None = None
    role: str = ""  # what the dimension is to this op: "batch", "channel", "inner", "head", "length", ..., "" unknown


class Misfit(Exception):
    """Raised by a rule at the first two sizes that disagree; never leaves the package."""

    def __init__(self, clash: Clash) -> None:
        super().__init__(clash.text)
        self.clash = clash


class UnknownCallError(Exception):
    """The call lacks a shape, a dim or a number that the rule needs; never leaves the package."""


class Side(NamedTuple):
    """One of two disagreeing sizes: the operand or argument it belongs to, its dimension there, the number."""

    label: str
    dim: int | None
    size: int


class Axis(NamedTuple):
    """One dimension: its size and the (operand label, dim) pairs it was made from; none: born in the op."""

    size: int
    sources: tuple[tuple[str, int], ...] = ()

    @property
    def side(self) -> Side:
        label, dim = self.sources[0] if self.sources else ("", None)
        return Side(label, dim, self.size)


Axes = list[Axis]


class Operand(NamedTuple):
    """A tensor of the call."""

    label: str
    shape: Shape

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def axes(self) -> Axes:
        return [Axis(size, ((self.label, dim),)) for dim, size in enumerate(self.shape)]

    def side(self, dim: int) -> Side:
        """The size at ``dim``, which may count from the end."""
        if not -self.rank <= dim < self.rank:
            raise UnknownCallError(f"{self.label} has no dim {dim}")
        return Side(self.label, dim % self.rank, self.shape[dim])


def refuse(
    kind: MismatchKind, left: Side, right: Side, text: str = "", *, dim: int | None = None, role: str = ""
) -> NoReturn:
    """Raise the clash of two sides; ``dim`` defaults to the left one's."""
    where = left.dim if dim is None else dim
    where = right.dim if where is None else where
    sizes = (left.size, right.size)
    raise Misfit(
        Clash(kind, sizes, text or _text(kind, left, right), where, left.label, right.label, left.dim, right.dim, role)
    )


def _text(kind: MismatchKind, left: Side, right: Side) -> str:
    if kind == "rank":
        return f"{left.size} dims against {right.size}"
    if kind == "divides":
        return f"{left.size} is not divisible by {right.size}"
    if kind == "index":
        return f"index {left.size} is outside a dimension of size {right.size}"
    if kind != "dim" or left.dim is None or right.dim is None or left.dim == right.dim:
        where = left.dim if left.dim is not None else right.dim
        return (
            f"{left.size} against {right.size}" if where is None else f"dim {where}: {left.size} against {right.size}"
        )
    return f"dim {left.dim} of {left.label} is {left.size}, dim {right.dim} of {right.label} is {right.size}"


def must_equal(left: Side, right: Side, role: str = "", dim: int | None = None) -> None:
    if left.size != right.size:
        refuse("dim", left, right, dim=dim, role=role)


def must_divide(size: Side, divisor: Side, role: str = "") -> None:
    if divisor.size == 0 or size.size % divisor.size:
        refuse("divides", size, divisor, role=role)


def must_have_rank(operand: Operand, *ranks: int) -> None:
    """Refuse an operand whose number of dims is none of ``ranks``; the nearest one counts as wanted."""
    if operand.rank not in ranks:
        wanted = min(ranks, key=lambda rank: (abs(rank - operand.rank), -rank))
        got = f"{operand.label} has {operand.rank} dims, {' or '.join(map(str, ranks))} are wanted"
        refuse("rank", Side("", None, wanted), Side(operand.label, None, operand.rank), got)


def at_least_rank(operand: Operand, rank: int) -> None:
    if operand.rank < rank:
        text = f"{operand.label} has {operand.rank} dims, {rank} or more are wanted"
        refuse("rank", Side("", None, rank), Side(operand.label, None, operand.rank), text)


def same_rank(left: Operand, right: Operand) -> None:
    if left.rank != right.rank:
        refuse("rank", Side(left.label, None, left.rank), Side(right.label, None, right.rank))


def same_shape(left: Operand, right: Operand, roles: Sequence[str] = ()) -> None:
    """Equal shapes, without broadcasting; ``roles`` name the leading dims."""
    same_rank(left, right)
    for dim in range(left.rank):
        must_equal(left.side(dim), right.side(dim), roles[dim] if dim < len(roles) else "")


def index_fits(index: int, size: Side, label: str = "index") -> int:
    """The index counted from 0; negative ones count from the end."""
    if not -size.size <= index < size.size:
        refuse("index", Side(label, None, index), size)
    return index % size.size


def wrap(dim: int, rank: int, label: str = "input") -> int:
    """The dim counted from 0, refused as a matter of rank where the tensor has no such dim."""
    if -max(rank, 1) <= dim < max(rank, 1):
        return dim % max(rank, 1)
    wanted = dim + 1 if dim >= 0 else -dim
    text = f"dim {dim} of a tensor of {rank} dims"
    refuse("rank", Side("dim", None, wanted), Side(label, None, rank), text)


def broadcast(groups: Iterable[Axes], roles: Sequence[str] = ()) -> Axes:
    """Elementwise broadcasting, last dim first as torch does it; ``roles`` name the leading dims of the result."""
    result: Axes = []
    for number, axes in enumerate(groups):
        result = _broadcast_two(result, axes, roles) if number else list(axes)
    return result


def _broadcast_two(left: Axes, right: Axes, roles: Sequence[str]) -> Axes:
    rank = max(len(left), len(right))
    result: Axes = []
    for dim in reversed(range(rank)):
        one, other = _at(left, dim, rank), _at(right, dim, rank)
        if one is None or other is None:
            result.append(one or other or Axis(1))
        else:
            result.append(_merge(one, other, dim, roles[dim] if dim < len(roles) else ""))
    return result[::-1]


def _at(axes: Axes, dim: int, rank: int) -> Axis | None:
    place = dim - rank + len(axes)
    return axes[place] if place >= 0 else None


def _merge(left: Axis, right: Axis, dim: int, role: str) -> Axis:
    if left.size == right.size:
        return Axis(left.size, left.sources + right.sources)
    if UNKNOWN in (left.size, right.size):
        return Axis(max(left.size, right.size), left.sources + right.sources)
    if 1 not in (left.size, right.size):
        refuse("dim", left.side, right.side, dim=dim, role=role)
    return right if left.size == 1 else left


def broadcast_into(target: Axes, value: Axes, label: str = "", roles: Sequence[str] = ()) -> None:
    """``value`` must broadcast to exactly ``target``: in-place ops, copy_, expand. Sizes: (target's, value's)."""
    if len(value) > len(target):
        left = Side(target[0].side.label if target else label, None, len(target))
        right = Side(value[0].side.label, None, len(value))
        refuse("rank", left, right)
    for dim in reversed(range(len(target))):
        axis = _at(value, dim, len(target))
        if axis is not None and axis.size not in (1, target[dim].size) and target[dim].size != UNKNOWN:
            side = target[dim].side
            left = side if side.label else Side(label, dim, side.size)
            refuse("dim", left, axis.side, dim=dim, role=roles[dim] if dim < len(roles) else "")


def written(label: str, sizes: Sequence[int]) -> Operand:
    """Sizes that were written as an argument, to be compared as if they were a tensor's."""
    return Operand(label, tuple(sizes))


def product(sizes: Iterable[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total
