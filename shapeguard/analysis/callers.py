"""The cause at the call that differs: where a helper did what it was told, or one line made both sizes in two calls."""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import Cause, statement_here
from shapeguard.analysis.climb import chain_of_frames, climbs
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.departures import made_elsewhere
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.parting import callers_part, made_fitting_before
from shapeguard.analysis.rounding import rounded_between
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import parsed, whole_trails, written
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_LIKE = frozenset({"new_zeros", "new_ones", "new_full", "new_empty"})


def at_its_caller(run: Run, failed: FailedOp, found: Cause, other: Cause) -> Cause:
    """The cause at the call that differs, where one line made both sizes in two calls of its function."""
    if found.how == other.how == "built" and found.location == other.location and found.side.hops and other.side.hops:
        if not _constructed_there(run, found) or _branches(run, found.side, other.side):
            return found  # one line chose both
        # Two models that one line makes:
        return found._replace(location=_meeting(run, found.side, other.side), how="here")
    if _of_one_batch(found, other) and failed.row is not None and (call := run.helper_call(failed.row)) is not None:
        return found._replace(location=call, how="here")  # it was given two that are no pair
    joined = failed.row is not None and failed.row.kind == "concat"
    if found.how == "written" and joined and made_elsewhere(run, failed, found.side.label):
        return found  # the helper has another way to make it, which fits
    if found.how == "written" and found.side.hops and (given := _given_to_helper(run, found.side.hops[-1])) is not None:
        return found._replace(location=given)
    if found.how not in ("changed", "data") or not found.side.hops:
        return found
    if found.how == "changed" and (given := _given_to_helper(run, found.side.hops[-1])) is not None:
        return found._replace(location=given)
    row = found.side.hops[-1].row
    if (
        found.how == "data"
        and (call := made_fitting_before(run, row, found.side.hops[-1].after, other.side.size)) is not None
    ):
        return found._replace(location=_told_sizes(run, found.side) or call)
    if found.how == "data" and (given := _given_to_helper(run, found.side.hops[-1])) is not None:
        return found._replace(location=given)
    rows = [hop.row for hop in other.side.hops if hop.row.id != row.id]
    apart = next((place for other_row in rows if (place := callers_part(run, row, other_row)) is not None), None)
    if found.location == other.location and other.how == found.how and (apart is None or _two_models(found, other)):
        # One statement made both: it is their meeting that is wrong, or what it was given.
        last = other.side.hops[-1].row if other.side.hops else row
        for cause, less, more in ((found, row, last), (other, last, row)):
            if (rounded := rounded_between(run, more, less)) is not None:
                return cause._replace(location=rounded)
        return found._replace(location=statement_here(run), how="here")
    if apart is not None and found.how == other.how == "data" and _one_line(run, apart, other, row):
        meeting = run.helper_call(failed.row) if failed.row is not None else None
        return found._replace(location=meeting or statement_here(run), how="here")  # two calls of one statement
    return found._replace(location=apart) if apart is not None else found


def given_both(run: Run, failed: FailedOp) -> Location | None:
    """The call of the plain function that was given both things which do not fit, and had no part in either."""
    frame, clash = run.user_frame, failed.clash
    if frame is None or clash is None or not frame.function.isidentifier() or failed.row is None:
        return None
    if failed.row.kind == "concat":
        return None
    function = run.sources[frame.file].function_at(frame.line)
    given = {arg.arg for arg in (*function.args.args, *function.args.kwonlyargs)} if function is not None else set()
    names = [root_of(parsed_text(failed.expression(run, label))) for label in (clash.left, clash.right)]
    both = names[0] != names[1] and all(name in given for name in names)
    return run.helper_call(failed.row) if both else None


def root_of(node: ast.expr | None) -> str | None:
    """The name that an expression begins with: ``module`` of ``module.weight.view(-1, 1)``."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _meeting(run: Run, ours: Side, theirs: Side) -> Location:
    """The first line after both were made that has to do with both; at the latest the failing statement."""
    seen = {run.location(hop.row) for hop in theirs.hops[:-1]}
    places = (run.location(hop.row) for hop in reversed(ours.hops[:-1]))
    return next((place for place in places if place is not None and place in seen), statement_here(run))


def entered_at(run: Run, failed: FailedOp) -> Location | None:
    """Where another function laid out the entries that are joined, ``cat([t["mask"] for t in targets])``, as they came."""
    frame = run.user_frame
    match parsed_text(run.expression(failed.row)) if failed.row is not None and failed.row.kind == "concat" else None:
        case ast.Call(args=[ast.ListComp(elt=ast.Subscript(slice=ast.Constant()) as entry), *_]) if frame is not None:
            trails = climbs(run.sources, chain_of_frames(run, frame), entry)
            spots = trails[0].spots if trails else ()
            back = next((place for place, spot in enumerate(spots) if spot.kind == "return"), len(spots))
            laid = spots[back + 1] if back + 1 < len(spots) else None
            return run.at(laid) if laid is not None and laid.kind == "entry" and laid.line else None
    return None


def _one_line(run: Run, apart: Location, other: Cause, row: Row) -> bool:
    """Whether the call that made the other side stands in the same statement as the one that made this."""
    last = other.side.hops[-1].row if other.side.hops else None
    return last is not None and callers_part(run, last, row) == apart


def _branches(run: Run, ours: Side, theirs: Side) -> bool:
    """Whether two layers were given one size, and each made another of it: branches whose kernels are not padded alike."""
    ends = ours.hops[-1], theirs.hops[-1]
    given = {tensor.origin for hop in ends for tensor in hop.row.inputs[:1]}
    layers = [run.row(hop.row.owner) for hop in ends if hop.changed]
    kernels = len(layers) == 2 and all(layer is not None and "kernel_size" in layer.args for layer in layers)
    return kernels and ends[0].size_before == ends[1].size_before and len(given) == 1


def _constructed_there(run: Run, found: Cause) -> bool:
    """Whether a size was decided where its model was constructed, and not where a number was written for it."""
    built = run.row(found.side.hops[-1].row.owner)
    sites = len(run.recording.chains[built.chain].sites) if built is not None else 0
    return built is not None and any(run.location(built, step) == found.location for step in range(sites))


def _of_one_batch(found: Cause, other: Cause) -> bool:
    """Whether both sizes came in with the same batch of a loader."""
    ends = [side.hops[-1].row for side in (found.side, other.side) if side.hops]
    return len(ends) == 2 and ends[0].id == ends[1].id and ends[0].kind == "loader"


def _given_to_helper(run: Run, last: Hop) -> Location | None:
    """The call of a plain function that reckoned a size from what it was given: what it was given is another's."""
    call, function = run.helper_call(last.row), (run.location(last.row) or Location("", 0)).function
    outside = last.row.op in FROM_OUTSIDE and not last.row.inputs
    if last.row.op == "getitem" and last.size_before is not None and _told_how_far(run, last.row):
        return call
    if call is None or not (outside or last.row.op in _LIKE):
        return None
    trails = list(whole_trails(run, last.row, last.size_after, last.after))
    if outside:
        reckoned = any(t[-1].kind == "assign" and t[-1].function == function and len(t) > 2 for t in trails)
    else:
        reckoned = any(len(t) == 1 and isinstance(parsed(t[0]), ast.BinOp | ast.Call) for t in trails)
    return call if reckoned else None


def _told_how_far(run: Run, row: Row) -> bool:
    """Whether a helper's slice is as long as its caller said: ``t[..., top : top + size]`` of a crop to ``size``."""
    place, node = run.location(row), parsed_text(run.expression(row))
    function = run.sources[place.file].function_at(place.line) if place is not None else None
    if function is None or not isinstance(node, ast.Subscript):
        return False
    told = {arg.arg for arg in function.args.args[1:]}
    ends = [part.upper for part in ast.walk(node.slice) if isinstance(part, ast.Slice) and part.upper is not None]
    return any(isinstance(name, ast.Name) and name.id in told for end in ends for name in ast.walk(end))


def _told_sizes(run: Run, of: Side) -> Location | None:
    """Where the number is written for which a view of the code laid out the dims that were flattened into a size."""
    for tensor, dim in of.hops[-1].merged:
        hops = follow(run, tensor, dim)
        last = hops[-1] if hops else None
        if last is not None and last.changed and family(last.row.op) == "reshape":
            return written(run, last.row, last.size_after, last.after)
    return None


def _two_models(found: Cause, other: Cause) -> bool:
    """Whether one line made both sizes by calling two layers: which of them is the right one, nobody said."""
    owners = [side.hops[-1].row.owner for side in (found.side, other.side) if side.hops]
    return found.how == "data" and len(owners) == 2 and None not in owners and owners[0] != owners[1]
