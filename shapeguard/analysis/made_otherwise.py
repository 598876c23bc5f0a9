"""Operands that were right one step before: turned, folded anew, made like another tensor, coloured, put together of a part that was cut."""

from __future__ import annotations

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop, parts_cut
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, is_weight, shape_of
from shapeguard.values.recording import Row

_TURNING = frozenset({"transpose", "permute", "swapaxes", "swapdims", "movedim", "moveaxis", "mT", "transpose_"})
_FOLDING = frozenset({"view", "reshape"})
_LIKE = frozenset({"ones_like", "zeros_like", "full_like", "empty_like", "rand_like", "randn_like"})
_MAPS, _COLOURS = 4, (3, 4)
_SPATIAL = 3  # dims of what has an order to be turned: (batch, channels, time)


def turned_away(dispute: Dispute) -> Cause | None:
    """The transpose right before a layer that took the features from the dim in which the layer wants them."""
    run, both = dispute.run, dispute.both
    weights = [is_weight(side) for side in both[:2]]
    if weights.count(True) != 1:
        return None
    index = weights.index(False)
    given, wanted = both[index], both[1 - index].size
    for hop in given.hops:
        if hop.row.op in _TURNING and hop.source is not None and hop.after != hop.before:
            before = hop.source.last
            fits = len(before) >= _SPATIAL and given.dim is not None and before[given.dim] == wanted
            return dispute.blame(index, run.location(hop.row), "changed") if fits else None
        if hop.row.kind != "op" or hop.changed or hop.after != given.dim:
            return None
    return None


def channels_before_places(dispute: Dispute) -> Cause | None:
    """What a convolution laid out as (batch, channels, places), beside a layer or a table that has its features last."""
    run, both = dispute.run, dispute.both
    for index, side in enumerate(both[:2] if len(both) > 1 else ()):
        shape, other = shape_of(side.value) or (), both[1 - index]
        if is_weight(side) or not is_weight(other) or len(shape) != _SPATIAL or side.dim != len(shape) - 1:
            continue
        table = shape_of(other.value) or ()
        beside = family(dispute.failed.op) == "broadcast"
        turned = (shape[2], shape[1]) == table[-2:] if beside else shape[1] == other.size
        laid = next((hop.row for hop in side.hops if hop.row.op in _TURNING or is_convolution(hop.row)), None)
        if turned and laid is not None and laid.op not in _TURNING and laid.outputs[0].last[1] == shape[1]:
            return dispute.blame(index, run.location(laid), "changed")
    return None


def is_convolution(row: Row) -> bool:
    """Whether a row is a convolution that had an output."""
    return row.op.lower().startswith("conv") and bool(row.outputs) and len(row.outputs[0].last) >= _SPATIAL


def refolded(dispute: Dispute) -> Cause | None:
    """The view that cut each row's features into several rows, which the other side does not have."""
    run, both = dispute.run, dispute.both
    for index, side in enumerate(both[:2] if len(both) > 1 else ()):
        for hop in side.hops:
            if hop.after == 0 and (times := _rows_of_features(hop)) > 1 and side.size == times * both[1 - index].size:
                return dispute.blame(index, run.location(hop.row), "changed")
    return None


def _rows_of_features(hop: Hop) -> int:
    """How many rows a view to (rows, features) made of each; 0 where it left the features as they were."""
    given = hop.row.inputs[0].last if hop.row.op in _FOLDING and hop.row.inputs else ()
    made = hop.row.outputs[0].last if given and hop.row.outputs else ()
    if len(given) <= 2 or len(made) != 2 or not made[-1] or given[-1] % made[-1]:
        return 0
    return given[-1] // made[-1]


def made_like(dispute: Dispute) -> Cause | None:
    """The tensor that was made like another one than it meets: ``ones_like(scores_of_fakes)`` beside the scores of real ones."""
    run, both = dispute.run, dispute.both
    made = [_like(side) for side in both[:2]]
    meet = dispute.failed.clash is not None and dispute.failed.clash.kind == "dim"
    if not meet or len(made) != 2 or made.count(None) != 1:
        return None
    index, row = next((index, row) for index, row in enumerate(made) if row is not None)
    other = both[1 - index].value
    through = other is not None and any(behind.id == row.id for behind in ancestors(run, other))
    if dispute.agreed_by_others(index) or through:
        return None
    return dispute.blame(index, run.location(row), "changed")


def _like(side: Side) -> Row | None:
    """The call that made a side, as it is, like another tensor."""
    first = side.hops[0] if side.hops else None
    same = first is not None and first.row.op in _LIKE and first.row.outputs
    return first.row if same and first is not None and first.row.outputs[0].last == shape_of(side.value) else None


def part_cut(dispute: Dispute) -> Cause | None:
    """The selection that left rows out of one part of what was put together, as many as the whole has too few."""
    run, both = dispute.run, dispute.both
    for index, side in enumerate(both[:2] if len(both) > 1 else ()):
        missing = both[1 - index].size - side.size
        for cut, given, left in parts_cut(run, side.hops) if missing > 0 else ():
            short = bool(given) and given[0] - left[0] == missing and given[1:] == left[1:]
            if cut.op == "getitem" and short:
                return dispute.blame(index, run.location(cut), "changed")
    return None


def coloured_target(dispute: Dispute) -> Cause | None:
    """The masks that were read as pictures, with their colours, for a model that says one number a pixel."""
    if family(dispute.failed.op) != "loss":
        return None
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        shapes = [shape_of(of.value) or () for of in (side, dispute.both[1 - index])]
        maps = len(shapes[0]) == len(shapes[1]) == _MAPS and side.dim == 1
        if maps and side.label == "target" and side.size in _COLOURS and dispute.both[1 - index].size == 1:
            return dispute.blame(index)
    return None


def coloured_places(dispute: Dispute) -> Cause | None:
    """The view that strung the colours of a picture together with its places, where the other side has the places alone."""
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        last = side.hops[-1] if side.hops else None
        viewed = last is not None and family(last.row.op) == "reshape"
        sizes = [tensor.last[dim] for tensor, dim in last.merged] if last is not None and viewed else []
        coloured = len(sizes) > 2 and any(size in _COLOURS for size in sizes[:-2])
        if last is not None and coloured and side.size in [n * dispute.both[1 - index].size for n in _COLOURS]:
            return dispute.blame(index, dispute.run.location(last.row), "changed")
    return None
