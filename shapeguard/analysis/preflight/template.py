"""Chat templates: the text they make, and the tokenizer that adds to it."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, NOTE, Problem, rows_text
from shapeguard.values.pipeline import Pipeline

_FIX = "Pass `add_special_tokens=False` when tokenizing a rendered template, or let `apply_chat_template(tokenize=True)` make the ids."


def doubled_start(pipeline: Pipeline) -> Iterator[Problem]:
    """Rows that begin with two start tokens."""
    batch = pipeline.batch
    if batch is not None and batch.doubled:
        said = rows_text(batch.doubled, batch.rows)
        yield Problem("SG109", ERROR, f"{said} begin{'s' if batch.doubled == 1 else ''} with two start tokens: the text has one, and the tokenizer adds it again.", _FIX)  # fmt: skip


def doubles_start(pipeline: Pipeline) -> Iterator[Problem]:
    """A tokenizer that would double the start token of its own chat template's text."""
    tokenizer, batch = pipeline.tokenizer, pipeline.batch
    if tokenizer is not None and tokenizer.doubles_start and not (batch is not None and batch.doubled):
        yield Problem(
            "SG109",
            NOTE,
            f"The chat template of {tokenizer.name} writes the start token, and the tokenizer adds it to every text: a template rendered "
            "to text and tokenized after that has two.",
            _FIX,
            ("chat_template",),
        )
