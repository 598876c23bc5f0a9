"""A mask that is put together: its causal part is as long as the keys, its padding part is not, or the other way round."""

from __future__ import annotations

import re

from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.mask_fit import BadMask
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import TensorArg

_JOINS = frozenset(
    {"add", "add_", "iadd", "mul", "imul", "minimum", "maximum", "min", "max", "and", "bitwise_and", "logical_and", "or",
     "bitwise_or", "logical_or", "masked_fill", "where"}
)  # fmt: skip
_TRIANGLES = frozenset({"triu", "tril", "triu_", "tril_"})
_NAMED = re.compile(r"(^|[^a-zA-Z])mask", re.IGNORECASE)


def unlike_parts(run: Run) -> BadMask | None:
    """The part of a mask that covers fewer keys than the part it was to be joined with."""
    failed = failed_op(run)
    row, clash = (failed.row, failed.clash) if failed is not None else (None, None)
    if failed is None or row is None or clash is None or clash.kind != "dim" or failed.op not in _JOINS:
        return None
    parts = [tensor for tensor in row.inputs if len(tensor.last) > 1]
    if len(parts) != 2 or parts[0].last[-1] == parts[1].last[-1] or 1 in (parts[0].last[-1], parts[1].last[-1]):
        return None
    causal = [any(step.op in _TRIANGLES for step in ancestors(run, part)) for part in parts]
    if causal.count(True) != 1 or not _of_padding(run, failed, parts[causal.index(False)]):
        return None
    short, whole = sorted(parts, key=lambda part: part.last[-1])
    dim = len(short.last) - 1
    hops = follow(run, short, dim)
    return BadMask(
        row, short, whole.last, dim, whole.last[-1], short.last[-1], _taken_in(run, failed, hops), hops,
        f"it covers {short.last[-1]} positions, and the part that it is joined with, {whole.last[-1]}",
        "Make both parts for all keys, those that are cached among them: (query, key) and (batch, 1, 1, key).",
    )  # fmt: skip


def _of_padding(run: Run, failed: FailedOp, part: TensorArg) -> bool:
    """Whether a part comes from something that is called a mask."""
    texts = [failed.expression(run, part.label), *(run.expression(row) for row in ancestors(run, part))]
    return any(_NAMED.search(text) for text in texts)


def _taken_in(run: Run, failed: FailedOp, hops: list[Hop]) -> Location | None:
    """Where the failing function took the part: its first op there; where it only was handed it, where it was made."""
    assert failed.row is not None
    calls = run.chain(failed.row)[1:]
    here = [hop.row for hop in hops if run.chain(hop.row)[1:] == calls]
    made = here[-1] if here else hops[-1].row if hops else None
    return run.location(made) if made is not None else None
