"""KV caches: the one that is given, and the kind that is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, NOTE, WARNING, Problem, columns, new_tokens
from shapeguard.values.findings import Mismatch, OperandView
from shapeguard.values.pipeline import CacheFacts, Pipeline

_STATIC = ("static", "offloaded_static")
_OLD_STATIC = ("sliding_window", "hybrid", "hybrid_chunked", "offloaded_hybrid", "offloaded_hybrid_chunked")
_KINDS = (*_STATIC, *_OLD_STATIC, "dynamic", "dynamic_full", "offloaded", "quantized", "paged")
_DIMS = ("batch", "kv_heads", "past", "head_dim")


def legacy(pipeline: Pipeline) -> Iterator[Problem]:
    """Tuples in place of a cache."""
    cache = pipeline.cache
    if cache is not None and cache.legacy:
        yield Problem(
            "SG302",
            ERROR,
            f"`past_key_values` is a {cache.kind}: the format of old versions, which `generate` refuses.",
            "Make a cache of it: `DynamicCache(ddp_cache_data=past_key_values)`, or keep the cache that the model returned.",
            ("past_key_values",),
        )


def rows(pipeline: Pipeline) -> Iterator[Problem]:
    """A cache with other rows than the batch."""
    cache, batch = pipeline.cache, pipeline.batch
    if cache is None or batch is None or cache.rows is None:
        return
    settings = pipeline.settings
    wanted = {batch.rows, batch.rows * max(settings.num_beams or 1, settings.num_return_sequences or 1)}
    if cache.rows in wanted:
        return
    fixed = cache.room is not None
    yield Problem(
        "SG304" if fixed else "SG301",
        ERROR,
        f"The cache {'was laid out for' if fixed else 'holds'} {cache.rows} rows, the batch has {batch.rows}.",
        "Make the cache for this batch; where rows left the batch, let them leave the cache too (`batch_select_indices`).",
        ("past_key_values",),
        Mismatch("dim", (cache.rows, batch.rows), 0),
        (_keys(cache),),
    )


def heads(pipeline: Pipeline) -> Iterator[Problem]:
    """A cache of another model: its heads are not this model's."""
    cache, model = pipeline.cache, pipeline.model
    expected = (model.kv_heads or model.heads, model.size_of_head)
    if cache is None or cache.kv_heads is None or None in expected or model.family not in PLAIN:
        return
    for dim, name, have, want in (
        (1, "kv_heads", cache.kv_heads, expected[0]),
        (3, "head_dim", cache.head_dim, expected[1]),
    ):
        if have is not None and want is not None and have != want:
            yield Problem(
                "SG305",
                ERROR,
                f"The cache's keys have {name} {have}, {model.name or 'the model'} has {want}: the cache is of another model.",
                "Give each model its own cache, made from its own config.",
                ("past_key_values", "num_key_value_heads"),
                Mismatch("dim", (have, want), dim),
                (_keys(cache),),
            )
            return


# Families in which every layer has the heads that the config says.
PLAIN = frozenset(
    {
        "llama",
        "mistral",
        "mixtral",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "phi",
        "starcoder2",
        "olmo",
        "olmo2",
        "granite",
    }
    | {"cohere", "stablelm", "smollm3", "gpt2", "gpt_neox", "opt", "gptj"}
)


def nothing_new(pipeline: Pipeline) -> Iterator[Problem]:
    """A cache that already holds as many positions as the ids have."""
    cache, batch = pipeline.cache, pipeline.batch
    if cache is None or batch is None or not cache.length or len(batch.mask_shape) != 2:
        return
    if cache.length >= batch.width and batch.mask_shape[1] == batch.width:
        yield Problem(
            "SG303",
            WARNING,
            f"The cache holds {cache.length} positions, ids and mask have {batch.width}: nothing new is to be computed.",
            "Give `generate` the whole sequence, cached part and new tokens, with a mask over all of it.",
            ("past_key_values",),
            Mismatch("count", (cache.length, batch.width)),
        )


def room(pipeline: Pipeline) -> Iterator[Problem]:
    """A cache of fixed size without room for prompt and answer."""
    cache, prompt = pipeline.cache, columns(pipeline)
    if cache is None or cache.room is None or not prompt:
        return
    needed = prompt + new_tokens(pipeline, prompt) - 1  # the last token is not fed back
    if needed > cache.room:
        yield Problem(
            "SG304",
            ERROR,
            f"The cache has room for {cache.room} positions, prompt and answer need {needed}.",
            "Size the cache by prompt length plus new tokens: `max_cache_len=prompt_length + max_new_tokens`.",
            ("max_cache_len", "max_new_tokens", "max_length"),
            Mismatch("index", (needed, cache.room), 2),
        )


def unknown_kind(pipeline: Pipeline) -> Iterator[Problem]:
    """A kind of cache that transformers does not have, or will not have for long."""
    kind = pipeline.settings.cache_implementation
    if kind is None or (kind in _KINDS and kind not in _OLD_STATIC):
        return
    known = kind in _OLD_STATIC
    yield Problem(
        "SG307",
        NOTE if known else ERROR,
        f"`cache_implementation` is {kind!r}: "
        + ("an old name of the static cache." if known else "there is no such cache."),
        f"One of {', '.join(name for name in _KINDS if name not in _OLD_STATIC)}, or none for a cache that grows.",
        ("cache_implementation",),
    )


def cannot_take_back(pipeline: Pipeline) -> Iterator[Problem]:
    """A cache that cannot be cropped, for a way of decoding that takes tokens back; or any kind, for a model with a state."""
    kind, settings = pipeline.settings.cache_implementation, pipeline.settings
    if kind in (*_STATIC, *_OLD_STATIC) and settings.prompt_lookup_num_tokens:
        yield Problem(
            "SG307",
            ERROR,
            f"Assisted generation takes tokens back, and a {kind} cache cannot be cropped.",
            "Leave the cache dynamic for this way of decoding.",
            ("cache_implementation", "prompt_lookup_num_tokens"),
        )
    elif kind is not None and pipeline.model.stateful:
        yield Problem(
            "SG307",
            WARNING,
            f"{pipeline.model.name} keeps a state in place of keys and values: `cache_implementation` {kind!r} is ignored.",
            "Leave `cache_implementation` out.",
            ("cache_implementation",),
        )


def quantized(pipeline: Pipeline) -> Iterator[Problem]:
    """A quantized cache for an encoder-decoder."""
    if pipeline.settings.cache_implementation == "quantized" and pipeline.model.kind == "encoder-decoder":
        yield Problem(
            "SG307",
            ERROR,
            "An encoder-decoder model does not support the quantized cache.",
            "Leave `cache_implementation` out.",
            ("cache_implementation",),
        )


def two_caches(pipeline: Pipeline) -> Iterator[Problem]:
    """A cache, and a kind of cache to make."""
    kind = pipeline.settings.cache_implementation
    if kind is not None and pipeline.cache is not None and not pipeline.cache.legacy:
        yield Problem(
            "SG110",
            ERROR,
            f"`past_key_values` is given, and `cache_implementation` {kind!r} asks to make another cache.",
            "Use one of the two.",
            ("cache_implementation", "past_key_values"),
        )


def _keys(cache: CacheFacts) -> OperandView:
    shape = (cache.rows, cache.kv_heads, cache.length if cache.length is not None else cache.room, cache.head_dim)
    sizes = tuple(size if size is not None else 0 for size in shape)
    return OperandView("past keys", "the cache's keys", sizes, _DIMS)
