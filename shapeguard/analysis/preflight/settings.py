"""The generation config: fields that fight each other, the batch, or the tokenizer."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, NOTE, WARNING, Problem, columns
from shapeguard.values.findings import Mismatch
from shapeguard.values.pipeline import Pipeline


def no_room(pipeline: Pipeline) -> Iterator[Problem]:
    """``max_length`` counts the prompt too, and the prompt alone fills it."""
    settings, prompt = pipeline.settings, columns(pipeline)
    if settings.max_length is None or settings.max_new_tokens is not None or pipeline.model.kind != "decoder":
        return
    if prompt >= settings.max_length:
        yield Problem(
            "SG110",
            ERROR,
            f"The longest row has {prompt} tokens, and `max_length` allows {settings.max_length} for prompt and answer together.",
            "Limit the answer alone: `max_new_tokens` instead of `max_length`.",
            ("max_length",),
            Mismatch("count", (prompt, settings.max_length)),
        )


def too_many_sequences(pipeline: Pipeline) -> Iterator[Problem]:
    """More sequences asked back than are searched for."""
    settings = pipeline.settings
    wanted, beams = settings.num_return_sequences or 1, settings.num_beams or 1
    if wanted < 2 or wanted <= beams or (beams == 1 and settings.do_sample):
        return
    search = f"a search with {beams} beams" if beams > 1 else "a greedy search, which finds one"
    yield Problem(
        "SG110",
        ERROR,
        f"{wanted} sequences are asked back of {search}.",
        "Ask for at most as many sequences as there are beams, or sample (`do_sample=True`).",
        ("num_return_sequences", "num_beams"),
        Mismatch("count", (wanted, beams)),
    )


def nothing_asked(pipeline: Pipeline) -> Iterator[Problem]:
    """Not even one new token."""
    asked = pipeline.settings.max_new_tokens
    if asked is not None and asked < 1:
        yield Problem("SG110", ERROR, f"`max_new_tokens` is {asked}: nothing is to be generated.", "Ask for one token or more.", ("max_new_tokens",))  # fmt: skip


def least_above_most(pipeline: Pipeline) -> Iterator[Problem]:
    """A minimum above the maximum."""
    least, most = pipeline.settings.min_new_tokens, pipeline.settings.max_new_tokens
    if least is not None and most is not None and least > most:
        yield Problem(
            "SG110",
            WARNING,
            f"`min_new_tokens` ({least}) is larger than `max_new_tokens` ({most}): the answers are cut at the maximum, without an end.",
            "Lower the minimum or raise the maximum.",
            ("min_new_tokens", "max_new_tokens"),
            Mismatch("count", (least, most)),
        )


def frozen_sampling(pipeline: Pipeline) -> Iterator[Problem]:
    """Sampling at a temperature of zero."""
    settings = pipeline.settings
    if settings.do_sample and settings.temperature is not None and settings.temperature <= 0:
        yield Problem(
            "SG110",
            ERROR,
            f"Sampling is asked for at a temperature of {settings.temperature:g}, by which the logits would be divided.",
            "Use `do_sample=False` for the most likely token, or a temperature above 0.",
            ("temperature", "do_sample"),
        )


def ignored_sampling(pipeline: Pipeline) -> Iterator[Problem]:
    """Sampling settings of a search that does not sample."""
    settings = pipeline.settings
    if settings.do_sample:
        return
    usual = {"temperature": (settings.temperature, 1.0), "top_p": (settings.top_p, 1.0), "top_k": (settings.top_k, 50)}
    named = [name for name, (value, common) in usual.items() if value is not None and value != common]
    if named:
        yield Problem(
            "SG110",
            NOTE,
            f"{', '.join(f'`{name}`' for name in named)} {'is' if len(named) == 1 else 'are'} set, and nothing is sampled: no effect.",
            "Set `do_sample=True`, or leave them out.",
            (*named, "do_sample"),
        )


def ignored_cache(pipeline: Pipeline) -> Iterator[Problem]:
    """A kind of cache for a generation without a cache."""
    settings = pipeline.settings
    if settings.use_cache is False and settings.cache_implementation is not None:
        yield Problem(
            "SG110",
            WARNING,
            f"`use_cache` is False, and `cache_implementation` asks for {settings.cache_implementation!r}: there will be no cache.",
            "Leave out one of the two.",
            ("use_cache", "cache_implementation"),
        )


def assisted_batch(pipeline: Pipeline) -> Iterator[Problem]:
    """Candidates from the prompt, for more than one row."""
    tokens, batch = pipeline.settings.prompt_lookup_num_tokens, pipeline.batch
    if tokens and batch is not None and batch.rows > 1:
        yield Problem(
            "SG110",
            ERROR,
            f"`prompt_lookup_num_tokens` asks for assisted generation, which takes one row; the batch has {batch.rows}.",
            "Generate row by row, or leave the assistance out.",
            ("prompt_lookup_num_tokens",),
            Mismatch("dim", (batch.rows, 1), 0),
        )


def two_pads(pipeline: Pipeline) -> Iterator[Problem]:
    """Model and tokenizer fill up with different tokens, and no mask says where."""
    tokenizer, settings, batch = pipeline.tokenizer, pipeline.settings, pipeline.batch
    if tokenizer is None or batch is None or batch.mask != "absent" or tokenizer.pad_id is None:
        return
    if settings.pad_token_id is not None and settings.pad_token_id != tokenizer.pad_id and batch.side != "none":
        yield Problem(
            "SG110",
            WARNING,
            f"The rows are padded with {tokenizer.pad_id}, the generation config's `pad_token_id` is {settings.pad_token_id}, and no mask says where the padding is.",
            "Pass the attention mask on, and `pad_token_id=tokenizer.pad_token_id`.",
            ("pad_token_id",),
        )
