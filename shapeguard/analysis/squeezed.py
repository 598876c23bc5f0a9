"""Squeezes that took nothing away: the dim that was to be dropped has another size than 1, and that size is what is wrong.

A head of two labels gives (batch, seq, 2), and ``values.squeeze(-1)``, written for one value a token, passes it on as it is.
"""

from __future__ import annotations

import ast
from itertools import islice

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs, named_at
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_FEW = 4  # ops behind an operand among which the squeeze is looked for


def squeezed_in_vain(dispute: Dispute) -> Cause | None:
    """Where the size of a side was made that a squeeze was to drop."""
    for index, side in enumerate(dispute.both):
        if squeezed_nothing(side):
            last = side.hops[-1]
            inner = last.row.kind == "module" and dispute.run.row(last.row.owner) is None
            return dispute.blame(
                index, _model_made(dispute.run, last.row) if inner else None, "built" if inner else None
            )
    return None


def squeezed_away(dispute: Dispute) -> Cause | None:
    """The squeeze that was not told its dim and took one away that it left in other batches: a last one of a single sample."""
    run = dispute.run
    for index, side in enumerate(dispute.both):
        for row in islice(ancestors(run, side.value), _FEW) if side.value is not None else ():
            if row.op not in ("squeeze", "squeeze_") or "dim" in row.args or not row.outputs:
                continue
            others = (other for other in run.rows[: row.id] if other.op == row.op and run.at_one_place(other, row))
            kept = [len(other.outputs[0].last) for other in others if other.outputs]
            if kept and max(kept) > len(row.outputs[0].last):
                return dispute.blame(index, run.location(row), "changed")
    return None


def cut_in_vain(dispute: Dispute) -> Cause | None:
    """A slice up to a written number that is longer than all there was, where no other reason is known for either size."""
    if any(found.how not in ("data", "here") and not _by_library(found.side) for found in dispute.causes):
        return None
    for index, side in enumerate(dispute.both):
        for hop in side.hops:
            stop = stop_of(hop)
            if stop is not None and hop.size_before is not None and hop.size_before == hop.size_after < stop:
                return dispute.blame(index, dispute.run.location(hop.row), "changed")
    return None


def of_nothing(dispute: Dispute) -> Cause | None:
    """Where a tensor was made of an empty list, which meets rows that there are."""
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        last = side.hops[-1].row if side.hops else None
        if side.size == 0 and last is not None and last.op in ("tensor", "as_tensor") and not last.inputs:
            return dispute.blame(index, dispute.run.location(last), "data")
    return None


def fell_short(dispute: Dispute) -> Cause | None:
    """Where less was taken out of the data than a slice after it asks for, and the other side has: ``chunk[:n] * ramp(n)``."""
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        for hop in side.hops:
            stop = stop_of(hop)
            short = stop is not None and hop.size_before == hop.size_after < stop == dispute.both[1 - index].size
            if short and dispute.causes[index].how == "changed":
                return dispute.causes[index]
            if hop.size_before == hop.size_after < _last_asked(hop) == dispute.both[1 - index].size:
                return dispute.blame(index, dispute.run.location(hop.row), "here")
            bound = _bound_made(dispute, side) if short and hop is side.hops[0] else None
            if bound is not None:
                return dispute.blame(index, bound, "here")
    return None


def _last_asked(hop: Hop) -> int:
    """How many of the last places a subscript takes, ``x[..., -4:]``; 0 where it takes others."""
    told = hop.row.args.get("index")
    items = [str(item) for item in (told if isinstance(told, list) else [told])]
    if hop.row.op != "getitem" or hop.before is None or hop.source is None or "..." in items[1:]:
        return 0
    if items[:1] == ["..."]:
        items = [*[":"] * (len(hop.source.last) - len(items) + 1), *items[1:]]
    item = items[hop.before] if hop.before < len(items) else ""
    start = item.removesuffix(":")
    return int(start[1:]) if item.endswith(":") and start.startswith("-") and start[1:].isdecimal() else 0


def _bound_made(dispute: Dispute, side: Side) -> Location | None:
    """Where the failing function reckoned up to where a slice takes, ``ids[i, :count]``."""
    run, frame = dispute.run, dispute.run.user_frame
    match parsed_text(dispute.failed.expression(run, side.label)):
        case ast.Subscript(slice=ast.Slice(upper=ast.Name(id=name))) if frame is not None:
            return named_at(run, frame, name)
        case ast.Subscript(slice=ast.Tuple(elts=[*_, ast.Slice(upper=ast.Name(id=name))])) if frame is not None:
            return named_at(run, frame, name)
    return None


def took_everything(dispute: Dispute) -> Cause | None:
    """Where the part was chosen that a subscript takes by its name, ``delta[subset]``, and that is the whole dim: the other side is data."""
    run, frame = dispute.run, dispute.run.user_frame
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 and frame is not None else ()):
        hop = side.hops[0] if side.hops else None
        if hop is None or hop.row.op != "getitem" or hop.changed or dispute.causes[1 - index].how != "data":
            continue
        if hop.before != hop.after or ":" not in str(hop.row.args.get("index")):
            continue  # a place was taken, and not a part of them
        match parsed_text(dispute.failed.expression(run, side.label)):
            case ast.Subscript(slice=ast.Name(id=name)) if frame is not None:
                place = named_at(run, frame, name)
                return dispute.blame(index, place, "here") if place is not None else None
    return None


def _by_library(side: Side) -> bool:
    return bool(side.hops) and side.hops[-1].row.kind in ("attention", "forward")


def stop_of(hop: Hop) -> int | None:
    """Up to where a subscript takes the dim, ``x[:, :16]``."""
    told = hop.row.args.get("index")
    items = [str(item) for item in (told if isinstance(told, list) else [told])]
    if hop.row.op != "getitem" or hop.before is None or hop.before >= len(items) or "ellipsis" in items:
        return None
    kind, *parts = items[hop.before].split(":")
    ends = parts[1] if kind == "slice" and len(parts) > 1 else items[hop.before].removeprefix(":")
    return int(ends) if ends.isdecimal() and ":" in items[hop.before] else None


def squeezed_nothing(side: Side) -> bool:
    """Whether a squeeze on the way of a size named its dim and left it as it was."""
    return any(hop.row.op in ("squeeze", "squeeze_") and _names(hop) for hop in side.hops)


def _names(hop: Hop) -> bool:
    dim, taken = hop.row.args.get("dim"), hop.source
    if type(dim) is not int or taken is None or hop.before is None or hop.size_after == 1:
        return False
    return dim % len(taken.last) == hop.before


def _model_made(run: Run, row: Row) -> Location | None:
    """Where the model was made of which a layer was called by its name, ``model.score(hidden)``."""
    match parsed_text(run.expression(row)):
        case ast.Call(func=ast.Attribute(value=model)):
            for trail in climbs(run.sources, run.chain(row), model, whole=True):
                inside = next((number for number, spot in enumerate(trail.spots) if spot.kind == "return"), None)
                made = trail.spots[inside - 1 if inside else -1]
                if made.kind in ("assign", "argument", "attribute", "entry") and made.line:
                    return run.at(made)
    return None
