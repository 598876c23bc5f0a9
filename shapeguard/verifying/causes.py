"""From rows that differ to findings: the repairs tried, the cause in a sentence, the rule that knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from shapeguard.values.findings import Finding, Fix, OperandView, Severity
from shapeguard.values.verification import Verification
from shapeguard.verifying.batches import PromptBatch
from shapeguard.verifying.compare import name
from shapeguard.verifying.generation import Walk
from shapeguard.verifying.repairs import CACHE, CODES, EAGER, LEFT, MASK, POSITIONS, Bench, causes, rows_mix
from shapeguard.verifying.reports import finding, rows_told
from shapeguard.verifying.wider import Subject

MIXES = "SG509"
_WHY = {
    LEFT: "the batch is padded on the right, so they are continued from a pad token",
    MASK: "the mask that hides the padding does not reach the model ({mask})",
    POSITIONS: "positions are counted from the first column, padding included",
    CACHE: "the cache gives other keys and values back than went in",
    EAGER: "the attention implementation ({attention}) does not do what the mask says",
}
_FIX = {
    LEFT: 'Pad on the left: `tokenizer.padding_side = "left"`, and pass the attention mask on.',
    MASK: 'Pass the mask of the tokenizer on: `attention_mask=batch["attention_mask"]`.',
    POSITIONS: "Count positions without the padding: `position_ids = (attention_mask.cumsum(-1) - 1).clamp(min=0)`.",
    CACHE: "Use `DynamicCache`, or a cache made for this model, this batch and this length.",
    EAGER: 'Load the model with `attn_implementation="eager"` (or another that obeys masks).',
}


class Case(NamedTuple):
    """A batch that was found to differ from its rows, and what to look into it with."""

    subject: Subject
    batch: PromptBatch
    alone: Sequence[Walk]
    tolerances: Sequence[float]
    verification: Verification


def explained(case: Case) -> tuple[Verification, list[Finding]]:
    """The verification with what was tried and the cause in it, and a finding for each cause."""
    found = case.verification
    failed = [row.row for row in found.failed if not row.rounding]
    if not failed:
        why = f"rounding of {found.dtype} alone: in {found.repeated_in} all rows agree"
        return msgspec.structs.replace(found, cause=why), []
    bench = Bench(case.subject, case.batch, case.alone, case.tolerances, failed)
    tried, needed = causes(bench)
    if needed:
        why = " and ".join(_why(repair, found) for repair in needed)
        findings = [_finding(case, repair, needed) for repair in needed]
    elif rows_mix(bench):
        why = "rows change with what the other rows say: something runs along the batch dim"
        fix = Fix("Look for a softmax, mean, norm or argmax over dim 0, and for batch norm in training mode.")
        findings = [finding(MIXES, Severity.ERROR, f"{_told(found)}: {why}.", _operands(case), fix)]
    else:
        why, findings = "", []
    return msgspec.structs.replace(found, tried=tuple(tried), cause=why), findings


def _finding(case: Case, repair: str, needed: Sequence[str]) -> Finding:
    found = case.verification
    others = [other for other in needed if other != repair]
    with_others = f" (with {' and '.join(others)} too)" if others else ""
    text = f"{_told(found)}: {_why(repair, found)}. With {repair}{with_others} all rows agree."
    return finding(CODES[repair], Severity.ERROR, text, _operands(case), Fix(_FIX[repair]))


def _why(repair: str, found: Verification) -> str:
    mask = {"absent": "none is passed", "wrong": "what is passed says otherwise"}.get(
        found.mask, "it is lost on the way"
    )
    return _WHY[repair].format(mask=mask, attention=found.attention)


def _told(found: Verification) -> str:
    """Which rows differ, how much, and how much rounding may explain."""
    worst = max(found.failed, key=lambda row: (row.worst is None, row.worst or 0.0))
    by = "not a number" if worst.worst is None else f"up to {worst.worst:.2g}"
    told = rows_told([row.row for row in found.failed], len(found.rows))
    limit = f"tolerance {worst.tolerance:.2g}"
    if worst.worst is not None and worst.worst <= worst.tolerance and worst.repeated:
        left = max((each for each in worst.repeated if each is not None), default=0.0)
        by, limit = f"{left:.2g} in {found.repeated_in}", f"tolerance {worst.repeated_tolerance:.2g}"
    return f"{told} (logits differ by {by}, {limit})"


def _operands(case: Case) -> tuple[OperandView, ...]:
    ids, mask = case.batch.ids, case.batch.given
    views = [OperandView("input_ids", "", tuple(ids.shape), ("batch", "seq"), name(ids.dtype), str(ids.device))]
    shape = None if mask is None else tuple(mask.shape)
    dtype = "" if mask is None else name(mask.dtype)
    views.append(OperandView("attention_mask", "", shape, ("batch", "seq") if shape else (), dtype))
    return tuple(views)
