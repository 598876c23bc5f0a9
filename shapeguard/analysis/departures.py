"""What departs from the rest of the run: the side that was another when this very place, or this very layer, last passed."""

from __future__ import annotations

from shapeguard.analysis.causes import REPEATING, Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import past
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.parting import callers_part, made_apart, whole_way
from shapeguard.analysis.run import Run, calls_in_common, per_run
from shapeguard.analysis.sides import Side, is_weight
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg


def departed(run: Run, failed: FailedOp, both: list[Side]) -> int | None:
    """Index of the one side whose size is another than when this place last passed; None where that does not decide."""
    if failed.row is None or failed.row.kind == "module":
        return _departed_input(run, both)
    earlier = passed_before(run, failed.row)
    if earlier is None:
        return None
    shapes = {tensor.label: tensor.last for tensor in earlier.inputs}
    sizes = failed.clash.sizes if failed.clash is not None else ()
    odd = []
    for index, (of, size) in enumerate(zip(both, sizes, strict=True)):
        before = shapes.get(of.label)
        if (
            before is not None
            and of.dim is not None
            and -len(before) <= of.dim < len(before)
            and before[of.dim] != size
        ):
            odd.append(index)
    return odd[0] if len(odd) == 1 else None


def made_elsewhere(run: Run, failed: FailedOp, label: str) -> bool:
    """Whether an operand was made by another line than the one that this place was given when it last passed."""
    earlier = passed_before(run, failed.row) if failed.row is not None else None
    before = next((tensor for tensor in earlier.inputs if tensor.label == label), None) if earlier is not None else None
    value = failed.operands.get(label)
    ours, theirs = (run.row(of.origin) if of is not None else None for of in (value, before))
    tables = ours is not None and ours.kind == "op" and theirs is not None
    return tables and ours is not None and theirs is not None and run.location(ours) != run.location(theirs)


def _departed_input(run: Run, both: list[Side]) -> int | None:
    """The input of a layer that was called before and passed: its weights are what they were."""
    calls = [row for row in run.failed_rows if row.kind in ("module", "forward")]
    weights = [is_weight(of) for of in both]
    if weights.count(True) != 1 or not calls:
        return None
    before = passed_before(run, calls[-1])
    same = before is not None and [t.last for t in before.inputs] == [t.last for t in calls[-1].inputs]
    return None if before is None or same or _rebuilt(run) else weights.index(False)


def _rebuilt(run: Run) -> bool:
    """Whether the model that failed is another one than passed here, built by the same line with other arguments."""
    owners = {frame.owner for frame in run.frames if frame.user and frame.owner is not None}
    built = [row for number in owners if (row := run.row(number)) is not None and row.kind == "construct"]
    others = [row for row in run.of_kind("construct") if row.id not in owners]
    return any(
        run.at_one_place(row, other) and row.op == other.op and row.args != other.args
        for row in built
        for other in others
    )


def handed_wrongly(dispute: Dispute) -> Cause | None:
    """The call that handed on what does not fit, where other calls of the same layer, or function, were given what does."""
    call = called_rightly_elsewhere(dispute.run) or given_unpaired(dispute.run, dispute.failed)
    weights = [is_weight(side) for side in dispute.both]
    return dispute.blame(int(weights[0]), call, "here") if call is not None and not all(weights[:2]) else None


def called_rightly_elsewhere(run: Run) -> Location | None:
    """The call of a layer that failed, where another line called the same layer and passed: it was handed something else."""
    calls = [row for row in run.failed_rows if row.kind == "module" and row.owner is not None and row.inputs]
    if not calls:
        return None
    failed = calls[-1]
    layer = (failed.owner, failed.op, failed.module)
    for row in run.rows[: failed.id]:
        same = row.kind == "module" and not row.error and (row.owner, row.op, row.module) == layer
        other = same and row.inputs and row.inputs[0].last[1:] != failed.inputs[0].last[1:]
        if other and run.at_one_place(row, failed) and (apart := made_apart(run, failed, row)) is not None:
            return apart
        if other and not run.at_one_place(row, failed):
            return run.location(failed)
    return None


def given_unpaired(run: Run, failed: FailedOp) -> Location | None:
    """The call of a model, or a function, that was given two sizes where its other calls gave it one: it takes pairs."""
    row, clash = failed.row, failed.clash
    if row is None or clash is None or clash.left_dim is None or clash.right_dim is None:
        return None
    earlier = passed_before(run, row)
    shapes = {tensor.label: tensor.last for tensor in earlier.inputs} if earlier is not None else {}
    left, right = shapes.get(clash.left, ()), shapes.get(clash.right, ())
    if earlier is None or clash.left_dim >= len(left) or clash.right_dim >= len(right):
        return None
    before = {left[clash.left_dim], right[clash.right_dim]}
    if len(before) > 1 or before & set(clash.sizes) or 1 in before:
        return None
    ours, theirs = callers_part(run, row, earlier), callers_part(run, earlier, row)
    return ours if ours is not None and theirs is not None and ours.function != theirs.function else None


@per_run
def unbatched_call(run: Run) -> tuple[Row, Location] | None:
    """(failed layer, call) of a model that was given one sample where its other calls gave it a batch of them."""
    calls = [row for row in run.failed_rows if row.kind == "module" and row.owner is not None and row.inputs]
    for failed in reversed(calls):
        given = failed.inputs[0].last
        sites = run.recording.chains[failed.chain].sites
        for row in run.rows[: failed.id]:
            same = row.kind == "module" and not row.error and (row.owner, row.op) == (failed.owner, failed.op)
            theirs = run.recording.chains[row.chain].sites
            if same and row.inputs and row.inputs[0].last[1:] == given and theirs != sites and len(given) > 1:
                step = next((i for i, (a, b) in enumerate(zip(sites, theirs, strict=False)) if a != b), 0)
                place = run.location(failed, step)
                return (failed, place) if place is not None else None
    return None


def passed_before(run: Run, row: Row) -> Row | None:
    """The latest row of the same op, of the same layer where it is one's, at the same place that did not fail."""
    for other in reversed(run.rows):
        same = other.id != row.id and other.op == row.op and not other.error and other.first_at < row.first_at
        same = same and (other.owner, other.module) == (row.owner, row.module)
        if same and run.at_one_place(other, row):
            return other
    return None


def came_in_another_size(dispute: Dispute) -> Cause | None:
    """Where a sample was made that is longer or shorter than those before it, where all its places are flattened before a layer.

    The layer's width stands for the places of those that passed; the line that flattens only counts them.
    """
    run, layer = dispute.run, dispute.failed.row
    earlier = passed_before(run, layer) if layer is not None and layer.kind == "module" else None
    for index, side in enumerate(dispute.both):
        flat = side.hops[0].row if side.hops and len(side.hops[0].merged) > 1 else None
        if earlier is None or flat is None or not is_weight(dispute.both[1 - index]) or not flat.inputs:
            continue
        before = next((row for row in (run.row(tensor.origin) for tensor in earlier.inputs) if row is not None), None)
        if before is None or not run.at_one_place(before, flat) or not before.inputs:
            continue
        ours, theirs = flat.inputs[0].last, before.inputs[0].last
        if len(ours) == len(theirs) > 2 and ours[:2] == theirs[:2] and ours[2:] != theirs[2:]:
            place = _sample_made(run, flat.inputs[0])
            return dispute.blame(index, place, "data") if place is not None else None
    return None


def _sample_made(run: Run, tensor: TensorArg) -> Location | None:
    """The last line that made a sample which a loader put into a batch of one size, or that made what went into the layers."""
    row = past(
        run, tensor.origin, lambda made: made.kind in ("module", "op") and len(made.inputs) == 1 and _is_layers(made)
    )
    if row is None:
        return None
    sample = run.row(row.inputs[0].origin) if row.kind == "concat" and row.op == "stack" and row.inputs else row
    return run.location(sample) if sample is not None else None


def _is_layers(row: Row) -> bool:
    """Whether an event takes maps (batch, channels, places) and makes maps of them."""
    return len(row.outputs) == 1 and len(row.outputs[0].last) == len(row.inputs[0].last) > 2 and row.op != "getitem"


def counted_by_the_data(dispute: Dispute) -> Cause | None:
    """Where classes were made columns without saying how many there are, and other data has had as many as are wanted."""
    for index, side in enumerate(dispute.both):
        weight = dispute.both[1 - index]
        place = _uncounted_classes(dispute.run, side, weight.size) if is_weight(weight) else None
        if place is not None:
            return dispute.blame(index, place, "changed")
    return None


def _uncounted_classes(run: Run, side: Side, wanted: int) -> Location | None:
    joined = side.hops[-1] if side.hops else None
    parts = joined.row.inputs if joined is not None and joined.row.kind == "concat" else ()
    for part in parts:
        dim = len(part.last) - 1
        for hop in follow(run, part, dim) if dim > 0 else []:
            told = [number for number in hop.row.args.values() if type(number) is int and number > 0]
            if hop.row.op != "one_hot" or told:
                continue
            others = (row.outputs[0] for row in run.rows if run.at_one_place(row, hop.row) and row.outputs)
            missing = wanted - side.size + hop.size_after
            if any(missing in (other.first[-1], other.last[-1]) for other in others):
                return run.location(hop.row)
    return None


def called_otherwise(dispute: Dispute) -> Cause | None:
    """The call that handed on two tensors of different sizes, where another call handed on two of one."""
    run, row = dispute.run, dispute.failed.row
    earlier, index = _one_departed(dispute)
    if row is None or earlier is None or index is None or dispute.causes[index].how != "data":
        return None
    ours, theirs = callers_part(run, row, earlier), callers_part(run, earlier, row)
    born = dispute.both[index].hops[-1].row
    if ours is None or theirs is None or ours == theirs:
        return None
    within = any(run.location(born, step) == ours for step in range(len(run.chain(born))))
    return None if within else dispute.blame(index, ours, "here")


def brought_apart(dispute: Dispute) -> Cause | None:
    """The line that made of other data what departs, in the function that had one helper make both of what it was given."""
    run = dispute.run
    earlier, index = _one_departed(dispute)
    ends = [side.hops[-1].row if side.hops else None for side in dispute.both[:2]]
    if earlier is None or index is None or any(found.how in ("built", "counted") for found in dispute.causes):
        return None
    born, other = ends[index], ends[1 - index]
    if born is None or other is None:
        return None
    sites = [[site.id for site in run.chain(row)] for row in (born, other)]
    common = calls_in_common(*sites)
    if not common or min(map(len, sites)) <= common:
        return None
    ours, theirs = (run.location(row, len(at) - common - 1) for row, at in zip((born, other), sites, strict=True))
    if ours is None or theirs is None or ours == theirs or ours.function != theirs.function:
        return None
    if not run.at_one_place(born, other) and not all(
        _in_helper(run, row, at, common) for row, at in zip((born, other), sites, strict=True)
    ):
        return None
    handed = any(frame.user and frame.function == ours.function for frame in run.frames[:-1])
    return dispute.blame(index, ours, "data") if handed and born.first_at > earlier.first_at else None


def not_repeated(dispute: Dispute) -> Cause | None:
    """The side that was not repeated with the other one: each time as often as asked for, which was once when this place last passed."""
    earlier, index = _one_departed(dispute)
    if earlier is None or index is None:
        return None
    side, other = dispute.both[index], dispute.both[1 - index]
    times = side.size // other.size if other.size and side.size % other.size == 0 else 1
    for hop in whole_way(dispute.run, side) if times > 1 else ():
        if hop.row.op in REPEATING and hop.size_before and hop.size_after == times * hop.size_before:
            return dispute.blame(1 - index)
    return None


def _in_helper(run: Run, row: Row, sites: list[int], common: int) -> bool:
    """Whether a row was made right in a plain function that the common caller called."""
    return len(sites) == common + 2 and run.chain(row)[0].function.isidentifier()


def _one_departed(dispute: Dispute) -> tuple[Row | None, int | None]:
    """(row, side): when the place of the failed op last passed, with both sizes one, and the side whose size is another now."""
    run, failed = dispute.run, dispute.failed
    earlier = passed_before(run, failed.row) if failed.row is not None else None
    shapes = {tensor.label: tensor.last for tensor in earlier.inputs} if earlier is not None else {}
    before = [
        shapes[side.label][side.dim]
        for side in dispute.both
        if side.label in shapes and side.dim is not None and side.dim < len(shapes[side.label]) and side.hops
    ]
    if earlier is None or len(before) != 2 or len(dispute.both) != 2 or before[0] != before[1]:
        return None, None
    return earlier, departed(run, failed, dispute.both)
