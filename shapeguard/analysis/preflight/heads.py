"""Heads: hidden size, query heads, kv heads and head_dim against each other and against a checkpoint's tensors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, Problem
from shapeguard.analysis.preflight.caches import PLAIN
from shapeguard.values.findings import Mismatch, OperandView
from shapeguard.values.pipeline import Pipeline

_KEYS = re.compile(r"(^|\.)layers\.\d+\.self_attn\.k_proj\.weight$")
_EMBEDDING = re.compile(r"(^|\.)(embed_tokens|wte|word_embeddings|embed_in|shared)\.weight$")


def groups(pipeline: Pipeline) -> Iterator[Problem]:
    """Query heads that cannot be shared out over the kv heads."""
    heads, kv_heads = pipeline.model.heads, pipeline.model.kv_heads
    if heads and kv_heads and heads % kv_heads:
        yield Problem(
            "SG402",
            ERROR,
            f"{heads} query heads cannot be shared out over {kv_heads} kv heads: {heads % kv_heads} are left over.",
            "`num_attention_heads` has to be a multiple of `num_key_value_heads`.",
            ("num_key_value_heads", "num_attention_heads"),
            Mismatch("divides", (heads, kv_heads)),
        )


def split(pipeline: Pipeline) -> Iterator[Problem]:
    """A hidden size that does not split into heads, or halves of a head that rotary positions cannot turn."""
    model = pipeline.model
    if model.head_dim is None and model.hidden and model.heads and model.hidden % model.heads and model.family in PLAIN:
        yield Problem(
            "SG404",
            ERROR,
            f"A hidden size of {model.hidden} does not split into {model.heads} heads.",
            "`hidden_size` has to be a multiple of `num_attention_heads`, or the config has to say `head_dim`.",
            ("num_attention_heads", "hidden_size"),
            Mismatch("divides", (model.hidden, model.heads)),
        )
    elif model.rotary and model.family in PLAIN and (size := model.size_of_head) and size % 2:
        yield Problem(
            "SG404",
            ERROR,
            f"Rotary positions turn pairs, and a head has {size} entries.",
            "`head_dim` has to be even.",
            ("head_dim", "num_attention_heads"),
            Mismatch("divides", (size, 2)),
        )


def checkpoint(pipeline: Pipeline) -> Iterator[Problem]:
    """Tensors of the checkpoint that are not of the shape that the config makes."""
    yield from _embedding(pipeline)
    model, size = pipeline.model, pipeline.model.size_of_head
    heads = model.kv_heads or model.heads
    shapes = {name: shape for name, shape in pipeline.weights.items() if _KEYS.search(name) and len(shape) == 2}
    if not shapes or not size or not heads or model.family not in PLAIN:
        return
    name, shape = next(iter(shapes.items()))
    if any(other[0] == heads * size for other in shapes.values()):
        return
    yield _differs(
        name,
        shape,
        f"its config says {heads} kv heads of head_dim {size}, {heads * size} rows",
        heads * size,
        ("num_key_value_heads", "head_dim", "num_attention_heads"),
    )


def _embedding(pipeline: Pipeline) -> Iterator[Problem]:
    """The table of tokens against the config's ``vocab_size``."""
    expected = pipeline.model.vocabulary
    tables = {name: shape for name, shape in pipeline.weights.items() if _EMBEDDING.search(name) and len(shape) == 2}
    if expected is None or not tables or any(shape[0] == expected for shape in tables.values()):
        return
    name, shape = next(iter(tables.items()))
    yield _differs(name, shape, f"its config says a vocabulary of {expected}", expected, ("vocab_size",))


def _differs(name: str, shape: tuple[int, ...], said: str, rows: int, fields: tuple[str, ...]) -> Problem:
    return Problem(
        "SG603",
        ERROR,
        f"The checkpoint's {name} has {shape[0]} rows; {said}.",
        "Use the config that the weights were saved with.",
        fields,
        Mismatch("dim", (shape[0], rows), 0),
        (OperandView(name, "", shape, ("rows", "hidden")),),
    )
