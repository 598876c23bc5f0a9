"""Layers that were built for one of the tensors which their module joins before it: the other was not counted in."""

from __future__ import annotations

from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


def one_part(run: Run, of: Side, layer: Row, both: list[Side]) -> Location | None:
    """Where a module builds such a layer, if it joins the parts itself in the method that failed."""
    frame = run.user_frame
    other = next((side for side in both if side.label != of.label and side.hops), None)
    joined = other.hops[-1] if other is not None else None
    place = run.location(joined.row) if joined is not None else None
    if frame is None or joined is None or place is None or joined.row.kind != "concat" or joined.row.op == "stack":
        return None
    parts = [tensor.last[joined.after] for tensor in joined.row.inputs if joined.after < len(tensor.last)]
    owner = frame.function.rpartition(".")[0]
    if (
        place.function != frame.function
        or not owner
        or len(parts) < 2
        or len(set(parts)) != len(parts)
        or of.size not in parts
    ):
        return None
    sites = [site.function for site in run.chain(layer)]
    return run.location(layer, sites.index(f"{owner}.__init__")) if f"{owner}.__init__" in sites else None
