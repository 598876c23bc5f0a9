"""Reports of verifications: findings by their rule's code, and those that end before there is a row to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from shapeguard.capture.environment import environment
from shapeguard.values.findings import ExceptionInfo, Finding, Fix, OperandView, Report, RunInfo, Severity
from shapeguard.values.verification import Verification


def report_of(verification: Verification, findings: Sequence[Finding] = (), notes: Sequence[str] = ()) -> Report:
    """The report of a verification that came to its end."""
    return Report(
        outcome="completed",
        environment=environment(),
        findings=tuple(findings),
        run=RunInfo(argv=("verify", verification.what), level="verify", notes=tuple(notes)),
        verification=verification,
    )


def finding(
    code: str, severity: Severity, message: str, operands: tuple[OperandView, ...] = (), fix: Fix | None = None
) -> Finding:
    """A finding of a rule, under the name that the rule has."""
    from shapeguard.rules import by_code

    rule = by_code(code)
    return Finding(code, rule.name if rule is not None else "", severity, message, operands=operands, fix=fix)


def rows_told(rows: Sequence[int], count: int) -> str:
    """``Row 1 of 3 (counted from 0) is not in the batch what it is alone``."""
    named = ", ".join(map(str, rows[:12])) + (", …" if len(rows) > 12 else "")
    subject, rest = (
        ("Row", "is not in the batch what it is alone"),
        ("Rows", "are not in the batch what they are alone"),
    )
    word, said = subject if len(rows) == 1 else rest
    return f"{word} {named} of {count} (counted from 0) {said}"


def no_pad_token(what: str, error: Exception) -> Report:
    """The tokenizer cannot make a batch at all."""
    message = "The prompts make no batch: the tokenizer has no pad token."
    fix = Fix(
        "Set a pad token that the model has a row for: `--pad-token` on the command line, in a script such as "
        "`tokenizer.pad_token = tokenizer.eos_token`, and pass the mask on."
    )
    report = report_of(
        Verification(what, passed=False, cause="the tokenizer has no pad token"),
        [finding("SG102", Severity.ERROR, message, fix=fix)],
    )
    return msgspec.structs.replace(report, outcome="crashed", exception=_info(error))


def unknown_ids(what: str, greatest: int, rows: int) -> Report:
    """An id that the embedding has no row for: on a GPU it would end the process's use of the device."""
    message = f"The batch holds the token id {greatest}, and the model's embedding has {rows} rows (0 to {rows - 1})."
    fix = Fix(
        "Use the tokenizer of this model, or `model.resize_token_embeddings(len(tokenizer))` after adding tokens."
    )
    verification = Verification(what, passed=False, cause="a token id is beyond the embedding")
    return report_of(verification, [finding("SG104", Severity.ERROR, message, fix=fix)])


ROWS_DO_NOT = "the batch raises where its rows do not"


def crashed(what: str, error: Exception, again: Callable[[], Any], cause: str = ROWS_DO_NOT) -> Report:
    """The batch raised: run once more under a guard, which explains it."""
    from shapeguard.frontend import guard

    watch = guard("boundary")
    try:
        with watch:
            again()
    except Exception:
        report = watch.report
    else:  # not the second time: nothing but the message is known
        report = Report(outcome="crashed", environment=environment())
    return msgspec.structs.replace(
        report,
        outcome="crashed",
        exception=_info(error),
        verification=Verification(what, passed=False, cause=cause),
    )


def _info(error: Exception) -> ExceptionInfo:
    return ExceptionInfo(type(error).__name__, str(error))
