"""Parameters of one model that are written to from another's, entry by entry: ``param.data += delta[name]``.

It is ``load_state_dict`` by hand: the model that is written to was not built, or grown, to the sizes of the other.
"""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import chain_of_frames, climbs
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import parsed
from shapeguard.values.findings import Location

_ENTRIES = frozenset({"state_dict", "named_parameters", "parameters", "named_buffers"})


def written_into(dispute: Dispute) -> Cause | None:
    """Where the model was made whose entries were written to, with those of another."""
    frame, run = dispute.run.user_frame, dispute.run
    labels = [side.label for side in dispute.both]
    if frame is None or not dispute.failed.op.endswith("_") or "input" not in labels:
        return None
    owners = [_owner(run, _operand(run, label) or dispute.failed.expression(run, label)) for label in labels]
    index = labels.index("input")
    own = owners[index]
    if own is None or owners[1 - index] is None or ast.unparse(own) == ast.unparse(owners[1 - index] or own):
        return None
    place = _made(run, own)
    return dispute.blame(index, place, "built") if place is not None else None


def _operand(run: Run, label: str) -> str:
    """The target of the failing augmented assignment, which has no expression of its own."""
    frame = run.user_frame
    statement = run.sources[frame.file].statement(frame.line) if frame is not None else None
    return ast.unparse(statement.target) if label == "input" and isinstance(statement, ast.AugAssign) else ""


def _owner(run: Run, text: str) -> ast.expr | None:
    """The model of whose entries an expression is one."""
    frame = run.user_frame
    for trail in climbs(run.sources, chain_of_frames(run, frame), text) if frame is not None and text else ():
        for spot in trail.spots:
            for part in ast.walk(parsed(spot) or ast.Pass()):
                match part:
                    case ast.Call(func=ast.Attribute(value=model, attr=name)) if name in _ENTRIES:
                        return model
    return None


def _made(run: Run, model: ast.expr) -> Location | None:
    """Where the failing function, or who called it, made a model."""
    frame = run.user_frame
    trails = climbs(run.sources, chain_of_frames(run, frame), model, whole=True) if frame is not None else []
    for spot in trails[0].spots if trails else ():
        if spot.kind in ("assign", "attribute", "entry") and isinstance(parsed(spot), ast.Call) and spot.line:
            return run.at(spot)
    return None
