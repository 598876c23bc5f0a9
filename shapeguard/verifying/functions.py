"""Any function that takes a batch: what it gives for all rows against what it gives for each alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import nn

from shapeguard.values.findings import Report
from shapeguard.values.verification import Verification, VerifiedRow
from shapeguard.verifying.compare import Tolerance, name
from shapeguard.verifying.function_causes import Trial, cause
from shapeguard.verifying.outputs import Compared, compared, leaves
from shapeguard.verifying.reports import ROWS_DO_NOT, crashed, report_of
from shapeguard.verifying.rows import Rows
from shapeguard.verifying.untouched import untouched
from shapeguard.verifying.wider import WIDER, Widened, widened


def verify_function(function: Callable[[Any], Any], rows: Any, tolerance: float | None) -> Report:
    """See :func:`shapeguard.verify`."""
    given = Rows(rows)
    title = getattr(function, "__name__", type(function).__name__)
    module = function if isinstance(function, nn.Module) else getattr(function, "__self__", None)
    with untouched(module):
        try:
            batch = function(given.all())
        except Exception as error:
            return crashed(title, error, lambda: function(given.all()), _raised(function, given))
        trial = Trial(function, given, batch, tolerance)
        dtypes = {leaf.dtype for leaf in leaves(batch) if isinstance(leaf, torch.Tensor)}
        found = [_row(trial, row) for row in range(given.count)]
        wider = "" if all(row.passed for row in found) else _repeat(trial, dtypes, found)
        verification = Verification(
            what=title,
            passed=all(row.passed for row in found),
            rows=tuple(found),
            dtype=", ".join(sorted(map(name, dtypes))),
            repeated_in=wider,
            tolerance="; ".join(sorted(Tolerance(dtype, fixed=tolerance, final=True).told("value") for dtype in dtypes))
            or "0",
        )
        if verification.passed:
            return report_of(verification)
        why, findings, notes = cause(trial, verification)
        return report_of(msgspec.structs.replace(verification, cause=why), findings, notes)


def _raised(function: Callable[[Any], Any], given: Rows) -> str:
    """What a batch that raised says of its rows: a function may take no batch of this kind at all."""
    try:
        function(given.alone(0))
    except Exception:
        return "the function raises for a row alone as for the batch: is it given what it takes?"
    return ROWS_DO_NOT


def _row(trial: Trial, row: int) -> VerifiedRow:
    try:
        found = compared(trial.batch, trial.function(trial.rows.alone(row)), row, trial.rows.count, trial.tolerance)
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        found = Compared(False, None, 0.0, remark=f"alone it raises {type(error).__name__}: {said}"[:160])
    return VerifiedRow(
        row=row,
        passed=found.passed,
        differences=(found.difference,),
        tolerance=found.tolerance,
        first_other=found.first_other,
        expected=found.expected,
        got=found.got,
        remark=found.remark,
    )


def _repeat(trial: Trial, dtypes: set[torch.dtype], found: list[VerifiedRow]) -> str:
    """Rows that differ once more in a wider dtype, where function and rows can be brought to one; its name, else ""."""
    narrow = {dtype for dtype in dtypes if dtype in WIDER}
    if not narrow:
        return ""
    wide = WIDER[max(narrow, key=lambda dtype: torch.finfo(dtype).eps)]
    function = trial.function
    try:
        if isinstance(function, nn.Module):
            subject = widened(function, max(narrow, key=lambda dtype: torch.finfo(dtype).eps))
            if not subject.copied:
                return ""
            function = subject.model
        rows = trial.rows.to(wide)
        with Widened(wide):
            batch = function(rows.all())
            if any(isinstance(leaf, torch.Tensor) and leaf.dtype in narrow for leaf in leaves(batch)):
                return ""  # something in it stayed narrow, and rounds as before
            for at, row in enumerate(found):
                again = compared(batch, function(rows.alone(row.row)), row.row, rows.count, None)
                rounding = again.passed and not row.passed
                found[at] = msgspec.structs.replace(
                    row,
                    passed=row.passed or (rounding and trial.tolerance is None),
                    repeated=(again.difference,),
                    repeated_tolerance=again.tolerance,
                    rounding=rounding,
                    remark="rounding beyond the tolerance" if rounding else row.remark,
                )
    except Exception:  # weights in a closure, another device's dtypes: it cannot be told from here
        return ""
    return name(wide)
