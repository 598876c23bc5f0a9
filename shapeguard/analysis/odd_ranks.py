"""Where an operand that has too few or too many dims for an op was made, or handed on as it is."""

from __future__ import annotations

from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.ranks import handed_in, rank_changes
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import TensorArg


def of_no_entries(run: Run, crash: Crash) -> Location | None:
    """Where a tensor was made of an empty list: it has one dim, whatever its entries would have had."""
    for label in (crash.clash.right, crash.clash.left):
        value = crash.failed.operands.get(label)
        for row in ancestors(run, value) if value is not None else ():
            if row.op in FROM_OUTSIDE and not row.inputs and row.outputs and row.outputs[0].last == (0,):
                return run.location(row)
    return None


def deepened(run: Run, crash: Crash) -> Location | None:
    """Where a recurrent layer's state was given a dim too many, was made without its axis of layers, or alone where a pair is wanted."""
    if crash.family == "rnn" and crash.clash.left == "hx":
        return run.birth(crash.failed.operands["hx"].origin)
    value = crash.failed.operands.get(crash.clash.right) if crash.family == "rnn" else None
    changed = rank_changes(run, value) if value is not None else []
    deeper = (hop.row for hop in changed if (hop.size_before or 0) < hop.size_after)
    place = next((place for row in deeper if (place := run.location(row)) is not None), None)
    return place or (run.birth(value.origin) if value is not None else None)


def looked_up_for_all(run: Run, crash: Crash) -> Location | None:
    """Where a label for each row was looked up in every row, ``scores[:, labels]``: a table of pairs, where one value a row belongs."""
    for label in (crash.clash.left, crash.clash.right):
        value = crash.failed.operands.get(label)
        row = run.row(value.origin) if value is not None else None
        if row is None or row.op != "getitem" or row.args.get("index") != [":", "tensor"] or len(row.inputs) < 2:
            continue
        if row.inputs[0].last[:1] == row.inputs[1].last and row.outputs[0].last == row.inputs[1].last * 2:
            return run.location(row)
    return None


def bare_index(crash: Crash) -> bool:
    """Whether a lookup was given one index a row without an axis for it: it is given that axis where it looks up."""
    shapes = dict(crash.failed.call.tensors)
    given, index = shapes.get(crash.clash.left, ()), shapes.get(crash.clash.right, ())
    return crash.family == "index" and len(given) == len(index) + 1 and given[: len(index)] == index


def handed_as_it_is(run: Run, crash: Crash) -> Location | None:
    """The call of the user's own function that was given the operand as it is."""
    frame = run.user_frame
    value = crash.failed.operands.get(crash.clash.right) or crash.failed.operands.get(crash.clash.left)
    shape = value.last if isinstance(value, TensorArg) else value.shape if value is not None else None
    named = next((v for v in frame.operands if v.shape == shape), None) if frame is not None and shape else None
    if named is None and frame is not None and run.inner_frame is not frame:  # in a layer of a container
        alike = [v for v in frame.operands if v.shape is not None and len(v.shape) == len(shape or ()) and v.origin]
        named = alike[0] if len(alike) == 1 else None
    return handed_in(run, frame, named.expression) if frame is not None and named is not None else None
