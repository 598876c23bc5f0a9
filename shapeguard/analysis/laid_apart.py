"""Sides that were laid out apart: padded along another dim, made by hand for other data, multiplied where the other was not."""

from __future__ import annotations

import ast
from collections.abc import Callable

from shapeguard.analysis.built import construct_row
from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs, first_named
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import with_itself
from shapeguard.analysis.lineage import RECURRENT, follow
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.run import Run, calls_in_common
from shapeguard.analysis.semantics import family
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.sides import Side, shape_of
from shapeguard.analysis.source import given_at, parsed_text
from shapeguard.analysis.written import written
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_PARTS = 16  # rows beside a container's construction in which its parts are looked for


def merged_rows(dispute: Dispute) -> Cause | None:
    """The side whose rows a view multiplied with another dim, where the other of a loss has as many rows as they were."""
    for index, of in enumerate(dispute.both) if family(dispute.failed.op) == "loss" else ():
        other = dispute.both[1 - index]
        merged = [tensor.last[dim] for tensor, dim in of.hops[-1].merged] if of.hops else []
        if of.dim == other.dim == 0 and len(merged) > 1 and 1 not in merged and other.size in merged:
            return dispute.blame(index, _told_view(dispute.run, of.hops[-1].row))
    return None


def _told_view(run: Run, view: Row) -> Location | None:
    """Where a number that a view was told by a name of an object's, ``x.view(-1, self.inputs)``, was set; None of one that it states."""
    node = parsed_text(run.expression(view))
    told = node.args[1:] if isinstance(node, ast.Call) and len(node.args) == len(("-1", "features")) else []
    if not told or not isinstance(told[0], ast.Attribute) or not view.outputs or not view.inputs:
        return None
    if view.outputs[0].last[1] in view.inputs[0].last[1:]:
        return None  # the features that there are: it is the places beside them that became rows
    return written(run, view, view.outputs[0].last[1], 1)


def padded_elsewhere(dispute: Dispute) -> Cause | None:
    """Where a tensor was padded along another dim than the one in which it is shorter, by just as much as is missing there."""
    for index, of in enumerate(dispute.both):
        other, dim = dispute.both[1 - index], of.dim
        pad, shape, wanted = of.hops[0].row if of.hops else None, shape_of(of.value), shape_of(other.value)
        if pad is None or pad.op != "pad" or not pad.inputs or dim is None or shape is None or wanted is None:
            continue
        before, missing = pad.inputs[0].last, other.size - of.size
        if not len(before) == len(shape) == len(wanted) or missing < 1:
            continue
        if any(shape[d] - before[d] == missing and wanted[d] == before[d] for d in range(len(shape)) if d != dim):
            return dispute.blame(index, dispute.run.location(pad), "changed")
    return None


def told_apart(dispute: Dispute) -> Cause | None:
    """The later of two calls of a helper whose one line made both sides, and was told another layout for the one than for the other."""
    run, both = dispute.run, dispute.both
    ends = [side.hops[-1].row if side.hops else None for side in both[:2]]
    first, later = ends if len(ends) > 1 else (None, None)
    if first is None or later is None or first.id == later.id or not run.at_one_place(first, later):
        return None
    names = {*first.args, *later.args}
    told = [(first.args.get(name), later.args.get(name)) for name in names]
    apart = any(one != other and (isinstance(one, bool) or isinstance(other, bool)) for one, other in told)
    call = callers_part(run, later, first) if apart else None
    return dispute.blame(1, call, "here") if call is not None else None


def seed_of_other_size(dispute: Dispute) -> Cause | None:
    """What was laid out by hand, of numbers alone, to be joined with what a layer makes: the layer goes by the data."""
    run = dispute.run
    for index, found in enumerate(dispute.causes) if family(dispute.failed.op) == "concat" else ():
        hops, other = found.side.hops, dispute.causes[1 - index]
        laid = hops[0].row if len(hops) == 1 and not hops[0].row.inputs and hops[0].row.kind == "op" else None
        if laid is not None and other.how == "built" and found.side.dim:
            return dispute.blame(
                index, written(run, laid, found.side.size, found.side.dim) or run.location(laid), "written"
            )
    return None


def not_doubled(dispute: Dispute) -> Cause | None:
    """What an object keeps for each row, where the rows were put together with themselves, as guidance does, and it was not."""
    run, causes = dispute.run, dispute.causes
    for index, found in enumerate(causes):
        ours, other = found.side, causes[1 - index].side
        last, kept = (ours.hops[-1] if ours.hops else None), (other.hops[0].row if other.hops else None)
        if last is None or kept is None or not ours.dim == other.dim == 0:
            continue
        if with_itself(last.row) and last.size_before == other.size:
            text, made = dispute.failed.expression(run, other.label), run.location(kept)
            if text.startswith("self.") and text.replace(".", "_").isidentifier() and made is not None:
                return dispute.blame(1 - index, made, "changed")
    return None


def counted_weights(dispute: Dispute) -> Cause | None:
    """Where a loss's weights of classes were reckoned outside of torch: of the classes that were met, it may be."""
    run = dispute.run
    for index, of in enumerate(dispute.both) if family(dispute.failed.op) == "loss" else ():
        made = of.hops[-1].row if of.label == "weight" and of.hops else None
        call = (
            call_of(run.expression(made)) if made is not None and made.op in FROM_OUTSIDE and not made.inputs else None
        )
        if made is None or call is None or not call.args or not isinstance(call.args[0], ast.Name):
            continue
        spot = first_named(climbs(run.sources, run.chain(made), call.args[0], whole=True))
        if spot is not None:
            return dispute.blame(index, run.at(spot), "changed")
    return None


def doubled_half(dispute: Dispute) -> Cause | None:
    """Where an odd number was decided of which every second was counted and the count doubled: there is one more of those."""
    run = dispute.run
    for index, of in enumerate(dispute.both):
        last, other = of.hops[-1] if of.hops else None, dispute.both[1 - index]
        twice = last is not None and last.row.kind == "concat" and len({t.last for t in last.row.inputs}) == 1
        if last is None or not twice or last.source is None or last.before is None or of.size != other.size + 1:
            continue
        counted = next((hop.row for hop in follow(run, last.source, last.before) if hop.row.op == "arange"), None)
        if (
            counted is not None
            and counted.args.get("step") == len(last.row.inputs)
            and counted.args.get("end") == other.size
        ):
            return dispute.blame(index, written(run, counted, other.size) or run.location(counted), "written")
    return None


def pool_floors(dispute: Dispute) -> Cause | None:
    """Where the pooling of a shortcut was built that leaves the rest of an odd size out, where a convolution beside it rounds up."""
    run = dispute.run
    for index, of in enumerate(dispute.both):
        last, beside = (side.hops[-1] if side.hops else None for side in (of, dispute.both[1 - index]))
        if last is None or beside is None or last.size_before is None or last.size_before != beside.size_before:
            continue
        halved = (last.size_before // 2, last.size_before - last.size_before // 2)
        if last.size_before % 2 == 0 or (of.size, beside.size_after) != halved:
            continue
        built = run.row(last.row.owner)
        way = run.recording.chains[built.chain].sites if built is not None else ()
        for part in run.rows[max(0, built.id - _PARTS) : built.id + _PARTS] if built is not None else ():
            inside = (
                part.kind == "construct"
                and "Pool" in part.op
                and run.recording.chains[part.chain].sites[-len(way) :] == way
            )
            if inside:
                return dispute.blame(index, run.location(part), "built")
    return None


def both_directions(dispute: Dispute) -> Cause | None:
    """Where a recurrent layer's features were counted for one direction, and it runs in both."""
    run = dispute.run
    for index, of in enumerate(dispute.both):
        more = of.size - dispute.both[1 - index].size
        built = _of_two_ways(run, of) if more > 0 else None
        if built is not None and built.args.get("hidden_size") == more and not _halved(run, built):
            place = _told_width(run, built) or _wired_at(run, built, dispute)
            return dispute.blame(index, place, "built") if place is not None else None
    return None


def _of_two_ways(run: Run, of: Side) -> Row | None:
    """The recurrent layer of both directions that made a size, or a part of what was put together to it."""
    last = of.hops[-1] if of.hops else None
    joined = last is not None and last.row.kind == "concat" and last.changed
    ways = (
        [follow(run, part, last.after) for part in last.row.inputs] if last is not None and joined else [list(of.hops)]
    )
    for hop in (hop for way in ways for hop in way):
        built = run.row(hop.row.owner) if hop.row.op in RECURRENT else None
        if built is not None and built.args.get("bidirectional") is True:
            return built
    return None


def _halved(run: Run, built: Row) -> bool:
    """Whether the layer was given half a width, ``width // 2``: both directions were counted."""
    return isinstance(_hidden(run, built), ast.BinOp)


def _hidden(run: Run, built: Row) -> ast.expr | None:
    """The expression a recurrent layer was given for its hidden size."""
    call = call_of(run.expression(built))
    return given_at(call, "hidden_size", 1) if call is not None else None


def _told_width(run: Run, built: Row) -> Location | None:
    """Where the class that has the layer says how wide its output is: by the very name the layer was given for its hidden size."""
    place, hidden = run.location(built), _hidden(run, built)
    function = run.sources[place.file].function_at(place.line) if place is not None else None
    for node in ast.walk(function) if function is not None and isinstance(hidden, ast.Name) else ():
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Name(id=told)):
                if place is not None and isinstance(hidden, ast.Name) and told == hidden.id and "hidden" not in name:
                    return run.place(place.file, node.lineno, place.function)
    return None


def _wired_at(run: Run, built: Row, dispute: Dispute) -> Location | None:
    """The line of the constructor that built both the recurrent layer and the one that takes its output, where it built the first."""
    taker = construct_row(run, dispute.failed)
    ours, theirs = (run.recording.chains[row.chain].sites if row is not None else () for row in (built, taker))
    step = len(ours) - calls_in_common(ours, theirs) - 1
    return run.location(built, step) if taker is not None and 0 < step < len(ours) else None


LAID_APART: tuple[Callable[[Dispute], Cause | None], ...] = (
    counted_weights,
    doubled_half,
    not_doubled,
    merged_rows,
    padded_elsewhere,
    told_apart,
    seed_of_other_size,
)
