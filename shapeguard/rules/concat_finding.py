"""What the findings about concatenation share."""

from __future__ import annotations

from shapeguard.analysis.concat import FailedConcat, Odd
from shapeguard.analysis.lineage import birth, steps
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Severity


def concat_finding(
    run: Run, concat: FailedConcat, code: str, name: str, message: str, odd: Odd | None, fix: Fix
) -> Finding:
    """A finding at the line where the odd operand's size was made, else at the concatenation itself."""
    hops = odd.hops if odd is not None else []
    change = birth(hops)
    born = run.location(change.row) if change is not None and change.size_before is not None else None
    frame = run.user_frame
    here = run.statement_of(frame) if frame is not None else None
    return Finding(
        code,
        name,
        Severity.ERROR,
        message,
        location=born or here,
        failed_at=run.failed_at,
        operands=concat.failed.views(run),
        mismatch=concat.failed.mismatch(),
        lineage=steps(run, hops),
        fix=fix,
    )
