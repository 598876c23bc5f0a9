"""Which kind of failure it is: one answer for all rules, so that the more general one steps back."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.blame import blamed, settled
from shapeguard.analysis.causes import Cause, cause
from shapeguard.analysis.claimed import claimed
from shapeguard.analysis.dispute import dispute_of
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.frozen import frozen_side
from shapeguard.analysis.run import Run, per_run
from shapeguard.analysis.semantics import Clash, family
from shapeguard.analysis.sides import Side, sides
from shapeguard.values.recording import Row


class Crash(NamedTuple):
    """A failed op with its clash, its family, the suspect, and the side that is frozen, if one is."""

    failed: FailedOp
    clash: Clash
    family: str
    suspect: Cause
    frozen: Side | None


@per_run
def crash_of(run: Run) -> Crash | None:
    """The failure as a clash of sizes in a known op; None where it is none, or a rule about caches, tokens or rows knows more about it."""
    if run.failure is None or run.failed_row("cache", "tokenizer") is not None or claimed(run):
        return None
    failed = failed_op(run)
    if failed is None or failed.clash is None:
        return None
    kind = family(failed.op)
    # What a loss compares place by place belongs together: a size written for one of them is the other's affair, too.
    places = kind == "loss" and (failed.clash.left_dim or 0) > 0
    dispute = dispute_of(run, failed)
    bound = places or settled(dispute)
    return Crash(failed, failed.clash, kind, blamed(run, dispute), None if bound else frozen_side(run, failed))


def causes(run: Run, crash: Crash) -> list[Cause]:
    """Where each of the two sizes was decided."""
    return [cause(run, crash.failed, side) for side in sides(run, crash.failed)]


def lacks_channel(run: Run, crash: Crash) -> bool:
    """Whether a convolution was given rows of images without an axis for their channels: the rows are taken for channels."""
    shapes = dict(crash.failed.call.tensors)
    weight, given = shapes.get("weight", ()), shapes.get("input", ())
    alone = crash.family == "conv" and crash.clash.role == "channel" and len(given) == len(weight) - 1 > 1
    if not alone or crash.clash.kind != "dim":
        return False
    return weight[1] == 1 < given[0] or stacked(run, crash) is not None


def stacked(run: Run, crash: Crash) -> Row | None:
    """The event in which samples were stacked to the rows that a convolution takes for channels."""
    rows = next((side for side in sides(run, crash.failed) if side.label == "input"), None)
    if rows is None or rows.dim != 0 or not rows.hops:
        return None
    born = rows.hops[-1]
    return born.row if born.row.op == "stack" and born.after == 0 else None
