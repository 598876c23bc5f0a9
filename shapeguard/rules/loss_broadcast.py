"""Losses that compared everything with everything: prediction and target broadcast to more than either of them."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import Shape, format_shape

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
            or joint in (prediction.last, target.last)
            or (location.file, location.line) in told
        ):
            continue
        told.add((location.file, location.line))
        yield _finding(run, row, location, joint, code, name)


def _broadcast(left: Shape, right: Shape) -> Shape | None:
    """The common shape of two; None where they have none."""
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    sizes = [(max(a, b) if 1 in (a, b) or a == b else None) for a, b in pairs]
    return None if None in sizes else tuple(size for size in sizes if size is not None)


def _finding(run: Run, row: Row, location: Location, joint: Shape, code: str, name: str) -> Finding:
    prediction, target = row.inputs[:2]
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"`{row.op}` compares {format_shape(prediction.last)} with {format_shape(target.last)}: both are repeated to "
        f"{format_shape(joint)}, every prediction against every target.",
        location=location,
        operands=(run.tensor(prediction), run.tensor(target)),
        mismatch=Mismatch("rank", (len(prediction.last), len(target.last))),
        fix=Fix("Give prediction and target one shape: squeeze the prediction's last dim, or unsqueeze the target."),
    )
