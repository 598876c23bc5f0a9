"""Operands from which one op is missing: a size of one not dropped, rows of one not given, dims not turned, places not flattened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, islice

from shapeguard.analysis.causes import Cause, statement_here
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import RECURRENT, follow
from shapeguard.analysis.parting import whole_way
from shapeguard.analysis.ranks import changes_rank
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, is_weight, shape_of
from shapeguard.values.recording import Row
from shapeguard.values.shapes import Shape

_FEW = 6  # ops behind an operand among which the one is looked for that told its dims
_TURNING = frozenset({"transpose", "permute", "swapaxes", "movedim", "mT", "T"})
_FLATTENING = frozenset({"repeat_interleave", "cumsum", "unique"})
_REDUCING = frozenset({"mean", "sum", "amax", "max", "amin"})
_CHANNELS = 1  # the dim before those of places
_PLACES = 3  # dims of (batch, places, features)
_WITH_HEADS = 4  # dims of (batch, heads, seq, head_dim)


def one_not_dropped(dispute: Dispute) -> Cause | None:
    """The operand with a last dim of one, without which it would be as the other one is: ``scores.gather(2, ids[..., None])``."""
    if family(dispute.failed.op) not in ("broadcast", "subscript"):
        return None
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    for index, shape in enumerate(shapes if len(shapes) > 1 else ()):
        value, other = dispute.both[index].value, shapes[1 - index]
        if value is None or is_weight(dispute.both[index]) or len(shape) < 2 or shape[-1] != 1 or shape[:-1] != other:
            continue
        born = next(iter(follow(dispute.run, value, len(shape) - 1)[-1:]), None)
        made = dispute.run.row(value.origin)
        if born is not None and made is not None and made.op not in ("unsqueeze", "view", "reshape"):
            return dispute.blame(index, dispute.run.location(born.row), "changed")
    return None


def not_turned(dispute: Dispute) -> Cause | None:
    """The operand whose dims were not turned as the other's were, (batch, seq, heads, dim) beside (batch, heads, seq, dim)."""
    run = dispute.run
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    if len(shapes) != 2 or len(shapes[0]) != len(shapes[1]) or len(shapes[0]) < _WITH_HEADS:
        return None
    joined = family(dispute.failed.op) == "concat"
    swapped = [
        (one, other)
        for one, other in combinations(range(len(shapes[0]) - 1), 2)
        if shapes[0][one] == shapes[1][other] != shapes[0][other] == shapes[1][one]
    ]
    rest = [dim for dim in range(len(shapes[0]) - (1 if joined else 0)) if not any(dim in pair for pair in swapped)]
    if len(swapped) != 1 or any(shapes[0][dim] != shapes[1][dim] for dim in rest):
        return None
    turned = [any(row.op in _TURNING for row in behind(run, side)) for side in dispute.both[:2]]
    if turned.count(True) != 1:
        return None
    index = turned.index(False)
    laid = next((row for row in behind(run, dispute.both[index]) if family(row.op) == "reshape"), None)
    return dispute.blame(index, run.location(laid), "changed") if laid is not None else None


def half_pooled(dispute: Dispute) -> Cause | None:
    """The mean over one of the two dims of places, (batch, channels, height, width), before a layer of the channels."""
    run, both = dispute.run, dispute.both
    weights = [is_weight(side) for side in both[:2]]
    if weights.count(True) != 1:
        return None
    index = weights.index(False)
    shape, wanted = shape_of(both[index].value) or (), both[1 - index].size
    for row in behind(run, both[index])[:1]:
        given = row.inputs[0].last if row.inputs else ()
        if (
            row.op in _REDUCING
            and len(given) == _WITH_HEADS
            and len(shape) == len(given) - 1
            and given[1] == shape[1] == wanted
        ):
            return dispute.blame(index, run.location(row), "changed")
    return None


def enlarged_by_padding(dispute: Dispute) -> Cause | None:
    """The layer of one step whose padding is more than its kernel takes away, where all others keep the size."""
    run = dispute.run
    if len(dispute.both) != 2 or family(dispute.failed.op) not in ("concat", "broadcast", "loss"):
        return None
    larger = max((0, 1), key=lambda index: dispute.both[index].size)
    side = dispute.both[larger]
    if side.dim is None or side.dim < 2:
        return None
    odd = [
        row
        for row in run.of_kind("construct")
        if row.op.startswith("Conv") and "Transpose" not in row.op and _grows(row)
    ]
    places = {run.location(row) for row in odd}
    return (
        dispute.blame(larger, run.location(odd[0]), "built")
        if len(places) == 1 and _through_layers(run, side)
        else None
    )


def not_padded(dispute: Dispute) -> Cause | None:
    """The one layer of one step that was not padded, where all other kernels are: its map comes out smaller than the other."""
    run = dispute.run
    if len(dispute.both) < len(("one", "other")) or family(dispute.failed.op) not in ("concat", "broadcast", "loss"):
        return None
    smaller = min((0, 1), key=lambda index: dispute.both[index].size)
    side = dispute.both[smaller]
    if side.dim is None or side.dim <= _CHANNELS or not _through_layers(run, side):
        return None
    layers = [row for row in run.of_kind("construct") if row.op.startswith("Conv") and "Transpose" not in row.op]
    kernels = [row for row in layers if (_number(row.args.get("kernel_size")) or 0) > 1]
    bare = [row for row in kernels if not _number(row.args.get("padding")) and _number(row.args.get("stride")) == 1]
    places = {run.location(row) for row in bare}
    others = {run.location(row) for row in kernels} - places
    return dispute.blame(smaller, run.location(bare[0]), "built") if len(places) == 1 and others else None


def flattened_unasked(dispute: Dispute) -> Cause | None:
    """The op that made one row of all it was given, because it was told no dim: ``repeat_interleave(2)``."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2]):
        for row in behind(run, side):
            if flattens(row):
                return dispute.blame(index, run.location(row), "changed")
    return None


def flattens(row: Row) -> bool:
    """Whether an op made one row of all it was given, because it was told no dim."""
    given = row.inputs[0].last if row.op in _FLATTENING and row.inputs else ()
    return len(given) > 1 and bool(row.outputs) and len(row.outputs[0].last) == 1 and row.args.get("dim") is None


def _through_layers(run: Run, side: Side) -> bool:
    return any(hop.row.kind == "module" and hop.changed for hop in whole_way(run, side))


def _grows(layer: Row) -> bool:
    """Whether a convolution of one step gives more places than it is given."""
    numbers = [_number(layer.args.get(name)) for name in ("kernel_size", "dilation", "stride", "padding")]
    kernel, dilation, stride, padding = (number if number is not None else -1 for number in numbers)
    return stride == 1 and padding > 0 and 0 <= dilation * (kernel - 1) < 2 * padding


def _number(told: object) -> int | None:
    value = told[0] if isinstance(told, list) and told else told
    return value if type(value) is int else None


def behind(run: Run, side: Side) -> list[Row]:
    """The last few rows behind an operand, nearest first."""
    return list(islice(ancestors(run, side.value), _FEW)) if side.value is not None else []


def one_direction(dispute: Dispute) -> Cause | None:
    """The recurrent layer of half the width, ``LSTM(dim, dim // 2)``, that was to run both ways and runs one."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        for hop in side.hops:
            built = run.row(hop.row.owner) if hop.row.op in RECURRENT else None
            if (
                built is None
                or built.args.get("bidirectional") is True
                or 2 * side.size != dispute.both[1 - index].size
            ):
                continue
            halved = re.search(r"// *2\b", run.expression(built)) is not None
            return dispute.blame(index, run.location(built), "built") if halved else None
    return None


def not_flattened(dispute: Dispute) -> Cause | None:
    """Where the one operand's places were flattened, (batch, places, features), and those of the other were not."""
    run = dispute.run
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    for index, shape in enumerate(shapes if len(shapes) > 1 else ()):
        other = shapes[1 - index]
        for row in behind(run, dispute.both[index]) if len(other) == len(shape) + 1 > _PLACES else ():
            given = row.inputs[0].last if row.op == "flatten" and row.inputs else ()
            if given and sorted(given) == sorted(other):
                return dispute.blame(index, run.location(row), "changed")
    return None


def divided_unreduced(dispute: Dispute) -> Cause | None:
    """The failing quotient of a sum over places and of weights that still have them: ``(x * w).sum(1) / w``."""
    run, failed = dispute.run, dispute.failed
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    if failed.op not in ("div", "truediv") or len(shapes) < len(("sum", "weights")):
        return None
    for index, side in enumerate(dispute.both[:2]):
        other = shapes[1 - index]
        for row in behind(run, side)[:_PLACES]:
            whole = row.inputs[0].last if row.inputs else ()
            summed = row.op == "sum" and row.outputs[0].last == shapes[index] and len(whole) == len(shapes[index]) + 1
            if summed and len(other) == len(whole) and all(w in (1, n) for w, n in zip(other, whole, strict=True)):
                return dispute.here(1 - index)
    return None


def spread_without_axis(dispute: Dispute) -> Cause | None:
    """The expansion to more dims than there are, of what was reduced in the same statement: the axis was to be kept."""
    failed, run = dispute.failed, dispute.run
    shapes = [shape for _, shape in failed.call.tensors]
    asked = failed.call.args.get("size")
    if failed.op != "expand" or not shapes or not isinstance(asked, list) or len(asked) <= len(shapes[0]):
        return None
    if _fits_widened(shapes[0], asked):
        return dispute.here(0)
    value = failed.operands.get(failed.call.tensors[0][0])
    made = run.row(value.origin) if value is not None else None
    here = statement_here(run)
    return dispute.here(0) if made is not None and made.op in _REDUCING and run.location(made) == here else None


def _fits_widened(shape: Shape, asked: Sequence[object]) -> bool:
    """Whether an expansion would fit a tensor that had one axis more, behind its first: ``h.expand(-1, n, -1)`` of (rows, width)."""
    if len(asked) != len(shape) + 1:
        return False
    for place in range(1, len(asked)):
        rest = [*asked[:place], *asked[place + 1 :]]
        if asked[place] != -1 and all(told in (-1, size) for told, size in zip(rest, shape, strict=True)):
            return True
    return False


def paired_across_rows(dispute: Dispute) -> Cause | None:
    """Where a tensor of rows met itself with one axis more, ``ids == ids.unsqueeze(1)``: rows are compared with rows, and places were meant."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        for hop in side.hops:
            given = sorted(hop.row.inputs, key=lambda tensor: len(tensor.last))
            if family(hop.row.op) != "broadcast" or len(given) != len(("one", "other")):
                continue
            one, other = given
            widened = run.row(other.origin)
            made = hop.row.outputs[0].last if hop.row.outputs else ()
            if widened is None or widened.op not in ("unsqueeze", "getitem") or not widened.inputs or len(one.last) < 2:
                continue
            itself = (
                one.origin is not None and widened.inputs[0].origin == one.origin and len(made) == len(one.last) + 1
            )
            if itself and made[: len(one.last)] == (one.last[0], *one.last[:-1]):
                return dispute.blame(index, run.location(hop.row), "here")
    return None


def not_outer(dispute: Dispute) -> Cause | None:
    """The failing product of two vectors that were counted out, places and frequencies: each is to meet each."""
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    counted = [any(hop.row.op in ("arange", "linspace") for hop in side.hops) for side in dispute.both[:2]]
    apart = len(shapes) == 2 and abs(dispute.both[0].size - dispute.both[1].size) > 1
    product = dispute.failed.op in ("mul", "div", "truediv")
    return dispute.here(0) if product and apart and all(counted) and all(len(shape) == 1 for shape in shapes) else None


def length_first(dispute: Dispute) -> Cause | None:
    """Where the length was put first, ``pad_sequence(rows)`` or ``LSTM(...)`` without ``batch_first=True``, and the batch is what is met."""
    found = put_first(dispute)
    if found is None:
        return None
    index, row, built = found
    return dispute.blame(index, dispute.run.location(built or row), "changed" if built is None else "built")


def put_first(dispute: Dispute) -> tuple[int, Row, Row | None] | None:
    """The side whose length was put first, the row that did it, and, where that is a layer's call, the layer's construction."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        rows, beside = dispute.both[1 - index].size, whole_way(run, dispute.both[1 - index])
        alike = any(hop.row.op == "pad_sequence" for hop in beside)  # then it is a question of the two
        indexed = False  # along the first dim, as it is right where the length is put first
        for hop in whole_way(run, side) if rows > 1 and not alike else ():
            if hop.row.op == "pad_sequence" and hop.after == 0 and True not in hop.row.args.values():
                fits = len(hop.row.inputs) == rows != hop.size_after
                return (index, hop.row, None) if fits else None
            built = run.row(hop.row.owner) if hop.row.op in RECURRENT else None
            given = hop.row.inputs[0].last if hop.row.inputs else ()
            if built is not None and built.args.get("batch_first") is not True and given[:2] == (rows, side.size):
                return None if indexed else (index, hop.row, built)
            whole = hop.source is not None and hop.source.last[:2] == (rows, side.size)
            indexed = hop.row.op == "getitem" and whole and (hop.before, hop.after) == (1, 0)
    return None


def laid_out_here(dispute: Dispute) -> Cause | None:
    """The failing statement, where it gave the one operand another number of dims than the other one has."""
    run, here = dispute.run, statement_here(dispute.run)
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    if len(shapes) != 2 or len(shapes[0]) == len(shapes[1]) or min(map(len, shapes)) < 2:
        return None
    if family(dispute.failed.op) not in ("broadcast", "matmul"):
        return None
    for index, side in enumerate(dispute.both[:2]):
        made = run.row(side.value.origin) if side.value is not None and not is_weight(side) else None
        told = (
            made is not None and made.kind == "op" and changes_rank(made) and family(made.op) in ("reshape", "reduce")
        )
        if made is not None and told and run.location(made) == here and len(shapes[index]) < len(shapes[1 - index]):
            return dispute.here(index)
    return None
