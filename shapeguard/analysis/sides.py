"""The two sides of a clash: each an operand's dimension, with the events that handed its size on."""

from __future__ import annotations

import re
from typing import NamedTuple

from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import COUNTING_OUT, with_itself
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.values.recording import NamedValue, TensorArg

_FIRST = re.compile(r"\[[01]\]\.weight$")  # of a container's layers


class Side(NamedTuple):
    """One of the two sizes of a clash: the operand, its dimension, and the events that handed the size on."""

    label: str
    value: NamedValue | TensorArg | None
    dim: int | None
    size: int
    hops: tuple[Hop, ...]


def sides(run: Run, failed: FailedOp) -> list[Side]:
    """Left and right of the failed op's clash."""
    clash = failed.clash
    if clash is None:
        return []
    pairs = ((clash.left, clash.left_dim, clash.sizes[0]), (clash.right, clash.right_dim, clash.sizes[1]))
    left, right = (side(run, failed, label, dim, size) for label, dim, size in pairs)
    left, right = _unfolded(run, left, right)
    return list(_unjoined(run, _past_product(run, left, right), _past_product(run, right, left)))


def side(run: Run, failed: FailedOp, label: str, dim: int | None, size: int) -> Side:
    """One side by its operand's label (or an argument's name) and dimension."""
    value = failed.operands.get(label)
    shape = shape_of(value)
    counted = failed.clash is not None and failed.clash.kind != "index"
    if dim is None and shape == (size,) and counted:
        dim = 0  # the number of elements of a vector; of a vector of indices the size is one of its values
    if shape is not None and dim is not None and shape[dim] != size == shape[0] and failed.op.startswith("conv"):
        dim = 0  # of a kernel for each channel the channels are counted by its first dimension
    hops = follow(run, value, dim) if value is not None and dim is not None else []
    if not hops and shape is not None and dim is not None and dim % len(shape) == len(shape) - 1:
        came = _came_in(run, failed, value, size)
        hops = follow(run, came, len(came.last) - 1) if came is not None else []
    return Side(label, value, dim, size, tuple(hops))


def _came_in(run: Run, failed: FailedOp, value: NamedValue | TensorArg | None, size: int) -> TensorArg | None:
    """The one tensor with these features that the user's code gave the library's model, or container, in which they then clashed."""
    first = _FIRST.search(failed.expression(run, "weight")) is not None  # before it there is a dropout at most
    call = run.failed_row("forward") or (run.failed_row("module") if first else None)
    if call is None or value is None or value.origin is not None or is_weight_value(value):
        return None
    given = [tensor for tensor in call.inputs if tensor.last[-1:] == (size,) and "." not in tensor.label]
    given = [tensor for tensor in given if len(tensor.last) > 2 or call.kind == "module"]
    return given[0] if len(given) == 1 else None


def _unfolded(run: Run, left: Side, right: Side) -> tuple[Side, Side]:
    """Both sides followed past a place where both were folded (heads into the batch, say): along the factor that differs."""
    for i, ours in enumerate(left.hops):
        for j, theirs in enumerate(right.hops):
            dims = _folded(run, ours, theirs)
            here, there = (hop.source for hop in (ours, theirs))
            known = [dim for dim in dims if here and there and dim < min(len(here.last), len(there.last))]
            differ = [dim for dim in known if here and there and here.last[dim] != there.last[dim]]
            if here is not None and there is not None and differ:
                dim = differ[0]
                return _past_fold(run, left, i, here, dim), _past_fold(run, right, j, there, dim)
    return _past_maps(run, left, right)


def _past_maps(run: Run, left: Side, right: Side) -> tuple[Side, Side]:
    """Both sides followed past the two places where rows and columns of a map became positions: along the rows, where these differ."""
    ends = [of.hops[-1] if of.hops else None for of in (left, right)]
    merged = [sorted({dim for _, dim in end.merged}) if end is not None else [] for end in ends]
    if not all(len(dims) == 2 for dims in merged):
        return left, right
    sources = [end.source if end is not None else None for end in ends]
    for dim, other in zip(*merged, strict=True):
        here, there = sources
        if here is not None and there is not None and here.last[dim] != there.last[other]:
            place = len(left.hops) - 1, len(right.hops) - 1
            return _past_fold(run, left, place[0], here, dim), _past_fold(run, right, place[1], there, other)
    return left, right


def _past_product(run: Run, of: Side, other: Side) -> Side:
    """A side followed past the place where two dims were multiplied that were both counted out: along the factor the other has not."""
    end = of.hops[-1] if of.hops else None
    dims = sorted({dim for _, dim in end.merged}) if end is not None else []
    if end is None or end.source is None or len(dims) != 2 or (other.hops and other.hops[-1].merged):
        return of
    fit = [other.size % end.source.last[dim] == 0 < end.source.last[dim] != 1 for dim in dims]
    ends = [follow(run, end.source, dim)[-1:] for dim in dims]
    if fit.count(True) != 1 or not all(way and way[0].row.op in COUNTING_OUT for way in ends):
        return of
    return _past_fold(run, of, len(of.hops) - 1, end.source, dims[fit.index(False)])


def _unjoined(run: Run, left: Side, right: Side) -> tuple[Side, Side]:
    """Both sides followed past the concatenations that made their sizes: into the one part of each in which they differ."""
    ours, theirs = _parts(left), _parts(right)
    if not 1 < len(ours) == len(theirs):
        return left, right
    # both as often: what differs is what was repeated
    if with_itself(left.hops[-1].row) and with_itself(right.hops[-1].row):
        return _half(run, left, ours[0]), _half(run, right, theirs[0])
    for part in list(ours):
        same = next((other for other in theirs if other.last[_joined(right)] == part.last[_joined(left)]), None)
        if same is not None:
            ours.remove(part)
            theirs.remove(same)
    if len(ours) != 1 or 1 in (ours[0].last[_joined(left)], theirs[0].last[_joined(right)]):
        return left, right  # what is there once is wanted as often as the other where they are put together
    return _into(run, left, ours[0]), _into(run, right, theirs[0])


def _joined(of: Side) -> int:
    return of.hops[-1].after


def _parts(of: Side) -> list[TensorArg]:
    """What was put together to a size."""
    last = of.hops[-1] if of.hops else None
    if last is None or last.row.kind != "concat" or not last.changed or last.size_before is None:
        return []
    if any(part.origin == last.row.id for part in last.row.inputs):
        return []  # what a loop puts behind it, round by round
    sizes = [part.last[last.after] for part in last.row.inputs if last.after < len(part.last)]
    return list(last.row.inputs) if len(sizes) == len(last.row.inputs) and sum(sizes) == last.size_after else []


def _half(run: Run, of: Side, part: TensorArg) -> Side:
    return _into(run, of, part)._replace(size=part.last[_joined(of)])


def _into(run: Run, of: Side, part: TensorArg) -> Side:
    hops = follow(run, part, _joined(of))
    return of._replace(hops=(*of.hops, *hops)) if hops else of


def _folded(run: Run, ours: Hop, theirs: Hop) -> list[int]:
    """The dimensions that one line of code, or two of one function, multiplied into both sizes; a factor of 1 is among them."""
    merged = [sorted({dim for _, dim in hop.merged}) for hop in (ours, theirs)]
    places = [run.location(hop.row) for hop in (ours, theirs)]
    one_function = all(places) and len({(place.file, place.function) for place in places if place is not None}) == 1
    same_line = ours.after == theirs.after and (
        places[0] == places[1] or (one_function and merged[0] == merged[1] and len(merged[0]) > 1)
    )
    same_rank = ours.source and theirs.source and len(ours.source.last) == len(theirs.source.last)
    dims = sorted({*merged[0], *merged[1]})
    return dims if same_line and (same_rank or merged[0] == merged[1]) and len(dims) > 1 else []


def _past_fold(run: Run, of: Side, place: int, tensor: TensorArg, dim: int) -> Side:
    passed = of.hops[: place + 1]
    last = passed[-1]._replace(source=tensor, before=dim, size_before=passed[-1].size_after)
    return of._replace(size=tensor.last[dim], hops=(*passed[:-1], last, *follow(run, tensor, dim)))


def shape_of(value: NamedValue | TensorArg | None) -> tuple[int, ...] | None:
    return value.last if isinstance(value, TensorArg) else value.shape if value is not None else None


def is_weight(of: Side) -> bool:
    """Whether a side is a layer's own: a parameter, or a number it was built with."""
    return of.value is None or is_weight_value(of.value) or of.label in ("weight", "bias")


def is_weight_value(value: NamedValue | TensorArg) -> bool:
    """Whether an operand is a parameter."""
    return isinstance(value, NamedValue) and value.type == "Parameter"
