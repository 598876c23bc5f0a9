"""Padding: the side for the architecture, and the token that fills rows up."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, NOTE, WARNING, Problem, decodes, prompt_lengths
from shapeguard.values.findings import OperandView, Severity
from shapeguard.values.pipeline import BatchFacts, Pipeline

_LEFT = 'Pad on the left: `tokenizer.padding_side = "left"` before the batch is made, and pass the attention mask on.'


def right_padded(pipeline: Pipeline) -> Iterator[Problem]:
    """A decoder-only model whose rows are padded on the right, or would be."""
    batch, tokenizer = pipeline.batch, pipeline.tokenizer
    if not decodes(pipeline):
        return
    if batch is not None and batch.side in ("right", "both"):
        yield _right(
            ERROR,
            f"The rows are padded on the right (real lengths {', '.join(map(str, batch.lengths))}), so the short ones would be "
            "continued from a pad token. A decoder-only model wants the padding on the left.",
            batch,
        )
    elif tokenizer is not None and tokenizer.padding_side == "right":
        yield from _would_pad(pipeline, tokenizer.name)


def _would_pad(pipeline: Pipeline, name: str) -> Iterator[Problem]:
    """The tokenizer's setting, where this batch does not show it."""
    lengths = prompt_lengths(pipeline)
    uneven = len(set(lengths)) > 1
    said = "of rows of unequal length the short ones would be continued from a pad token"
    if pipeline.batch is None:
        severity = WARNING
    elif uneven and (pipeline.batch.asked or pipeline.batch.ragged):
        severity = ERROR
    else:
        severity, said = NOTE, f"this batch does not show it, but {said}"
    yield _right(
        severity, f"{name} pads on the right: {said}. A decoder-only model wants the padding on the left.", None
    )


def _right(severity: Severity, message: str, batch: BatchFacts | None) -> Problem:
    operands = (OperandView("input_ids", "", (batch.rows, batch.width), ("batch", "seq")),) if batch is not None else ()
    return Problem("SG101", severity, message, _LEFT, ("padding_side",), operands=operands)


def no_pad_token(pipeline: Pipeline) -> Iterator[Problem]:
    """Nothing to pad with, or a pad token that the vocabulary does not have."""
    tokenizer = pipeline.tokenizer
    if tokenizer is None:
        return
    fix = (
        "Give the tokenizer a pad token of the model's own: an unused one where the vocabulary has one, else "
        "`tokenizer.pad_token = tokenizer.eos_token`, and pass the attention mask on, which then tells the two apart."
    )
    if tokenizer.pad and not tokenizer.pad_known:
        message = f"The pad token {tokenizer.pad!r} is not in the vocabulary of {tokenizer.name}: "
        message += "padding cannot be told from unknown words." if tokenizer.pad_id is not None else "it has no id."
        yield Problem("SG102", ERROR, message, fix, ("pad_token",))
    elif tokenizer.pad_id is None:
        lengths = prompt_lengths(pipeline)
        if len(set(lengths)) > 1:
            message = f"The {len(lengths)} prompts have unequal lengths ({', '.join(map(str, lengths))}), and {tokenizer.name} has no pad token to fill them up with."
            yield Problem("SG102", ERROR, message, fix, ("pad_token", "eos_token"))
        elif len(lengths) != 1:
            yield Problem("SG102", WARNING, f"{tokenizer.name} has no pad token: rows of unequal length cannot be batched.", fix, ("pad_token", "eos_token"))  # fmt: skip


def pad_is_end(pipeline: Pipeline) -> Iterator[Problem]:
    """The pad token is the end token as well: only the mask tells padding from an end."""
    tokenizer = pipeline.tokenizer
    if (
        tokenizer is None
        or tokenizer.pad_id is None
        or tokenizer.pad_id not in (tokenizer.eos_id, *pipeline.settings.ends)
    ):
        return
    if pipeline.batch is not None and pipeline.batch.mask == "absent":
        return  # masks.unmasked has more to say
    yield Problem(
        "SG103",
        NOTE,
        f"The pad token {tokenizer.pad!r} is the end token too: only the attention mask tells padding from the end of a text, and "
        "`generate` cannot work the mask out.",
        "Always pass the attention mask on; in training, leave padding out of the labels by the mask, not by the pad id.",
        ("pad_token",),
    )


def ragged(pipeline: Pipeline) -> Iterator[Problem]:
    """Rows of unequal length that are no tensor yet."""
    batch = pipeline.batch
    if batch is not None and batch.ragged:
        yield Problem(
            "SG105",
            ERROR,
            f"The {batch.rows} rows have unequal lengths ({', '.join(map(str, batch.lengths))}) and make no tensor.",
            'Pad them: `tokenizer(prompts, padding=True, return_tensors="pt")`, or `tokenizer.pad` on the encoded rows.',
            ("padding",),
        )
