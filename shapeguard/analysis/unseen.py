"""Inputs of a model that were made where nothing is watched, as a feature extractor makes them: found through the source."""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import Spot, chain_of_frames, climbs
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import is_weight
from shapeguard.analysis.written import parsed
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site


def fitted_another_model(dispute: Dispute) -> Cause | None:
    """Where an input got a size that fitted the model before, and does not fit the one that was built since.

    The new model was built for other inputs on purpose; what makes the inputs did not follow.
    """
    for index, side in enumerate(dispute.both):
        place = _fitted_before(dispute.run, side.size) if not side.hops and not is_weight(side) else None
        if place is not None:
            return dispute.blame(index, place, "here")
    return None


def _fitted_before(run: Run, size: int) -> Location | None:
    call, frame = run.failed_row("forward"), run.user_frame
    before = _same_inputs(run, call) if call is not None else None
    if call is None or frame is None or before is None:
        return None
    labels = {tensor.label for tensor in call.inputs if size in tensor.last and tensor.origin is None}
    value = next((v for v in frame.operands if v.label in labels and v.shape is not None), None)
    if value is None:
        return None
    for trail in climbs(run.sources, chain_of_frames(run, frame), value.expression, value=size):
        made = _maker(run, trail.spots[-1], size)
        if made is not None:
            return made
    return None


def _same_inputs(run: Run, call: Row) -> Row | None:
    """The latest call of the same place that passed, on another model, with inputs of the very same shapes."""
    shapes = [(tensor.label, tensor.last) for tensor in call.inputs]
    for row in reversed(run.rows[: call.id]):
        built = run.row(row.owner)
        another = row.owner != call.owner or (built is not None and built.count > 1)
        if (
            row.kind == "forward"
            and not row.error
            and another
            and [(t.label, t.last) for t in row.inputs] == shapes
            and run.at_one_place(row, call)
        ):
            return row
    return None


def _maker(run: Run, spot: Spot, size: int) -> Location | None:
    """Where the object was made, with this number, whose call made the input: ``Extractor(feature_size=80)``."""
    call = parsed(spot)
    if not isinstance(call, ast.Call) or not spot.line:
        return None
    site = Site(0, spot.file, spot.line, spot.line, function=spot.function)
    for trail in climbs(run.sources, [site], ast.unparse(call.func), whole=True):
        made = trail.spots[-1]
        built = parsed(made)
        if not isinstance(built, ast.Call) or not made.line:
            continue
        there = Site(0, made.file, made.line, made.line, function=made.function)
        for argument in [*built.args, *(keyword.value for keyword in built.keywords)]:
            ends = [found.spots[-1] for found in climbs(run.sources, [there], ast.unparse(argument), value=size)]
            if any(end.node_text == str(size) for end in ends):
                return run.at(made)
    return None
