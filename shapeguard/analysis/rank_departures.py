"""Where an operand has another number of dims than when the line last passed, and what was done to it that was not done then."""

from __future__ import annotations

from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.lineage import MAX_STEPS
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.ranks import changes_rank
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


def rank_departed(run: Run, failed: Row) -> Location | None:
    """The event that changed the rank of an operand which came another way than in the pass before, or the call that it came by."""
    earlier = passed_before(run, failed)
    before = {tensor.label: tensor for tensor in earlier.inputs} if earlier is not None else {}
    for tensor in failed.inputs:
        passed = before.get(tensor.label)
        if earlier is None or passed is None or len(passed.last) == len(tensor.last):
            continue
        ours, theirs = _way(run, failed, tensor.origin), _way(run, earlier, passed.origin)
        common = 1  # the failing line itself
        while common < min(len(ours), len(theirs)) and _is_same(run, ours[common], theirs[common]):
            common += 1
        changed = next((row for row in ours[common:] if changes_rank(row)), None)
        if changed is not None:
            return run.location(changed)
        return callers_part(run, ours[common - 1], theirs[common - 1])
    return None


def _way(run: Run, end: Row, origin: int | None) -> list[Row]:
    """The events behind an operand by first operands, newest first, the one it went into at the front."""
    way, seen, row = [end], {end.id}, run.row(origin)
    while row is not None and row.id not in seen and len(way) < MAX_STEPS:
        way.append(row)
        seen.add(row.id)
        row = run.row(row.inputs[0].origin) if row.inputs else None
    return way


def _is_same(run: Run, one: Row, other: Row) -> bool:
    return one.op == other.op and run.at_one_place(one, other)
