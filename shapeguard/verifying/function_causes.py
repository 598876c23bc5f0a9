"""Why a function's rows differ, as far as other batches of the same rows can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shapeguard.values.findings import Finding, Fix, Severity
from shapeguard.values.verification import Verification
from shapeguard.verifying.outputs import compared, equal
from shapeguard.verifying.reports import finding, rows_told
from shapeguard.verifying.rows import Rows

_MIXING = Fix(
    "Look for a softmax, mean, norm or argmax over dim 0, a size written in the code, and state kept between calls."
)
_PADDING = Fix(
    "Pass a mask that hides the padding, and read the answer where the row ends: for decoders, pad on the left."
)


class Trial(NamedTuple):
    """A function, its rows, and what it gave for all of them."""

    function: Callable[[Any], Any]
    rows: Rows
    batch: Any
    tolerance: float | None

    def agrees(self, batch: Any, alone: Any, row: int) -> bool:
        """Whether a row of a batch as long as this one is what it is alone."""
        return compared(batch, alone, row, self.rows.count, self.tolerance).passed


def cause(trial: Trial, found: Verification) -> tuple[str, list[Finding], list[str]]:
    """The cause in a sentence, the findings, and what kept from looking."""
    failed = [row.row for row in found.failed if not row.rounding]
    if not failed:
        return f"rounding of {found.dtype} alone: in {found.repeated_in} all rows agree", [], []
    try:
        why, findings = _looked_for(trial, failed)
    except Exception as error:  # a function that refuses such a batch
        return "", [], [f"the cause could not be looked for: {type(error).__name__}: {error}"[:200]]
    return why, findings, []


def _looked_for(trial: Trial, failed: Sequence[int]) -> tuple[str, list[Finding]]:
    rows, count = trial.rows, trial.rows.count
    told = rows_told(failed, count)
    if not equal(trial.batch, trial.function(rows.all()), trial.tolerance):
        return "the function gives something else each time it is called", []
    answers = [trial.function(rows.alone(row)) for row in range(count)]
    first = compared(trial.batch, answers[failed[0]], failed[0], count, trial.tolerance)
    if first.misfit:
        return f"the shapes do not fit: {first.remark}", []
    order = [_whose(trial, answers, row) for row in range(count)]
    if sorted(order) == list(range(count)) and order != list(range(count)):
        return f"the rows come back in another order: {', '.join(map(str, order))}", []
    row = failed[0]
    if not trial.agrees(trial.function(rows.take([row] * count)), answers[row], 0):
        why = "a row changes with the number of rows, even where all are the same"
        return why, [finding("SG509", Severity.WARNING, f"{told}: {why}.", fix=_MIXING)]
    longest = rows.longest()
    if longest is not None and set(failed) == set(range(count)) - longest:
        why = "each row that is shorter than the longest differs: the padding reaches the answer"
        return why, [finding("SG103", Severity.WARNING, f"{told}: {why}.", fix=_PADDING)]
    why = "a row changes with what the other rows are"
    return why, [finding("SG509", Severity.WARNING, f"{told}: {why}.", fix=_MIXING)]


def _whose(trial: Trial, answers: Sequence[Any], row: int) -> int:
    """The row whose answer alone stands at this place of the batch; -1 where none does."""
    same = [other for other, answer in enumerate(answers) if trial.agrees(trial.batch, answer, row)]
    return row if row in same else next(iter(same), -1)
