"""Numbers that a floor division rounds down on the way of a size: what it drops is missing later."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from math import prod

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs, possible_values
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.parting import whole_way
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import given_as, parsed_text
from shapeguard.analysis.written import decided, whole_trails
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_SEVERAL = 2  # places that are enlarged
_RESIZING = frozenset({"interpolate", "upsample"})


def rounded_at(run: Run, way: Iterable[Hop]) -> Location | None:
    """The last line on a size's way that rounds a number down, in an op or in one that made a part of what is joined."""
    rounded = [row for row in _rows(run, way) if _rounds(run, row)]
    return run.location(rounded[-1]) if rounded else None


def uneven_half(run: Run, hop: Hop) -> Location | None:
    """Where the half was reckoned from which on a slice took the rest, ``x[:, half:]``, of a size that does not halve."""
    before, rest = hop.size_before, hop.size_after
    node = parsed_text(run.expression(hop.row))
    if before is None or hop.row.op != "getitem" or not isinstance(node, ast.Subscript) or before // 2 == rest:
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    starts = [
        part.lower for part in parts if isinstance(part, ast.Slice) and part.lower is not None and part.upper is None
    ]
    if before % 2 == 0 or before - before // 2 != rest or len(starts) != 1:
        return None
    for trail in climbs(run.sources, run.chain(hop.row), starts[0], value=before // 2):
        for spot in trail.spots[1:]:
            match parsed_text(spot.node_text):
                case ast.BinOp(op=ast.FloorDiv()) if spot.line:
                    return run.at(spot)
    return None


def rounded_between(run: Run, one: Row, other: Row) -> Location | None:
    """Where a number was divided of which one statement was given more and less in two of its calls, and left a remainder."""
    for name, told in other.args.items():
        more = one.args.get(name)
        if type(told) is not int or type(more) is not int or not 0 < told < more:
            continue
        node = next(iter(given_as(run.expression(other), name)), None)
        for trail in climbs(run.sources, run.chain(other), node, value=told) if node is not None else ():
            for spot in trail.spots:
                match parsed_text(spot.node_text):
                    case ast.BinOp(op=ast.FloorDiv(), right=ast.Constant(value=int(by))) if spot.line and by:
                        rest = more // by == told and more % by
                        return run.at(spot) if rest else None
    return None


def rescaled(dispute: Dispute) -> Cause | None:
    """Where a side was resized by a factor that is no whole number, and lost the part of a place that was missing."""
    for index, side in enumerate(dispute.both):
        short = dispute.both[1 - index].size - side.size
        behind = ancestors(dispute.run, side.value) if side.value is not None and short > 0 else ()
        for row in behind:
            if row.op in _RESIZING and row.args.get("size") is None and short in _lost(row):
                return dispute.blame(index, dispute.run.location(row), "changed")
    return None


def enlarged_inexactly(dispute: Dispute) -> Cause | None:
    """Where transposed convolutions were built that do not enlarge by their strides, where by those it would be the other's size."""
    run = dispute.run
    for index, side in enumerate(dispute.both):
        ups = [hop for hop in whole_way(run, side) if hop.row.op.startswith("ConvTranspose") and hop.size_before]
        built = [run.row(hop.row.owner) for hop in ups]
        times = [_stride(row, hop.after - 2) for row, hop in zip(built, ups, strict=True)]
        exact = (ups[-1].size_before or 0) * prod(times) if ups and side.dim is not None and side.dim > 1 else 0
        if exact != dispute.both[1 - index].size:
            continue
        for row, hop, by in zip(built, ups, times, strict=True):
            if row is not None and hop.size_after != (hop.size_before or 0) * by:
                return dispute.blame(index, run.location(row), "built")
    return None


def lost_by_kernel(dispute: Dispute) -> Cause | None:
    """Where a layer was built that loses places although it takes no steps: unpadded kernels, without which both would agree."""
    run = dispute.run
    for index, side in enumerate(dispute.both):
        wanted = dispute.both[1 - index].size
        for hop in whole_way(run, side) if side.dim is not None and side.dim > 1 else ():
            built = run.row(hop.row.owner) if hop.row.kind == "module" and hop.size_before is not None else None
            before, after = hop.size_before or 1, hop.size_after or 1
            if (
                built is None
                or "kernel_size" not in built.args
                or _stride(built, hop.after - 2) != 1
                or before <= after
            ):
                continue
            if wanted % before == 0 == side.size % after and wanted // before == side.size // after > 1:
                return dispute.blame(index, run.location(built), "built")
    return None


def not_enlarged(dispute: Dispute) -> Cause | None:
    """The number that a loss's target is sized by, where layers enlarge the prediction exactly to a multiple of it.

    It is the number that was written for the size in front of those layers, or behind fewer of them.
    """
    for index, found in enumerate(dispute.causes[:2]):
        ours, other = found.side, dispute.causes[1 - index]
        last = other.side.hops[-1] if other.side.hops else None
        before = last.size_before if last is not None and other.how == "built" and last.row.kind == "module" else None
        exact = before is not None and 1 < before < other.side.size and other.side.size % before == 0
        if exact and found.how == "written" and before == ours.size and family(dispute.failed.op) == "loss":
            return dispute.blame(index)
    return None


def enlarged_by_layers(dispute: Dispute) -> Cause | None:
    """The layers that enlarge what came in by the product of their strides, where the other side has it by another whole factor."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        other, cause = dispute.both[1 - index].size, dispute.causes[1 - index]
        grown = [hop for hop in whole_way(run, side) if hop.changed and "Transpose" in hop.row.op and hop.size_before]
        first = grown[-1].size_before if grown else None
        cut = cause.side.hops[-1].row if cause.side.hops and cause.how == "changed" else None
        if not first or cut is None or cut.op != "getitem" or first < _SEVERAL:
            continue
        if side.size % first == 0 == other % first and side.size != other and len(grown) > 1:
            built = run.row(grown[0].row.owner)
            return dispute.blame(index, run.location(built), "built") if built is not None else None
    return None


def left_small(dispute: Dispute) -> Cause | None:
    """The maps that layers made smaller by a whole factor, where a loss compares them with a target as large as what came in.

    It is behind the last of the layers that they are to be enlarged again.
    """
    for index, side in enumerate(dispute.both[:2]):
        other, last = dispute.both[1 - index], side.hops[-1] if side.hops else None
        shrunk = [hop for hop in side.hops if hop.changed]
        if last is None or last.size_before != other.size or not 1 < side.size < other.size or (side.dim or 0) < 2:
            continue
        layers = all(hop.row.kind in ("module", "forward") for hop in (side.hops[0], *shrunk))
        if layers and other.size % side.size == 0 and family(dispute.failed.op) == "loss":
            return dispute.blame(index, dispute.run.location(side.hops[0].row), "changed")
    return None


def wrong_divisor(dispute: Dispute) -> Cause | None:
    """Where the number is written by which a size was divided that both sides begin with: ``side = CROP // STRIDE``."""
    run = dispute.run
    for index, found in enumerate(dispute.causes[:2]):
        side, other = found.side, dispute.causes[1 - index].side
        last = side.hops[-1] if found.how == "written" and side.hops else None
        begun = {hop.size_before for hop in other.hops}
        for trail in whole_trails(run, last.row, side.size, last.after) if last is not None else ():
            sites = run.chain(last.row) if last is not None else []
            for spot in trail:
                match parsed_text(spot.node_text):
                    case ast.BinOp(left=whole, op=ast.FloorDiv(), right=ast.Name() | ast.Attribute() as by) if (
                        spot.depth >= 0
                    ):
                        chain = sites[spot.depth :]
                        if begun & set(possible_values(run.sources, chain, whole) or ()):
                            ends = (decided(list(way.spots)) for way in climbs(run.sources, chain, by))
                            end = next((end for end in ends if end is not None and end.line), None)
                            return dispute.blame(index, run.at(end)) if end else None
    return None


def _stride(built: Row | None, dim: int) -> int:
    """By how much a layer enlarges a dim; 1 where that is not known."""
    told = built.args.get("stride") if built is not None else None
    if isinstance(told, list) and 0 <= dim < len(told) and type(told[dim]) is int:
        return int(told[dim])
    return told if type(told) is int else 1


def _lost(row: Row) -> Iterator[int]:
    """How many places a map would have more, with one more in one of the dims that were not resized by a whole number, or in all of them."""
    before, after = row.inputs[0].last[2:], row.outputs[0].last[2:]
    uneven = [dim for dim, (old, new) in enumerate(zip(before, after, strict=True)) if old and new % old]
    if uneven:
        yield 1
    for more in (*([dim] for dim in uneven), uneven):
        yield prod(size + (dim in more) for dim, size in enumerate(after)) - prod(after)


def _rows(run: Run, way: Iterable[Hop]) -> Iterator[Row]:
    for hop in way:
        if hop.changed and hop.row.kind == "concat":
            parts = (run.row(tensor.origin) for tensor in hop.row.inputs)
            yield from (part for part in parts if part is not None and part.kind == "op")
        elif hop.changed and hop.row.kind == "op":
            yield hop.row


def _rounds(run: Run, row: Row) -> bool:
    """Whether a number that an op is given leaves a remainder behind."""
    sites = run.chain(row)
    node = parsed_text(run.expression(row))
    if node is None:
        return False
    for part in ast.walk(node) if sites else ():
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv):
            whole, by = (possible_values(run.sources, sites, side) for side in (part.left, part.right))
            if whole and by and all(a % b for a in whole for b in by if b):
                return True
    return False


def is_uneven(of: Side) -> bool:
    """Whether a map was made larger to a size that is no multiple of what it was, where the other's is one."""
    last = of.hops[-1] if of.hops else None
    before = last.size_before if last is not None else None
    return before is not None and 1 < before < of.size and of.size % before != 0
