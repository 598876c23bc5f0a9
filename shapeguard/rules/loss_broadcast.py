"""Losses that compared everything with everything: prediction and target broadcast to more than either of them."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop, follow, steps
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import written
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import Shape, format_shape, numel

_PAIRED = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div", "binary_cross_entropy",
                     "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss", "KLDivLoss"})  # fmt: skip


def broadcast_losses(run: Run, code: str, name: str) -> Iterator[Finding]:
    """Findings for elementwise losses that ran, and whose two operands became larger together than each was."""
    told: set[tuple[str, int]] = set()
    for row in run.of_kind("op", "module"):
        if row.op not in _PAIRED or row.error or len(row.inputs) < 2:
            continue
        prediction, target = row.inputs[:2]
        joint = _broadcast(prediction.last, target.last)
        location = run.location(row)
        if (
            location is None
            or joint is None
            or prediction.last == target.last
            or numel(joint) == min(numel(prediction.last), numel(target.last))
            or not (
                joint not in (prediction.last, target.last)
                or _repeated_dim(prediction.last, target.last) is not None
                or _one_for_all(prediction.last, target.last)
            )
            or (location.file, location.line) in told
        ):
            continue
        told.add((location.file, location.line))
        yield _finding(run, row, location, joint, code, name)


def _repeated_dim(left: Shape, right: Shape) -> int | None:
    """The one dim, other than the rows, in which one side has a single value and the other several: (N, 1) against (N, 4)."""
    if len(left) != len(right) or len(left) < 2 or left[0] != right[0] or left[0] < 2:
        return None
    differ = [dim for dim, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1]]
    return differ[0] if len(differ) == 1 and 1 in (left[differ[0]], right[differ[0]]) else None


def _one_for_all(left: Shape, right: Shape) -> bool:
    """Whether one row is held against all rows: (1, classes) against (N, classes)."""
    same = len(left) == len(right) > 1 and left[1:] == right[1:]
    return same and 1 in (left[0], right[0]) and left[0] != right[0]


def _broadcast(left: Shape, right: Shape) -> Shape | None:
    """The common shape of two; None where they have none."""
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    sizes = [(max(a, b) if 1 in (a, b) or a == b else None) for a, b in pairs]
    return None if None in sizes else tuple(size for size in sizes if size is not None)


def _finding(run: Run, row: Row, location: Location, joint: Shape, code: str, name: str) -> Finding:
    prediction, target = row.inputs[:2]
    if _one_for_all(prediction.last, target.last):
        return _single_row(run, row, location, code, name)
    dim = _repeated_dim(prediction.last, target.last)
    if dim is not None and joint in (prediction.last, target.last):
        return _repeated(run, row, location, dim, code, name)
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"`{row.op}` compares {format_shape(prediction.last)} with {format_shape(target.last)}: both are repeated to "
        f"{format_shape(joint)}, every prediction against every target.",
        location=location,
        operands=(run.tensor(prediction), run.tensor(target)),
        mismatch=_met(prediction.last, target.last),
        fix=Fix("Give prediction and target one shape: squeeze the prediction's last dim, or unsqueeze the target."),
    )


def _met(left: Shape, right: Shape) -> Mismatch:
    """The two sizes, aligned from the right, of which one is repeated to the other."""
    pairs = [
        (back, a, b) for back, (a, b) in enumerate(zip(reversed(left), reversed(right), strict=False), 1) if a != b
    ]
    if not pairs:
        return Mismatch("rank", (len(left), len(right)))
    back, one, other = pairs[0]
    return Mismatch("dim", (one, other), max(len(left), len(right)) - back)


def _single_row(run: Run, row: Row, location: Location, code: str, name: str) -> Finding:
    """One row against all: told where a view folded the rows of the batch into one, if one did."""
    prediction, target = row.inputs[:2]
    single = min(prediction, target, key=lambda tensor: tensor.last[0])
    folded = next((made for made in ancestors(run, single) if made.op in ("view", "reshape") and _folds(made)), None)
    return Finding(
        code,
        name,
        Severity.WARNING,
        f"`{row.op}` compares {format_shape(prediction.last)} with {format_shape(target.last)}: one row is held against all "
        f"{max(prediction.last[0], target.last[0])}."
        + (" A view folded the rows of the batch into one." if folded is not None else ""),
        location=(run.location(folded) if folded is not None else None) or location,
        operands=(run.tensor(prediction), run.tensor(target)),
        mismatch=Mismatch("dim", (prediction.last[0], target.last[0]), 0),
        fix=Fix("Keep the batch in front: `x.flatten(1)` in place of a view with a size that holds the whole batch."),
    )


def _folds(row: Row) -> bool:
    before, after = row.inputs[0].last if row.inputs else (), row.outputs[0].last if row.outputs else ()
    return len(before) > 2 and before[0] > 1 and len(after) == 2 and after[0] == 1


def _repeated(run: Run, row: Row, location: Location, dim: int, code: str, name: str) -> Finding:
    """One value a row against several: torch itself warns of it; told at the line where the several came in."""
    prediction, target = row.inputs[:2]
    last = dim == len(prediction.last) - 1
    wide = max(prediction, target, key=lambda tensor: tensor.last[dim])
    size = wide.last[dim]
    hops = follow(run, wide, dim)
    grown = next((hop for hop in reversed(hops) if _met_a_single(hop)), None)
    stated = written(run, hops[-1].row, size, hops[-1].after) if hops and hops[-1].row.kind == "op" else None
    return Finding(
        code,
        name,
        Severity.WARNING,
        f"`{row.op}` compares {format_shape(prediction.last)} with {format_shape(target.last)}: the "
        + ("one value of each row" if last else f"single entry in dim {dim}")
        + f" is repeated {size} times.",
        location=((run.location(grown.row) if grown is not None else None) or stated or location) if last else location,
        operands=(run.tensor(prediction), run.tensor(target)),
        mismatch=Mismatch("dim", (prediction.last[dim], target.last[dim]), dim),
        lineage=steps(run, hops),
        fix=Fix(
            "Give both one value a row (sum or mean over the last dim where it was made), or predict as many as there are targets."
            if last
            else f"Predict as many in dim {dim} as the target has."
        ),
    )


def _met_a_single(hop: Hop) -> bool:
    """Whether an event broadcast a column, one value a row, to the size that is followed."""
    columns = [tensor for tensor in hop.row.inputs if len(tensor.last) == 2 and tensor.last[1] == 1]
    return bool(columns) and hop.size_after > 1
