"""The side of a clash that did not follow: the other was changed on purpose, and nobody changed this one with it."""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import REPEATING, Cause, statement_here
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors, with_itself
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.parting import whole_way
from shapeguard.analysis.run import Run, calls_in_common
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, is_weight, shape_of
from shapeguard.analysis.sizing import located, slice_trails
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import decided, parsed, whole_trails, written_spot
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg


def multiplied(dispute: Dispute) -> Cause | None:
    """The side whose size the code made by multiplying the other one's, as beams multiply rows: the other did not follow."""
    run, causes = dispute.run, dispute.causes
    for index, found in enumerate(causes):
        ours, other = found.side, causes[1 - index].side
        times = ours.size // other.size if other.size > 1 and ours.size % other.size == 0 else 1
        if not ours.hops or times == 1:
            continue
        last = ours.hops[-1]
        if last.row.kind == "generate" and last.size_before == other.size:
            return dispute.here(1 - index)
        if found.how != "written":
            continue
        spot = written_spot(run, last.row, ours.size, last.after)
        match parsed(spot) if spot is not None and spot.kind == "assign" else None:
            case ast.BinOp(left=ast.Name(), op=ast.Mult(), right=ast.Name()):
                return dispute.here(1 - index)
        if ours.dim == other.dim == 0 and (handed := _beside_product(run, last, ours.size)) is not None:
            return dispute.blame(1 - index, handed, "here")
    return None


def squared(dispute: Dispute) -> Cause | None:
    """The rows that were repeated as often as there are rows, where there was one already for each of what they stand beside."""
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        times = side.size // max(dispute.both[1 - index].size, 1)
        for hop in whole_way(dispute.run, side) if times > 1 else ():
            repeated = with_itself(hop.row) or hop.row.op in REPEATING
            if repeated and hop.size_before == times and hop.size_after == times * times and hop.after == 0:
                return dispute.blame(index, dispute.run.location(hop.row), "changed")
    return None


def _beside_product(run: Run, last: Hop, size: int) -> Location | None:
    """Where the function that multiplied rows when it laid a tensor out, ``full((batch * beams, 1), start)``, hands both on."""
    for trail in whole_trails(run, last.row, size, last.after) if last.source is None else ():
        match parsed(trail[0]) if trail else None:
            case ast.BinOp(left=ast.Name() | ast.Attribute(), op=ast.Mult(), right=ast.Name() | ast.Attribute()):
                frames = [
                    f for f in run.frames if f.user and (f.file, f.function) == (trail[0].file, trail[0].function)
                ]
                return run.statement_of(frames[-1]) if frames else None
    return None


def grown_back(dispute: Dispute) -> Cause | None:
    """Where a map was made larger again, where halving an odd size had lost a line before.

    It is there that a skip connection is met again: what is enlarged has to get the size of what it is joined with.
    """
    both = dispute.both
    for index, side in enumerate(both[:2]):
        other = both[1 - index]
        grown, shrunk = _last_change(side), _last_change(other)
        if grown is None or side.dim is None or side.dim < 2:
            continue
        up, down = side.hops[grown], other.hops[shrunk] if shrunk is not None else None
        if (up.size_before or up.size_after) >= up.size_after or up.row.kind == "concat":
            continue
        factor = up.size_after // (up.size_before or 1)
        halved = down is None or down.size_before is None or down.size_before > down.size_after
        rounded_up = down is not None and down.row.kind == "module" and 0 < side.size - other.size < factor
        if halved and (rounded_up or 0 < other.size - side.size < factor):
            place = dispute.run.location(up.row)
            if down is not None and place == dispute.run.location(down.row):
                place = _came_in_as(dispute.run, side) or place
            return dispute.blame(index, place, "changed") if place is not None else None
    return None


def _came_in_as(run: Run, side: Side) -> Location | None:
    """Where the size is written of what went into layers that one line calls one after the other: none of them is to be mended."""
    last = next((hop for hop in whole_way(run, side) if hop.row.kind == "op" and hop.changed), None)
    if last is None:
        return None
    ends = (trail[-1] for trail in whole_trails(run, last.row, last.size_after, last.after) if trail)
    told = next((spot for spot in ends if spot.node_text == str(last.size_after) and spot.line), None)
    return run.at(told) if told is not None else run.location(last.row)


def folded(dispute: Dispute) -> Cause | None:
    """The side whose first dims are folded into one where the other keeps two: (batch * beams, vocab) beside (batch, beams, 1)."""
    both = dispute.both
    for index, side in enumerate(both[:2] if len(both) > 1 and not any(map(is_weight, both)) else ()):
        other = both[1 - index]
        split, whole = shape_of(side.value), shape_of(other.value)
        if split is None or whole is None or not side.dim or other.dim != side.dim - 1 or len(whole) != len(split) - 1:
            continue
        if side.size > 1 < split[side.dim - 1] and split[side.dim - 1] * side.size == other.size:
            return dispute.here(1 - index)
    return None


def halved_table(dispute: Dispute) -> Cause | None:
    """The side that is a table counted out in steps of two and not put side by side twice: half as wide as the other."""
    both = dispute.both
    for index, side in enumerate(both[:2] if len(both) > 1 else ()):
        last = side.hops[-1].row if side.hops else None
        stepped = last is not None and last.op == "arange" and last.args.get("step") == 2 and len(side.hops) > 1
        if stepped and last is not None and side.size * 2 == both[1 - index].size == last.args.get("end"):
            made = dispute.run.location(side.hops[0].row)
            return dispute.blame(index, made or statement_here(dispute.run), "changed")
    return None


def odd_halves(dispute: Dispute) -> Cause | None:
    """The failing statement, where every second place of an odd number is counted from 0 on one side and from 1 on the other."""
    both = dispute.both
    for index, side in enumerate(both[:2] if len(both) > 1 else ()):
        last, end = (side.hops[-1].row, side.hops[-1].row.args.get("end")) if side.hops else (None, None)
        stepped = last is not None and last.op == "arange" and last.args.get("step") == 2 and isinstance(end, int)
        if stepped and isinstance(end, int) and (side.size, both[1 - index].size) == (end - end // 2, end // 2):
            return dispute.here(index) if end % 2 else None
    return None


def not_multiple(dispute: Dispute) -> Cause | None:
    """Where a loss's size is decided that is no multiple of the factor by which the other one was reduced and enlarged again."""
    run, both = dispute.run, dispute.both
    if family(dispute.failed.op) != "loss":
        return None
    for index, side in enumerate(both[:2] if len(both) > 1 else ()):
        other = both[1 - index]
        up = side.hops[-1] if side.hops and side.hops[-1].changed else None
        cut = other.hops[-1] if other.hops else None
        if up is None or cut is None or not up.size_before or up.size_after % up.size_before:
            continue
        factor = up.size_after // up.size_before
        if factor > 1 and side.size < other.size and other.size // factor * factor == side.size:
            spot = next((spot for trail in slice_trails(run, cut) if (spot := decided(trail)) is not None), None)
            place = located(run, spot) or run.location(cut.row)
            if place is not None:
                return dispute.blame(1 - index, place, "written")
    return None


def _last_change(side: Side) -> int | None:
    return next((number for number, hop in enumerate(side.hops) if hop.changed), None)


def not_lengthened(dispute: Dispute, index: int) -> Location | None:
    """Where the failing function takes the operand that did not follow, when another function put a prefix before the other one."""
    run, causes = dispute.run, dispute.causes
    frame, found, other = run.user_frame, causes[index], causes[1 - index]
    joined = found.side.hops[-1].row if found.how == "changed" and found.side.hops else None
    if frame is None or joined is None or joined.kind != "concat" or other.how != "data":
        return None
    if found.location.function == frame.function or not _is_learned(run, joined.inputs[0]):
        return None
    return taken_at(run, dispute.failed, other.side.label)


def taken_at(run: Run, failed: FailedOp, label: str) -> Location | None:
    """Where the failing function took an operand that has a name of its own there."""
    name = failed.expression(run, label)
    return named_at(run, run.user_frame, name) if run.user_frame is not None and name.isidentifier() else None


def not_shifted(dispute: Dispute, index: int) -> Location | None:
    """Where the failing function takes the operand that was not shifted, when a helper left one position out of the other one."""
    run, failed, causes = dispute.run, dispute.failed, dispute.causes
    frame, found, other = run.user_frame, causes[index], dispute.both[1 - index]
    cut = found.side.hops[-1] if found.side.hops else None
    if frame is None or cut is None or other.size != found.side.size + 1 or found.location.function == frame.function:
        return None
    if _collected(cut) and family(failed.op) == "loss" and causes[1 - index].how == "data":
        return statement_here(run)
    texts = cut.row.args.get("index")
    shifts = isinstance(texts, list | str) and ("1:" in texts or ":-1" in texts)
    if found.how != "changed" or cut.row.op != "getitem" or not shifts:
        return None
    names = {
        node.id
        for node in ast.walk(parsed_text(failed.expression(run, other.label)) or ast.Pass())
        if isinstance(node, ast.Name)
    }
    return next((place for name in sorted(names) if (place := named_at(run, frame, name)) is not None), None)


def _collected(hop: Hop) -> bool:
    """Whether a size is the number of steps whose results a loop collected."""
    return hop.row.op == "stack" and hop.size_before is None and len(hop.row.inputs) == hop.size_after


def _is_learned(run: Run, part: TensorArg) -> bool:
    """Whether a tensor is a parameter, laid out for the batch at most."""
    return all(row.op in REPEATING or row.op == "unsqueeze" for row in ancestors(run, part))


def not_split(dispute: Dispute, index: int) -> Location | None:
    """Where the failing function takes the operand that it did not put through the helper which folds dims of the others."""
    run, failed, causes = dispute.run, dispute.failed, dispute.causes
    frame, found, other = run.user_frame, causes[index], causes[1 - index]
    folded = found.side.hops[-1] if found.how == "changed" and found.side.hops else None
    if frame is None or folded is None or len(folded.merged) < 2 or other.how != "data":
        return None
    if family(folded.row.op) != "reshape" or found.location.function == frame.function:
        return None
    alike = [
        row for row in run.rows[: failed.row.id if failed.row is not None else None] if _same_line(run, row, folded.row)
    ]
    if folded.row.count + sum(row.count for row in alike if row.id != folded.row.id) < 2:
        return None
    return _beside(run, folded.row, failed, other.side) or taken_at(run, failed, other.side.label)


def _beside(run: Run, folded: Row, failed: FailedOp, of: Side) -> Location | None:
    """Where an operand was last worked on in the function that called both: the helper which folds, and another that failed."""
    if failed.row is None:
        return None
    fold, fails = ([site.id for site in run.chain(row)] for row in (folded, failed.row))
    shared = calls_in_common(fold, fails)
    if len(fails) - shared < 2 or len(fold) - shared < 2:
        return None  # it failed in the function itself that folds the others
    calls = fails[len(fails) - shared :]
    return next(
        (run.location(hop.row) for hop in of.hops if [site.id for site in run.chain(hop.row)][1:] == calls), None
    )


def _same_line(run: Run, row: Row, other: Row) -> bool:
    return row.op == other.op and run.at_one_place(row, other)


def uncounted(dispute: Dispute) -> Cause | None:
    """The side that has as many columns as the largest number in the data: ``one_hot`` that was not told of how many classes."""
    for index, of in enumerate(dispute.both):
        last = of.hops[-1] if of.hops else None
        told = [value for value in last.row.args.values() if type(value) is int] if last is not None else []
        if last is not None and last.row.op == "one_hot" and last.source is None and not any(n > 0 for n in told):
            made = dispute.run.location(last.row)
            return dispute.blame(index, made or statement_here(dispute.run), "changed")
    return None
