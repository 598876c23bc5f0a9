"""Lengths: prompt and answer against the model's positions and window, and what truncation takes."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import (
    ERROR,
    NOTE,
    WARNING,
    Problem,
    columns,
    decodes,
    new_tokens,
    prompt_lengths,
)
from shapeguard.values.findings import Mismatch
from shapeguard.values.pipeline import Pipeline


def beyond_positions(pipeline: Pipeline) -> Iterator[Problem]:
    """A prompt, or a prompt with its answer, that is longer than what the model has positions for."""
    model, prompt = pipeline.model, columns(pipeline)
    if model.positions is None or not prompt:
        return
    new = new_tokens(pipeline, prompt) if decodes(pipeline) else 0
    if pipeline.settings.max_new_tokens is None and pipeline.settings.max_length is None:
        new = min(new, max(0, model.positions - prompt))  # generate's own default stops at the last position
    if prompt + new <= model.positions:
        return
    said = f"The longest row has {prompt} tokens" + (f" and is to be continued by {new}" if new else "")
    learned = model.learned_positions
    yield Problem(
        "SG106",
        ERROR if learned else WARNING,
        f"{said}: {prompt + new} positions, and {model.name or 'the model'} has {model.positions}. "
        + ("Behind the end of its table nothing can be looked up." if learned else "Beyond them it answers wildly."),
        "Shorten the prompt, ask for fewer new tokens, or use a model with a longer context.",
        ("max_new_tokens", "max_length", "max_position_embeddings", "n_positions")
        if prompt <= model.positions
        else ("max_position_embeddings", "n_positions"),
        Mismatch("count", (prompt + new, model.positions)),
    )


def beyond_window(pipeline: Pipeline) -> Iterator[Problem]:
    """A prompt longer than the sliding window: by design, and still worth knowing."""
    window, longest = pipeline.model.window, max(prompt_lengths(pipeline), default=0)
    if window is not None and longest > window:
        yield Problem(
            "SG106",
            NOTE,
            f"The longest prompt has {longest} tokens, and layers with sliding attention see the last {window}.",
            "Put what matters near the end of the prompt, or use a model with full attention.",
            ("sliding_window",),
            Mismatch("count", (longest, window)),
        )


def cut(pipeline: Pipeline) -> Iterator[Problem]:
    """Rows that are shorter than the prompts they were made from."""
    batch = pipeline.batch
    if batch is None or not batch.cut:
        return
    most = max(asked - length for asked, length in zip(batch.asked, batch.lengths, strict=False))
    longest = max(batch.asked)
    yield Problem(
        "SG108",
        ERROR,
        f"{batch.cut} of {batch.rows} prompts were cut: up to {most} tokens are missing from the rows.",
        'Cut on the left (`truncation_side="left"`) if at all, or allow more tokens (`max_length` of the tokenizer\'s call).',
        ("truncation_side", "model_max_length"),
        Mismatch("count", (longest, longest - most)),
    )


def would_be_cut(pipeline: Pipeline) -> Iterator[Problem]:
    """Prompts longer than the tokenizer's own limit, which ``truncation=True`` would cut."""
    tokenizer, lengths = pipeline.tokenizer, prompt_lengths(pipeline)
    if tokenizer is None or tokenizer.longest is None or (pipeline.batch is not None and pipeline.batch.cut):
        return
    longer = [length for length in lengths if length > tokenizer.longest]
    if not longer:
        return
    side = tokenizer.truncation_side or "right"
    loses = (
        "the question goes, the model continues a torso"
        if side == "right" and decodes(pipeline)
        else "their beginning goes"
    )
    yield Problem(
        "SG108",
        WARNING,
        f"{len(longer)} of {len(lengths)} prompts are longer than the {tokenizer.longest} tokens {tokenizer.name} allows: "
        f"`truncation=True` would cut up to {max(longer) - tokenizer.longest} tokens off on the {side} ({loses}).",
        "Shorten the part of the prompt that may be shortened, cut on the left, or raise `model_max_length` where the model has the positions.",
        ("model_max_length", "truncation_side"),
        Mismatch("count", (max(longer), tokenizer.longest)),
    )
