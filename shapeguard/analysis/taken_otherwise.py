"""Things handed over as they were to what takes them otherwise: a result of several parts, a row for a result, pieces cut unalike."""

from __future__ import annotations

import ast
from collections.abc import Callable
from math import prod

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import is_weight, shape_of
from shapeguard.analysis.source import parsed_text


def stored_otherwise(dispute: Dispute) -> Cause | None:
    """The statement that writes as many entries as there are places, in another shape: (rows, 4, 4) into (rows, 16)."""
    value, into = (dispute.failed.operands.get(label) for label in ("value", "input"))
    shapes = [shape_of(one) for one in (value, into)]
    if dispute.failed.op != "setitem" or None in shapes:
        return None
    given, places = shapes[0] or (), (shapes[1] or ())[1:]
    index = dispute.failed.call.args.get("index")
    single = isinstance(index, list) and len(index) == 1 and str(index[0]).startswith("int:")
    return dispute.here(0) if single and given != places and prod(given) == prod(places) > 1 else None


_WITH_CHANNELS = 3  # dims of (batch, channels, length); what a map has beyond them are places


def several_parts(dispute: Dispute) -> Cause | None:
    """Where the code around a model takes a result with several times the channels of what went in: each part is something else."""
    run, failed, frame = dispute.run, dispute.failed, dispute.run.user_frame
    if frame is None or frame.function.endswith("forward") or failed.clash is None or failed.clash.kind != "dim":
        return None
    for index, found in enumerate(dispute.causes):
        side, other = found.side, dispute.causes[1 - index].side
        times = side.size // other.size if other.size > 1 and side.size % other.size == 0 else 0
        origin = other.value.origin if other.value is not None else None
        place_in_map = len(shape_of(side.value) or ()) > _WITH_CHANNELS and (side.dim or 0) > 1
        if found.how != "built" or times < 2 or side.value is None or origin is None or place_in_map:
            continue
        if any(row.id == origin for row in ancestors(run, side.value)):
            node = parsed_text(failed.expression(run, side.label))
            alike = {value.expression for value in frame.locals if value.shape == shape_of(side.value)}
            names = [p.id for p in ast.walk(node or ast.Pass()) if isinstance(p, ast.Name) and p.id in alike]
            places = (named_at(run, frame, name) for name in names)
            made = {run.location(hop.row) for hop in side.hops}
            place = next((place for place in places if place is not None and place not in made), None)
            return dispute.blame(index, place, "changed") if place is not None else None
    return None


def ends_before(dispute: Dispute) -> Cause | None:
    """The table that has fewer rows than a slice of it asks for, ``table[:width]``: the slice ends where the table does."""
    for index, found in enumerate(dispute.causes):
        for hop in found.side.hops:
            told = hop.row.args.get("index")
            ends = [str(part).rpartition(":")[2] for part in (told if isinstance(told, list) else [told])]
            held = hop.row.inputs[0].last[0] if hop.row.op == "getitem" and hop.row.inputs else 0
            if found.how == "built" and held == found.side.size < dispute.both[1 - index].size and ends[0].isdecimal():
                return dispute.blame(index) if int(ends[0]) == dispute.both[1 - index].size else None
    return None


def iterated_rows(dispute: Dispute) -> Cause | None:
    """The loop over what a model returned, a tensor where it was taken for a list of them: each round gets one sample."""
    if family(dispute.failed.op) != "loss":
        return None
    for index, found in enumerate(dispute.causes):
        first = found.side.hops[0].row if found.side.hops else None
        if first is not None and first.op == "unbind" and found.how == "built" and found.side.dim == 0:
            return dispute.blame(index, dispute.run.location(first), "changed")
    return None


def cut_unalike(dispute: Dispute) -> Cause | None:
    """The one line that cut the operands of a concatenation out of one tensor, in pieces of several lengths."""
    ends = [found.side.hops[-1] if found.side.hops else None for found in dispute.causes]
    one, other = (end.row if end is not None and end.row.op == "getitem" else None for end in ends)
    if dispute.failed.row is None or dispute.failed.row.kind != "concat" or one is None or other is None:
        return None
    sources = [row.inputs[0] for row in (one, other)]
    same = sources[0].origin == sources[1].origin and sources[0].last == sources[1].last
    place = dispute.run.location(one)
    return dispute.blame(0, place, "changed") if same and place == dispute.run.location(other) else None


def rows_taken_away(dispute: Dispute) -> Cause | None:
    """What took the first dim of a tensor away, a mean or an index: it had as many rows as the other side, and its steps stand for them now."""
    for index, side in enumerate(dispute.both):
        wanted = dispute.both[1 - index].size
        for hop in side.hops if side.dim == 0 else ():
            before = hop.row.inputs[0].last if hop.row.inputs else ()
            after = hop.row.outputs[0].last if hop.row.outputs else ()
            if hop.after == 0 and len(before) > 1 and before[0] == wanted > 1 and before[1:] == after:
                return dispute.blame(index, dispute.run.location(hop.row), "changed")
    return None


def complements(dispute: Dispute) -> Cause | None:
    """The statement in which the part of a tensor up to a place meets the part behind it: they are as long as each other by chance only."""
    ends = [side.hops[-1].row if side.hops else None for side in dispute.both]
    one, other = (row if row is not None and row.op == "getitem" and row.inputs else None for row in ends)
    if one is None or other is None or one.inputs[0].origin != other.inputs[0].origin:
        return None
    told = [part if isinstance(part := row.args.get("index"), list) else [part] for row in (one, other)]
    pairs = [[str(text).partition(":") for text in texts] for texts in zip(*told, strict=False)]
    meet = any(
        (first[2] == second[0] != "" and not first[0] and not second[2])
        or (second[2] == first[0] != "" and not second[0] and not first[2])
        for first, second in pairs
    )
    return dispute.here(0) if meet and family(dispute.failed.op) == "broadcast" else None


def fits_another(dispute: Dispute) -> Cause | None:
    """Where images were handed to a network of other channels, of which another one of the run took the same data as it is."""
    run = dispute.run
    if dispute.failed.clash is None or dispute.failed.clash.role != "channel":
        return None
    for index, found in enumerate(dispute.causes):
        side, weight = found.side, dispute.causes[1 - index]
        known = {hop.row.id for hop in side.hops}
        taken = (row for row in run.of_kind("module") if not row.error and row.inputs and row.inputs[0].origin in known)
        place = run.location(side.hops[0].row) if side.hops else None
        own = run.user_frame is not None and place is not None and place.function == run.user_frame.function
        if found.how == "data" and weight.how == "built" and is_weight(weight.side) and not own and place is not None:
            alike = [row for row in taken if len(row.inputs[0].last) > 1 and row.inputs[0].last[1] == side.size]
            return dispute.blame(index, place, "data") if alike and side.hops[0].row.kind != "loader" else None
    return None


def not_repeated(dispute: Dispute) -> Cause | None:
    """Where the function that repeated the rows of the one has the other, whose rows it left as they are."""
    run = dispute.run
    for index, found in enumerate(dispute.causes):
        side, other = found.side, dispute.causes[1 - index].side
        last = side.hops[-1] if side.hops else None
        place = run.location(last.row) if last is not None and last.row.op == "repeat_interleave" else None
        if last is None or place is None or last.size_before != other.size or not side.dim == other.dim == 0:
            continue
        for hop in other.hops:
            beside = run.location(hop.row)
            if beside is not None and beside.function == place.function and hop.row.kind != "loader":
                return dispute.blame(1 - index, beside, "data")
    return None


TAKEN_OTHERWISE: tuple[Callable[[Dispute], Cause | None], ...] = (
    stored_otherwise,
    several_parts,
    ends_before,
    iterated_rows,
    cut_unalike,
    complements,
    rows_taken_away,
    fits_another,
    not_repeated,
)
