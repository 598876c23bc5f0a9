"""``x[...]`` and ``x[...] = value``.

An index is described by ``args["index"]``, a list of items in order:

* ``int:3``: a number
* ``slice:0:5:1``: start, stop, step, each empty where it was left out
* ``none``, ``ellipsis``
* ``index:(2, 3)``: a tensor, list or array of numbers, by its shape
* ``mask:(3,)``: a boolean tensor, by its shape

Tensor items are the call's operands after ``input`` (and after ``value`` last), in order. ``values["mask_count"]`` is
the number of True ones of a single mask, ``values["index_max"]`` and ``["index_min"]`` the extremes of a single index.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shapeguard.analysis.semantics.axes import (
    UNKNOWN,
    Axes,
    Axis,
    Operand,
    Side,
    UnknownCallError,
    broadcast,
    broadcast_into,
    index_fits,
    must_equal,
    refuse,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound
from shapeguard.analysis.semantics.index import values_fit


@dataclass
class _Walk:
    """The dims of the input consumed from left to right, and what the items made of them."""

    given: Operand
    dim: int = 0
    axes: Axes = field(default_factory=list)  # of the result, advanced indices left out
    advanced: list[Axes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # where in ``axes`` each advanced index stood

    def take(self) -> Axis:
        self.dim += 1
        return self.given.axes[self.dim - 1]


@register("getitem", params="input")
def getitem(call: Bound) -> Axes:
    return subscripted(call, call.tensor("input"))


@register("setitem", "index_put", "index_put_", params="input")
def setitem(call: Bound) -> Axes:
    """The value broadcasts to the place it is written to; leading dims of size 1 that it has too many are dropped."""
    given = call.tensor("input")
    target = subscripted(call, given)
    value = next((operand for operand in call.all if operand.label in ("value", "values")), None)
    if value is not None:
        axes = value.axes
        while len(axes) > len(target) and axes[0].size == 1:
            axes = axes[1:]
        broadcast_into(target, axes)
    return given.axes


def subscripted(call: Bound, given: Operand) -> Axes:
    """The axes of ``given[index]``."""
    items = call.texts("index")
    tensors = [operand for operand in call.all if operand is not given and operand.label not in ("value", "values")]
    _not_too_many(items, given)
    walk = _Walk(given)
    for number, item in enumerate(items):
        _step(call, walk, item, items[number + 1 :], tensors)
    walk.axes += given.axes[walk.dim :]
    return _join(walk)


def _not_too_many(items: list[str], given: Operand) -> None:
    used = sum(_consumed(item) for item in items)
    if used > given.rank:
        text = f"{used} indices for {given.label} of {given.rank} dims"
        refuse("rank", Side("index", None, used), Side(given.label, None, given.rank), text)


def _consumed(item: str) -> int:
    """How many dims of the input an item uses up."""
    if item in ("none", "ellipsis") or item.startswith("bool"):
        return 0
    return len(_shape(item)) if item.startswith("mask:") else 1


def _shape(item: str) -> tuple[int, ...]:
    numbers = (_number(part) for part in item.partition(":")[2].strip("()[] ,").split(","))
    return tuple(number for number in numbers if number is not None)


def _number(text: str) -> int | None:
    """None where nothing is written."""
    text = text.strip()
    if text in ("", "None"):
        return None
    if not text.lstrip("-").isdecimal():
        raise UnknownCallError(f"{text!r} in an index")
    return int(text)


def _step(call: Bound, walk: _Walk, item: str, following: list[str], tensors: list[Operand]) -> None:
    kind, _, rest = item.partition(":")
    if kind == "none":
        walk.axes.append(Axis(1))
    elif kind == "ellipsis":
        stop = walk.given.rank - sum(map(_consumed, following))
        walk.axes += walk.given.axes[walk.dim : stop]
        walk.dim = stop
    elif kind == "int":
        index_fits(_number(rest) or 0, walk.take().side, "index")
    elif kind == "slice":
        axis = walk.take()
        walk.axes.append(Axis(_sliced(axis.size, rest), axis.sources))
    elif kind == "index":
        _take_index(call, walk, _operand(item, tensors, walk))
    elif kind == "mask":
        _take_mask(call, walk, _operand(item, tensors, walk))
    else:
        raise UnknownCallError(f"index item {item!r}")


def _sliced(size: int, text: str) -> int:
    start, stop, step, *_ = (*map(_number, text.split(":")), None, None)
    if step is not None and step < 1:
        raise UnknownCallError("a slice that does not go forward")
    return len(range(*slice(start, stop, step).indices(size)))


def _operand(item: str, tensors: list[Operand], walk: _Walk) -> Operand:
    """The next tensor operand, or a nameless one where the index was a list."""
    shape = _shape(item)
    return next(
        (operand for operand in tensors[len(walk.advanced) :] if operand.shape == shape), Operand("index", shape)
    )


def _take_index(call: Bound, walk: _Walk, index: Operand) -> None:
    values_fit(call, index, walk.take().side)
    if not index.rank:  # a tensor of one number selects as the number does
        return
    walk.places.append(len(walk.axes))
    walk.advanced.append(index.axes)


def _take_mask(call: Bound, walk: _Walk, mask: Operand) -> None:
    count = call.value("mask_count")
    sources: list[tuple[str, int]] = []
    for dim in range(mask.rank):
        axis = walk.take()
        must_equal(axis.side, mask.side(dim), dim=walk.dim - 1)
        sources += axis.sources
    walk.places.append(len(walk.axes))
    walk.advanced.append([Axis(UNKNOWN, tuple(sources)) if count is None else Axis(count, ((mask.label, 0),))])


def _join(walk: _Walk) -> Axes:
    """Advanced indices broadcast together; they stand in place if neighbours, else in front."""
    if not walk.advanced:
        return walk.axes
    result = broadcast(walk.advanced)
    place = walk.places[0] if len(set(walk.places)) == 1 else 0
    return [*walk.axes[:place], *result, *walk.axes[place:]]
