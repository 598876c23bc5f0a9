"""Which of two sizes that disagree is the suspect.

It is the side that differs from what this very place saw when it last passed; else the side that the program changed, else
the one that was written down, else the one built. Where one side was changed on purpose, it is the other, that did not follow.
"""

from __future__ import annotations

import ast

from shapeguard.analysis.built import by_default, construct_row
from shapeguard.analysis.by_layer import by_layer
from shapeguard.analysis.callers import at_its_caller, entered_at, given_both
from shapeguard.analysis.causes import REPEATING, Cause, How, read_off, statement_here
from shapeguard.analysis.contents import loader_of
from shapeguard.analysis.departures import departed, made_elsewhere
from shapeguard.analysis.dispute import Dispute, dispute_of
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.frozen import kept_since_built
from shapeguard.analysis.graph import with_itself
from shapeguard.analysis.known_mistakes import SETTLING, TELLING
from shapeguard.analysis.of_models import default_beside, made_of_other
from shapeguard.analysis.parting import callers_part, extra_change, only_changed_way, parted, whole_way
from shapeguard.analysis.rounding import is_uneven, rounded_at, uneven_half
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, is_weight, shape_of
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.unfollowed import not_lengthened, not_shifted, not_split, taken_at
from shapeguard.values.findings import Location

_ORDER: tuple[How, ...] = ("counted", "changed", "written", "built", "data", "here")
_BUILDERS = frozenset({"arange", "zeros", "ones", "eye", "full", "empty", "linspace", "zeros_like", "ones_like"})


def suspect(run: Run, failed: FailedOp, alone: int | None = None) -> Cause:
    """The side to blame for the failed op's clash; ``alone`` is the side that several others agree against."""
    return blamed(run, dispute_of(run, failed), alone)


def blamed(run: Run, dispute: Dispute | None, alone: int | None = None) -> Cause:
    """The same of a dispute that is at hand; without one it is the failing statement."""
    if dispute is None:
        return Cause(statement_here(run), "here", Side("", None, None, 0, ()))
    told = next((told for ask in TELLING if (told := ask(dispute)) is not None), None)
    found = told if told is not None else _weighed(dispute, alone)
    asked = found.how == "here" and found.location == statement_here(run)
    before = (given_both, entered_at) if asked else ()
    place = next((place for ask in before if (place := ask(dispute.run, dispute.failed)) is not None), None)
    return found if place is None else found._replace(location=place)


def settled(dispute: Dispute | None) -> bool:
    """Whether it is known which side is at fault by what was done to it: then it does not count that a size was written down."""
    return dispute is not None and any(ask(dispute) is not None for ask in SETTLING)


def _weighed(dispute: Dispute, alone: int | None) -> Cause:
    """The side to blame by how its size came about, where no mistake is known by its looks."""
    run, failed, both, causes = dispute
    reckoned = _reckoned_layer(run, failed, both, causes)
    index = _to_blame(run, failed, both, causes, reckoned) if alone is None else alone
    if index == reckoned and (built := construct_row(run, failed)) is not None:
        return dispute.blame(index, run.location(built))
    if index == _swapped(both) and (turned := _turned(dispute, index)) is not None:
        return turned
    if index == _swapped(both) and causes[index].how == "changed" and both[index].hops[-1].row.op == "getitem":
        return dispute.blame(index, taken_at(run, failed, both[index].label) or statement_here(run), "here")
    if (rounded := _rounded(dispute, index)) is not None:
        return dispute.blame(index, rounded, "changed")
    unfollowed = (not_lengthened, not_split, not_shifted)
    left = next((place for ask in unfollowed if (place := ask(dispute, index)) is not None), None)
    if left is not None:
        return dispute.blame(1 - index, left, "here")
    if (named := _alike(run, failed, both, causes, index)) is not None:
        return dispute.blame(index, named, "here")
    extra = extra_change(run, *both)
    own = {hop.row.id for hop in both[index].hops}
    if extra is not None and extra[0] == index and extra[1].row.id in own and (place := by_layer(run, extra[1])):
        return dispute.blame(index, place, "built")
    return at_its_caller(run, failed, causes[index], causes[1 - index])


def _turned(dispute: Dispute, index: int) -> Cause | None:
    """Where an operand is turned round, or is to be, whose dims stand in another order."""
    run, side = dispute.run, dispute.both[index]
    if _made_here(run, side):
        return dispute.here(index)  # it was laid out so by a layer of this very function
    if (stacked := _stacked_first(run, side)) is not None:
        return dispute.blame(index, stacked, "changed")
    if dispute.causes[index].how in ("data", "changed") and (taken := _taken_in(run)) is not None:
        return dispute.blame(index, taken, "here")
    return None


def _rounded(dispute: Dispute, index: int) -> Location | None:
    """Where a number was rounded down on the way of a side."""
    run, side = dispute.run, dispute.both[index]
    ways = parted(run, *dispute.both)
    rounded = rounded_at(run, ways[index]) if ways is not None else None
    if rounded is None and dispute.causes[index].how == "changed" and side.hops:
        rounded = uneven_half(run, side.hops[-1])
    return rounded


def _made_here(run: Run, side: Side) -> bool:
    """Whether the failing function made the operand itself, with a layer."""
    row = side.hops[0].row if side.hops else None
    place = run.location(row) if row is not None and row.kind == "module" else None
    frame = run.user_frame
    return place is not None and frame is not None and place.file == frame.file and place.function == frame.function


def _stacked_first(run: Run, of: Side) -> Location | None:
    """Where a list was stacked whose number of entries now stands where the layer wants the channels."""
    last = of.hops[-1] if of.hops else None
    stacked = last is not None and last.row.op == "stack" and last.size_before is None
    return run.location(last.row) if last is not None and stacked else None


def _alike(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause], index: int) -> Location | None:
    """Where the failing function got an operand, if both were changed in other functions: neither is known to be wrong."""
    frame = run.user_frame
    if frame is None or any(found.how != "changed" or found.location.function == frame.function for found in causes):
        return None
    if extra_change(run, *both) is not None:
        return None
    if causes[0].location == causes[1].location:
        ends = [side.hops[-1].row for side in both]
        if (called := callers_part(run, ends[index], ends[1 - index])) is not None:
            return called  # one helper made both, called twice
    uneven = [found for found in causes if is_uneven(found.side)]
    return uneven[0].location if len(uneven) == 1 else taken_at(run, failed, both[index].label)


def _to_blame(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause], reckoned: int | None) -> int:
    """Index of the side to blame; ``reckoned`` is a layer whose width was reckoned where it was built."""
    changed = departed(run, failed, both)
    stated = changed is not None and causes[1 - changed].how == "written" and not read_off(run, causes[1 - changed])
    if changed is not None and causes[changed].how in ("data", "changed") and stated:
        return 1 - changed  # the data may come in other sizes; the number in the code did not follow
    if changed is not None and causes[changed].how == "data" and _told_number(causes[1 - changed]):
        return 1 - changed
    if changed is not None and causes[1 - changed].how == "built" and _by_library(run, both[changed]):
        return 1 - changed  # a layer beside the library's own, which is another one than before
    if changed is not None and _loaded(run, both[changed]) and _counted_out(run, both[1 - changed]):
        return 1 - changed
    rebuilt = changed is not None and causes[changed].how in ("written", "built")
    if rebuilt and changed is not None and causes[1 - changed].how == "changed":
        # Another model was built here before, and the program itself changed the other side.
        changed = changed if made_elsewhere(run, failed, both[changed].label) else None
    if changed is not None and all(found.how == "built" for found in causes):
        other = both[1 - changed]
        if is_weight(other) and by_default(run, failed, other):
            return 1 - changed  # a default that did not follow the model which was chosen
    if (default := default_beside(run, causes)) is not None:
        return default
    if changed is None and family(failed.op) == "loss":
        changed = made_of_other(run, both)
    if changed is None:
        changed = _kept_buffer(run, failed, both)
    if changed is None:
        changed = only_changed_way(run, *both)
    if changed is None and (extra := extra_change(run, *both)) is not None:
        changed = extra[0]
    if changed is None:
        changed = _fitted_before(both, causes)
    if changed is None:
        changed = _swapped(both)
    if changed is None:
        changed = reckoned
    if changed is not None:
        return changed
    # Of two that were built, the layer that fails is the one that was built wrong: it has no events behind it.
    owner = _owner(run)
    return min(
        (0, 1),
        key=lambda i: (_ORDER.index(causes[i].how), not _within(causes[i], owner), len(causes[i].side.hops)),
    )


def _by_library(run: Run, of: Side) -> bool:
    """Whether a size was made by a layer that a library built for itself."""
    last = of.hops[-1] if of.hops else None
    return (
        last is not None and last.row.kind == "module" and last.size_before is None and run.row(last.row.owner) is None
    )


def _reckoned_layer(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause]) -> int | None:
    """The layer whose width was reckoned where it was built, ``nn.Linear(length - lost(), ...)``, where the other side was cut on purpose."""
    weights = [is_weight(of) for of in both]
    if weights.count(True) != 1 or family(failed.op) != "matmul":
        return None
    index = weights.index(True)
    row = construct_row(run, failed)
    if row is None or causes[index].how != "built" or causes[1 - index].how != "changed":
        return None
    match parsed_text(run.expression(row)):
        case ast.Call(args=[ast.BinOp(op=ast.Sub() | ast.Add()), *_]):
            return index
    return None


def _taken_in(run: Run) -> Location | None:
    """The line of the outermost model's ``forward`` that hands an input on to the layer which failed in another one's."""
    frames = [frame for frame in run.frames if frame.user and frame.function.endswith(".forward")]
    return run.statement_of(frames[0]) if len(frames) > 1 else None


def _kept_buffer(run: Run, failed: FailedOp, both: list[Side]) -> int | None:
    """The side that is a buffer which an object laid out when it was built, and which is written to: it was made for others."""
    if failed.op not in ("setitem", "copy_", "index_copy_"):
        return None
    kept = [index for index, of in enumerate(both) if of.label == "input" and kept_since_built(run, of) is not None]
    return kept[0] if kept else None


def _fitted_before(both: list[Side], causes: list[Cause]) -> int | None:
    """The one side that had the other's size until a layer of the model changed it."""
    for index, found in enumerate(causes):
        last, other = found.side.hops[-1] if found.side.hops else None, both[1 - index]
        layer = last is not None and last.row.kind == "module" and last.changed and last.size_before == other.size
        if layer and found.how == "built" and causes[1 - index].how == "written":
            return index
    return None


def _owner(run: Run) -> str:
    """The class whose method failed; "" where it was a plain function."""
    return run.user_frame.function.rpartition(".")[0] if run.user_frame is not None else ""


def _within(found: Cause, owner: str) -> bool:
    """Whether a size was decided in the class that failed, and not by what was handed to it."""
    return bool(owner) and found.location.function.startswith(f"{owner}.")


def _told_number(found: Cause) -> bool:
    """Whether an op multiplied a size by a number it was given: what the data did not bring, the code did."""
    last = found.side.hops[-1] if found.side.hops else None
    return found.how == "changed" and last is not None and (last.row.op in REPEATING or with_itself(last.row))


def _loaded(run: Run, of: Side) -> bool:
    """Whether a size comes from the batches of a loader in the end."""
    way = whole_way(run, of)
    return bool(way) and loader_of(run, way[-1].row) is not None


def _counted_out(run: Run, of: Side) -> bool:
    """Whether a size comes from a tensor that was made from numbers alone."""
    way = whole_way(run, of)
    return bool(way) and way[-1].source is None and not way[-1].row.inputs and way[-1].row.op in _BUILDERS


def _swapped(both: list[Side]) -> int | None:
    """The input whose dimensions stand in another order: the size a weight wants is there, in another place."""
    for index, of in enumerate(both):
        wanted = both[1 - index]
        shape = shape_of(of.value)
        if is_weight(wanted) and not is_weight(of) and of.dim is not None and shape is not None:
            first = 1 if len(shape) > 2 else 0  # as many rows as features are a coincidence
            others = [size for dim, size in enumerate(shape) if dim != of.dim % len(shape) and dim >= first]
            if wanted.size in others and wanted.size > 1:
                return index
    return None
