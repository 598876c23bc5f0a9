"""Where a tensor got or lost a dimension."""

from __future__ import annotations

from shapeguard.analysis.lineage import MAX_STEPS, Hop
from shapeguard.analysis.run import Run
from shapeguard.values.recording import NamedValue, TensorArg

# Ops that change the number of dims by what they are told, rather than computing something new.
_CHANGERS = frozenset(
    {"squeeze", "squeeze_", "unsqueeze", "unsqueeze_", "getitem", "select", "flatten", "view", "reshape", "unbind", "argmax",
     "argmin", "sum", "mean", "max", "min", "amax", "amin", "any", "all", "prod", "norm", "diagonal", "chunk", "stack"}
)  # fmt: skip


def rank_changes(run: Run, tensor: TensorArg | NamedValue) -> list[Hop]:
    """The events behind a tensor, newest first, up to the first that changed its number of dims; none where none did."""
    origin = tensor.origin
    hops: list[Hop] = []
    while origin is not None and len(hops) < MAX_STEPS:
        row = run.row(origin)
        if row is None or not row.inputs or not row.outputs:
            return []
        source, after = row.inputs[0], row.outputs[0].last
        if row.op in _CHANGERS and len(source.last) != len(after):
            hops.append(Hop(row, source, None, 0, len(source.last), len(after)))
            return hops
        if len(source.last) != len(after):
            return []
        hops.append(Hop(row, source, None, 0, len(after), len(after)))
        origin = source.origin
    return []
