"""A model's greedy generation: the batch that its tokenizer makes against each prompt alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import torch

from shapeguard.errors import UsageError
from shapeguard.values.findings import Report
from shapeguard.values.verification import Verification, VerifiedRow, greatest
from shapeguard.verifying.batches import PromptBatch, encode_as_it_is
from shapeguard.verifying.causes import Case, explained
from shapeguard.verifying.compare import Tolerance, by_step, first_other, name, within
from shapeguard.verifying.generation import Walk, walk_alone, walk_batch
from shapeguard.verifying.reports import crashed, no_pad_token, report_of, unknown_ids
from shapeguard.verifying.untouched import untouched
from shapeguard.verifying.wider import Subject, computing_in, widened


def verify_model(
    model: Any, tokenizer: Any, prompts: Sequence[str], steps: int, pass_mask: bool, tolerance: float | None
) -> Report:
    """See :func:`shapeguard.verify`."""
    with untouched(model, tokenizer):
        try:
            batch = encode_as_it_is(tokenizer, prompts, pass_mask, model.device)
        except ValueError as error:
            if getattr(tokenizer, "pad_token", None) is not None:
                raise UsageError(f"the tokenizer makes no batch of the prompts: {error}") from error
            return no_pad_token(_title(model), error)
        rows = model.get_input_embeddings().weight.shape[0]  # (vocab, hidden)
        if int(batch.ids.max()) >= rows:
            return unknown_ids(_title(model), int(batch.ids.max()), rows)
        return _verified(model, tokenizer, batch, steps, tolerance)


class _Judged(NamedTuple):
    """The rows with their verdicts, and what gave them."""

    rows: list[VerifiedRow]
    own: Tolerance
    subject: Subject
    alone: Sequence[Walk]  # as the subject gives it
    notes: tuple[str, ...] = ()


def _verified(model: Any, tokenizer: Any, batch: PromptBatch, steps: int, tolerance: float | None) -> Report:
    alone = list(_each_alone(model, batch, steps))
    try:
        together = walk_batch(model, batch, [walk.tokens for walk in alone])
    except Exception as error:
        return crashed(_title(model), error, lambda: walk_batch(model, batch, [walk.tokens for walk in alone]))

    def against(own: Tolerance) -> list[VerifiedRow]:
        return [_row(at, batch, together[at], walk, own, tokenizer) for at, walk in enumerate(alone)]

    judged = _judge(model, batch, alone, against, Tolerance(_dtype(model), _layers(model), tolerance))
    rows, subject = judged.rows, judged.subject
    verification = Verification(
        what=_title(model),
        passed=all(row.passed for row in rows),
        rows=tuple(rows),
        steps=max(len(walk.tokens) for walk in alone),
        dtype=name(judged.own.dtype),
        repeated_in=name(subject.dtype) if subject.copied else "",
        padding=batch.side,
        mask=batch.mask,
        attention=str(getattr(model.config, "_attn_implementation", None) or ""),
        tolerance=judged.own.told("logit"),
    )
    if verification.passed:
        return report_of(verification, notes=judged.notes)
    tolerances = _after_repair(rows) if subject.copied else [row.tolerance for row in rows]
    return report_of(*explained(Case(subject, batch, judged.alone, tolerances, verification)), notes=judged.notes)


def _judge(
    model: Any,
    batch: PromptBatch,
    alone: Sequence[Walk],
    against: Callable[[Tolerance], list[VerifiedRow]],
    own: Tolerance,
) -> _Judged:
    """The verdicts of the model's own dtype; of a wider one where 16 bits could hide a leak, or any dtype look like one."""
    rows, itself = against(own), Subject(model, own.dtype, False)
    if own.dtype not in (torch.float16, torch.bfloat16) and all(row.passed for row in rows):
        return _Judged(rows, own, itself, alone)
    subject = widened(model, own.dtype)
    trouble = subject.trouble
    if subject.copied:
        judge = Tolerance(subject.dtype, own.layers, final=True)
        try:
            return _Judged(*_repeated(subject, batch, alone, rows, judge, own))
        except Exception as error:  # a kernel that the wider dtype has not
            trouble = f"not repeated in {name(subject.dtype)}: {type(error).__name__}: {error}"[:200]
    last_word = own._replace(final=True)
    return _Judged(against(last_word), last_word, itself, alone, (trouble,))


def _each_alone(model: Any, batch: PromptBatch, steps: int, along: Sequence[Walk] = ()) -> Iterator[Walk]:
    for at, tokens in enumerate(batch.alone):
        try:
            yield walk_alone(model, tokens, steps, batch.ids.device, along[at].tokens if along else ())
        except Exception as error:
            said = (str(error).splitlines() or [""])[0]
            raise UsageError(f"prompt {at} (counted from 0) alone: {type(error).__name__}: {said}") from error


def _row(at: int, batch: PromptBatch, walk: Walk, alone: Walk, tolerance: Tolerance, tokenizer: Any) -> VerifiedRow:
    differences, allowed = by_step(walk.logits, alone.logits), tolerance.of(alone.scale)
    other = first_other(walk.logits, alone.logits)
    return VerifiedRow(
        row=at,
        passed=within(differences, allowed),
        differences=differences,
        tolerance=allowed,
        tokens=len(batch.alone[at]),
        pads=batch.pads[at],
        first_other=other,
        expected="" if other is None else tokenizer.decode([int(alone.logits[other].argmax())]),
        got="" if other is None else tokenizer.decode([int(walk.logits[other].argmax())]),
        remark="alone it gives NaN" if bool(alone.logits.isnan().any()) else "",
    )


def _repeated(
    subject: Subject,
    batch: PromptBatch,
    alone: Sequence[Walk],
    rows: Sequence[VerifiedRow],
    judge: Tolerance,
    own: Tolerance,
) -> tuple[list[VerifiedRow], Tolerance, Subject, list[Walk]]:
    """Batch and rows once more in the wider dtype, along the same tokens; what differs there is no rounding."""
    steps = max(len(walk.tokens) for walk in alone)
    with computing_in(subject.dtype, True):
        wide = [
            walk_alone(subject.model, tokens, steps, batch.ids.device, walk.tokens)
            for tokens, walk in zip(batch.alone, alone, strict=True)
        ]
        together = walk_batch(subject.model, batch, [walk.tokens for walk in alone])
    shrinks = math.sqrt(torch.finfo(subject.dtype).eps / torch.finfo(own.dtype).eps)
    judged = [
        _judged(
            row,
            by_step(together[row.row].logits, wide[row.row].logits),
            judge.of(wide[row.row].scale),
            # Rounding that a model amplifies shrinks with eps; a leak is as great in any dtype. Halfway tells them apart.
            (row.worst or 0.0) * shrinks,
            own.fixed is not None,
        )
        for row in rows
    ]
    return judged, own, subject, wide


def _judged(
    row: VerifiedRow, repeated: tuple[float | None, ...], allowed: float, shrunk: float, asked_for: bool
) -> VerifiedRow:
    """What the wider dtype says of a row. A tolerance that was asked for decides alone."""
    agrees, remark = within(repeated, max(allowed, shrunk)), row.remark
    if agrees and not within(repeated, allowed):
        allowed = shrunk
    if agrees and not row.passed:
        remark = "rounding beyond the tolerance"
    elif agrees and row.first_other is not None:
        remark = "a tie that rounding decides"
    elif not agrees and row.passed:
        remark = "hidden by rounding"
    passed = row.passed if asked_for else agrees
    return msgspec.structs.replace(
        row,
        passed=passed,
        repeated=repeated,
        repeated_tolerance=allowed,
        rounding=agrees and not row.passed,
        remark=remark,
    )


def _after_repair(rows: Sequence[VerifiedRow]) -> list[float]:
    """What mended rows may still differ by: what rounding explains, more where the sound rows of this model show more."""
    seen = [greatest(row.repeated) or 0.0 for row in rows if within(row.repeated, row.repeated_tolerance)]
    return [max(row.repeated_tolerance, 8 * max(seen, default=0.0)) for row in rows]


def _dtype(model: Any) -> torch.dtype:
    """The dtype with the coarsest numbers among the parameters: the one whose rounding shows."""
    found = {tensor.dtype for tensor in model.parameters() if tensor.is_floating_point()}
    return max(found, key=lambda dtype: torch.finfo(dtype).eps, default=torch.float32)


def _layers(model: Any) -> int:
    config = model.config.get_text_config(decoder=True)
    return int(getattr(config, "num_hidden_layers", None) or 16)


def _title(model: Any) -> str:
    return f"{type(model).__name__}.generate"
