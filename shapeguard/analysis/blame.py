"""Of two sizes that disagree: where each was decided, and which of them is the suspect.

A size is decided where an op of the user's code changed it (a slice, a squeeze, a concatenation, a view), where it was
written down as a number (an argument, a constant, a config entry: found by climbing the source), where the layer was
built whose weight has it, or where the data came in. The suspect is the side that differs from what this very place saw
when it last passed; else the side that the program changed, else the one that was written down, else the one built.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from shapeguard.analysis.climb import Spot, climbs, named_at
from shapeguard.analysis.contents import brought_in, loader_of, mask_of
from shapeguard.analysis.departures import called_rightly_elsewhere, departed
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop, follow, steps
from shapeguard.analysis.parting import callers_part, extra_change, only_changed_way, parted, whole_way
from shapeguard.analysis.rounding import rounded_at
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.set_from_outside import set_from_outside
from shapeguard.analysis.sides import Side, is_weight, shape_of, sides
from shapeguard.analysis.written import shared_parameter, whole_trails, written, written_spot
from shapeguard.values.findings import LineageStep, Location
from shapeguard.values.recording import Row, TensorArg

How = Literal["counted", "changed", "written", "built", "data", "here"]
_ORDER: tuple[How, ...] = ("counted", "changed", "written", "built", "data", "here")
DATA = frozenset(
    {"tensor", "as_tensor", "from_numpy", "rand", "randn", "randint", "rand_like", "randn_like", "randperm"}
)
_BUILDERS = frozenset({"arange", "zeros", "ones", "eye", "full", "empty", "linspace", "zeros_like", "ones_like"})
REPEATING = frozenset({"repeat", "repeat_interleave", "expand", "tile"})
_NEAR = 12  # ops behind an operand among which the layer before is looked for
_PARTS = 64  # rows before a container's construction in which its parts are looked for


class Cause(NamedTuple):
    """Where a size was decided."""

    location: Location
    how: How
    side: Side

    def lineage(self, run: Run) -> tuple[LineageStep, ...]:
        """The life of the size, oldest first."""
        return steps(run, list(self.side.hops))


def cause(run: Run, failed: FailedOp, of: Side) -> Cause:
    """Where the size of a side was decided; at worst the failing statement itself."""
    last = of.hops[-1] if of.hops else None
    if last is None and (number := _own_number(run, failed, of)) is not None:
        return Cause(number, "written", of)
    if last is None:
        built = built_at(run, failed, of)
        return Cause(built, "built", of) if built is not None else Cause(_here(run), "here", of)
    location = run.location(last.row) or _here(run)
    if not last.changed:
        return Cause(location, "data", of)
    if (mask := mask_of(last.row)) is not None:
        return Cause(brought_in(run, mask) or location, "counted", of)
    if (made := _by_layer(run, last)) is not None:
        return Cause(made, "built", of)
    if last.size_before is not None:
        natural = len(last.merged) > 1 and failed.clash is not None and failed.clash.role in ("inner", "channel")
        return Cause(location, "data" if natural else "changed", of)
    if last.row.op in DATA or not _is_written_call(run, last.row):
        return Cause(location, "data", of)
    read = read_through(run, of)
    if read is not of:
        return cause(run, failed, read)
    direct = re.search(rf"(?<![A-Za-z_]){re.escape(last.row.op)}\(", run.expression(last.row)) is not None
    return Cause((written(run, last.row, of.size, last.after) if direct else None) or location, "written", of)


def _own_number(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """Where the number is written that the failed op itself was given: ``k`` of ``topk``."""
    named = of.value is None and failed.row is not None and failed.row.args.get(of.label) == of.size
    return written(run, failed.row, of.size) if named and failed.row is not None else None


def _read_from(run: Run, row: Row, size: int, dim: int) -> tuple[TensorArg, int] | None:
    """The tensor, and its dim, whose size an op was given: ``torch.eye(labels.shape[0])``, ``torch.eye(len(self.pairs))``."""
    trail = next(iter(whole_trails(run, row, size, dim)), [])
    sites = run.recording.chains[row.chain].sites
    if len(trail) != 2 or trail[-1].kind != "data" or not sites:
        return None
    text = trail[-1].node_text
    if not text.replace(".", "_").isidentifier():
        return None
    chain = [run.recording.sites[number] for number in sites]
    named = climbs(run.sources, chain, text, whole=True)
    kind = "assign" if text.isidentifier() else "attribute"
    place = next((t.spots[1] for t in named if len(t.spots) > 1 and t.spots[1].kind == kind), None)
    for other in reversed(run.rows[: row.id] if place is not None else ()):
        made = place is not None and other.outputs and size in other.outputs[0].last
        if made and place is not None and _stands_at(run, other, place, sites if kind == "assign" else None):
            out = msgspec.structs.replace(other.outputs[0], origin=other.id)
            return out, out.last.index(size)
    return None


def _stands_at(run: Run, row: Row, place: Spot, sites: Sequence[int] | None) -> bool:
    """Whether a row was made by a statement: in the same call of its function, or, for an attribute, at any time."""
    ours = run.recording.chains[row.chain].sites
    if sites is not None:
        return bool(ours) and run.recording.sites[ours[0]].line == place.line and ours[1:] == sites[1:]
    return any((site := run.recording.sites[number]).line == place.line and site.file == place.file for number in ours)


def read_through(run: Run, of: Side) -> Side:
    """The side with its life before the tensor whose size an op was told."""
    last = of.hops[-1] if of.hops else None
    if last is None or not last.changed or last.size_before is not None or not _is_written_call(run, last.row):
        return of
    read = _read_from(run, last.row, of.size, last.after)
    return of._replace(hops=(*of.hops, *follow(run, *read))) if read is not None else of


def _by_layer(run: Run, hop: Hop) -> Location | None:
    """Where the layer was built that changed or made a size: its numbers did it, not the line that calls it."""
    built = run.row(hop.row.owner)
    if hop.row.kind != "module" or built is None or built.kind != "construct":
        return None
    if built.op.startswith("Adaptive") and hop.size_after == 1:
        return run.location(hop.row)  # pooled to one place on purpose: where it is used, not where it was built
    if built.op == "Sequential":
        built = part_of(run, built, hop.size_after) or built
    return (written(run, built, hop.size_after) if hop.size_before is None else None) or run.location(built)


def part_of(run: Run, container: Row, size: int) -> Row | None:
    """The layer of a container whose output has this size: the last one built before the container for as many."""
    for row in reversed(run.rows[max(0, container.id - _PARTS) : container.id]):
        if row.kind == "construct" and size in (row.args.get("out_channels"), row.args.get("out_features")):
            return row
    return None


def _is_written_call(run: Run, row: Row) -> bool:
    """Whether the op is what the user's expression calls, and not something a library did for it (``torch.load``)."""
    return row.op.strip("_") in run.expression(row)


def suspect(run: Run, failed: FailedOp, alone: int | None = None) -> Cause:
    """The side to blame for the failed op's clash; ``alone`` is the side that several others agree against."""
    both = sides(run, failed)
    if not both:
        return Cause(_here(run), "here", Side("", None, None, 0, ()))
    causes = [cause(run, failed, side) for side in both]
    replaced = _replaced(run, failed, both)
    if replaced is not None:
        return causes[replaced[0]]._replace(location=replaced[1], how="here")
    if _of_one_number(run, causes):
        return Cause(
            _here(run), "here", both[0]
        )  # both were made of one number: not that is wrong, what was made of it
    if (grown := _grown_back(both)) is not None and (
        place := run.location(both[grown[0]].hops[grown[1]].row)
    ) is not None:
        return causes[grown[0]]._replace(location=place, how="changed")
    if (multiplied := _multiplied(run, causes)) is not None:
        return Cause(_here(run), "here", both[1 - multiplied])
    call = called_rightly_elsewhere(run)
    if call is not None and is_weight(both[0]) != is_weight(both[1]):
        given = both[int(is_weight(both[0]))]
        return Cause(call, "here", given)
    index = _to_blame(run, failed, both, causes) if alone is None else alone
    if index == _swapped(both) and _made_here(run, both[index]):
        return causes[index]._replace(location=_here(run), how="here")  # laid out so by a layer of this function
    ways = parted(run, *both)
    rounded = rounded_at(run, ways[index]) if ways is not None else None
    if rounded is not None:
        return causes[index]._replace(location=rounded, how="changed")
    left = _not_lengthened(run, failed, both, causes, index) or _not_split(run, failed, both, causes, index)
    if left is not None:
        return causes[1 - index]._replace(location=left, how="here")
    if (named := _alike(run, failed, both, causes, index)) is not None:
        return causes[index]._replace(location=named, how="here")
    extra = extra_change(run, *both)
    own = {hop.row.id for hop in both[index].hops}
    if (
        extra is not None
        and extra[0] == index
        and extra[1].row.id in own
        and (place := _by_layer(run, extra[1])) is not None
    ):
        return causes[index]._replace(location=place, how="built")
    return _at_its_caller(run, causes[index], causes[1 - index])


def _replaced(run: Run, failed: FailedOp, both: list[Side]) -> tuple[int, Location] | None:
    """The side that is an attribute which somebody set from outside, where the other is none."""
    views = {view.label: view.expression for view in failed.views(run)}
    places = [set_from_outside(run, views.get(side.label, "")) for side in both]
    known = [(index, place) for index, place in enumerate(places) if place is not None]
    return known[0] if len(known) == 1 else None


def _of_one_number(run: Run, causes: list[Cause]) -> bool:
    """Whether both sizes were made of a number that is written in one place, apart from the ops that took it."""
    place = causes[0].location
    ends = [run.location(found.side.hops[-1].row) for found in causes if found.side.hops]
    return place == causes[1].location and place not in ends and all(found.how == "written" for found in causes)


def _grown_back(both: list[Side]) -> tuple[int, int] | None:
    """(side, hop) of a map that was made larger again, where halving an odd size had lost a line before.

    It is there that a skip connection is met again: what is enlarged has to get the size of what it is joined with.
    """
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
        if halved and 0 < other.size - side.size < factor:
            return index, grown
    return None


def _last_change(side: Side) -> int | None:
    return next((number for number, hop in enumerate(side.hops) if hop.changed), None)


def _not_lengthened(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause], index: int) -> Location | None:
    """Where the failing function takes the operand that did not follow, when another function put a prefix before the other one."""
    frame, found, other = run.user_frame, causes[index], causes[1 - index]
    joined = found.side.hops[-1].row if found.how == "changed" and found.side.hops else None
    if frame is None or joined is None or joined.kind != "concat" or other.how != "data":
        return None
    if found.location.function == frame.function or not _is_learned(run, joined.inputs[0]):
        return None
    views = {view.label: view.expression for view in failed.views(run)}
    name = views.get(both[1 - index].label, "")
    return named_at(run, frame, name) if name.isidentifier() else None


def _not_split(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause], index: int) -> Location | None:
    """Where the failing function takes the operand that it did not put through the helper which folds dims of the others."""
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
    views = {view.label: view.expression for view in failed.views(run)}
    name = views.get(both[1 - index].label, "")
    return named_at(run, frame, name) if name.isidentifier() else None


def _same_line(run: Run, row: Row, other: Row) -> bool:
    chains = run.recording.chains
    return row.op == other.op and chains[row.chain].sites[:1] == chains[other.chain].sites[:1]


def _made_here(run: Run, side: Side) -> bool:
    """Whether the failing function made the operand itself, with a layer."""
    row = run.row(side.hops[0].row.id) if side.hops else None
    place = run.location(row) if row is not None and row.kind == "module" else None
    frame = run.user_frame
    return place is not None and frame is not None and place.file == frame.file and place.function == frame.function


def _is_learned(run: Run, part: TensorArg) -> bool:
    """Whether a tensor is a parameter, laid out for the batch at most."""
    return all(row.op in REPEATING or row.op == "unsqueeze" for row in ancestors(run, part))


def _multiplied(run: Run, causes: list[Cause]) -> int | None:
    """The side whose size the code made by multiplying the other one's, as beams multiply rows: the other did not follow."""
    for index, found in enumerate(causes):
        ours, other = found.side, causes[1 - index].side
        if (
            found.how != "written"
            or not ours.hops
            or other.size < 2
            or ours.size == other.size
            or ours.size % other.size
        ):
            continue
        last = ours.hops[-1]
        spot = written_spot(run, last.row, ours.size, last.after)
        match ast.parse(spot.node_text, mode="eval").body if spot is not None and spot.kind == "assign" else None:
            case ast.BinOp(left=ast.Name(), op=ast.Mult(), right=ast.Name()):
                return index
    return None


def _alike(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause], index: int) -> Location | None:
    """Where the failing function got an operand, if both were changed in other functions: neither is known to be wrong."""
    frame = run.user_frame
    if frame is None or any(found.how != "changed" or found.location.function == frame.function for found in causes):
        return None
    views = {view.label: view.expression for view in failed.views(run)}
    name = views.get(both[index].label, "")
    return named_at(run, frame, name) if name.isidentifier() else None


def _to_blame(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause]) -> int:
    """Index of the side to blame."""
    changed = departed(run, failed, both)
    if changed is not None and causes[changed].how in ("data", "changed") and causes[1 - changed].how == "written":
        return 1 - changed  # the data may come in other sizes; the number in the code did not follow
    if changed is not None and causes[changed].how == "data" and _told_number(causes[1 - changed]):
        return 1 - changed
    if changed is not None and _loaded(run, both[changed]) and _counted_out(run, both[1 - changed]):
        return 1 - changed
    if changed is not None and causes[changed].how in ("written", "built") and causes[1 - changed].how == "changed":
        changed = None  # another model was built here before; the program itself changed the other side
    if changed is None:
        changed = only_changed_way(run, *both)
    if changed is None and (extra := extra_change(run, *both)) is not None:
        changed = extra[0]
    if changed is None:
        changed = _swapped(both)
    if changed is not None:
        return changed
    # Of two that were built, the layer that fails is the one that was built wrong: it has no events behind it.
    return min((0, 1), key=lambda i: (_ORDER.index(causes[i].how), len(causes[i].side.hops)))


def _told_number(found: Cause) -> bool:
    """Whether an op multiplied a size by a number it was given: what the data did not bring, the code did."""
    last = found.side.hops[-1] if found.side.hops else None
    return found.how == "changed" and last is not None and last.row.op in REPEATING


def _loaded(run: Run, of: Side) -> bool:
    """Whether a size comes from the batches of a loader in the end."""
    way = whole_way(run, of)
    return bool(way) and loader_of(run, way[-1].row) is not None


def _counted_out(run: Run, of: Side) -> bool:
    """Whether a size comes from a tensor that was made from numbers alone."""
    way = whole_way(run, of)
    return bool(way) and way[-1].source is None and not way[-1].row.inputs and way[-1].row.op in _BUILDERS


def _at_its_caller(run: Run, found: Cause, other: Cause) -> Cause:
    """The cause at the call that differs, where one line made both sizes in two calls of its function."""
    if found.how not in ("changed", "data") or not found.side.hops:
        return found
    row = found.side.hops[-1].row
    rows = [hop.row for hop in other.side.hops if hop.row.id != row.id]
    apart = next((place for other_row in rows if (place := callers_part(run, row, other_row)) is not None), None)
    if found.location == other.location and other.how == found.how and (apart is None or _two_models(found, other)):
        return found._replace(
            location=_here(run), how="here"
        )  # one statement made both: it is their meeting that is wrong
    return found._replace(location=apart) if apart is not None else found


def _two_models(found: Cause, other: Cause) -> bool:
    """Whether one line made both sizes by calling two layers: which of them is the right one, nobody said."""
    owners = [side.hops[-1].row.owner for side in (found.side, other.side) if side.hops]
    return found.how == "data" and len(owners) == 2 and None not in owners and owners[0] != owners[1]


def _swapped(both: list[Side]) -> int | None:
    """The input whose dimensions stand in another order: the size a weight wants is there, in another place."""
    for index, of in enumerate(both):
        wanted = both[1 - index]
        shape = shape_of(of.value)
        if is_weight(wanted) and not is_weight(of) and of.dim is not None and shape is not None:
            others = [size for dim, size in enumerate(shape) if dim != of.dim % len(shape)]
            if wanted.size in others and wanted.size > 1:
                return index
    return None


def built_at(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """The user's line that decided the size of a layer's weight: the constructor's argument climbed to where it is written."""
    row = _construct_row(run, failed)
    if row is None:
        return None
    if _of_one_constructor(run, failed, of, row) and shared_parameter(run, row, of.size):
        return run.location(row)
    sized = not row.op.endswith("Loss")  # a loss has no size of its own: it was not built wrong
    return written(run, row, of.size) or (run.location(row) if sized else None)


def _of_one_constructor(run: Run, failed: FailedOp, of: Side, row: Row) -> bool:
    """Whether the other side was made by a layer that the very same call of a constructor built."""
    sites = run.recording.chains[row.chain].sites
    for other in sides(run, failed):
        if other.label == of.label or other.value is None:
            continue
        for made in islice(ancestors(run, other.value), _NEAR):
            built = (
                run.row(made.owner)
                if made.kind == "module" and made.outputs and other.size in made.outputs[0].last
                else None
            )
            theirs = run.recording.chains[built.chain].sites if built is not None else ()
            if built is not None and built.id != row.id and len(sites) > 1 and theirs[1:] == sites[1:]:
                return True
    return False


def _construct_row(run: Run, failed: FailedOp) -> Row | None:
    """The row in which the failing layer was built: by the failed call itself, else by the innermost frame that is a layer's."""
    numbers = [failed.row.owner if failed.row is not None else None]
    for frame in reversed(run.frames):
        if frame.user:
            break
        numbers.append(frame.owner)
    rows = (run.row(number) for number in numbers)
    return next((row for row in rows if row is not None and row.kind == "construct"), None)


def _here(run: Run) -> Location:
    """The statement that was running in the user's code."""
    frame = run.user_frame or run.inner_frame
    return run.statement_of(frame) if frame is not None else Location("", 0)
