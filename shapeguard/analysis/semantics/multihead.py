"""nn.MultiheadAttention and the transformer layers built on it: their masks, their layouts, their head count."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.semantics.axes import (
    Axes,
    Operand,
    Side,
    must_divide,
    must_equal,
    must_have_rank,
    refuse,
    same_rank,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

_FORWARD = "query key value embed_dim_to_check= num_heads="
_MODULE = "query key value key_padding_mask need_weights= attn_mask"
_LAYER = "src src_mask src_key_padding_mask"
_DECODER = "tgt memory tgt_mask memory_mask tgt_key_padding_mask memory_key_padding_mask"


class _Layout(NamedTuple):
    """Where the batch and the length stand in (seq, batch, feature) or (batch, seq, feature); no batch in rank 2."""

    batch: int | None
    length: int


def _layout(call: Bound, operand: Operand) -> _Layout:
    if operand.rank == 2:
        return _Layout(None, 0)
    return _Layout(0, 1) if call.flag("batch_first") else _Layout(1, 0)


@register("multi_head_attention", "multi_head_attention_forward", params=_FORWARD)
@register("MultiheadAttention", params=_MODULE)
def multi_head_attention(call: Bound) -> Axes:
    """(length, batch, embed) each, or (batch, length, embed) with ``batch_first``."""
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    _attended(call, query, key, value, _named(call, "attn_mask"), _named(call, "key_padding_mask"))
    return query.axes


@register("_native_multi_head_attention", params="query key value embed_dim= num_heads=")
def native_multi_head_attention(call: Bound) -> Axes:
    """The fast path: always (batch, length, embed)."""
    call.args["batch_first"] = True
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    mask = _named(call, "mask")
    _attended(call, query, key, value, mask if mask and mask.rank != 4 else None, None)
    return query.axes


@register("TransformerEncoderLayer", "TransformerEncoder", params=_LAYER)
def encoder(call: Bound) -> Axes:
    source = call.tensor("src")
    _attended(call, source, source, source, _named(call, "src_mask", "mask"), _named(call, "src_key_padding_mask"))
    return source.axes


@register("TransformerDecoderLayer", "TransformerDecoder", params=_DECODER)
def decoder(call: Bound) -> Axes:
    target, memory = call.tensor("tgt"), call.tensor("memory")
    _attended(call, target, target, target, _named(call, "tgt_mask"), _named(call, "tgt_key_padding_mask"))
    _attended(call, target, memory, memory, _named(call, "memory_mask"), _named(call, "memory_key_padding_mask"))
    return target.axes


@register("Transformer", params="src tgt src_mask tgt_mask memory_mask")
def transformer(call: Bound) -> Axes:
    """Sources and targets of one batch, each as wide as the model."""
    source, target = call.tensor("src"), call.tensor("tgt")
    _attended(call, source, source, source, _named(call, "src_mask"), _named(call, "src_key_padding_mask"))
    _attended(call, target, target, target, _named(call, "tgt_mask"), _named(call, "tgt_key_padding_mask"))
    _attended(call, target, source, source, _named(call, "memory_mask"), _named(call, "memory_key_padding_mask"))
    return target.axes


def _named(call: Bound, *names: str) -> Operand | None:
    return next((operand for operand in call.all if operand.label in names), None) or call.find(*names)


def _attended(
    call: Bound, query: Operand, key: Operand, value: Operand, mask: Operand | None, padding: Operand | None
) -> None:
    must_have_rank(query, 2, 3)
    for operand in (key, value):
        if operand.rank != query.rank:
            same_rank(query, operand)
    _projected(call, query, key, value)
    layout = _layout(call, query)
    if layout.batch is not None:
        for operand in (key, value):
            must_equal(query.side(layout.batch), operand.side(layout.batch), "batch")
    must_equal(key.side(layout.length), value.side(layout.length), "length")
    if padding is not None:
        _padding_fits(padding, key, layout)
    if mask is not None:
        _mask_fits(call, mask, query, key, layout)


def _projected(call: Bound, query: Operand, key: Operand, value: Operand) -> None:
    """Each input has the width its projection was built for."""
    name = next((n for n in ("embed_dim", "embed_dim_to_check", "d_model") if call.has(n)), "")
    if not name:
        return
    embed = Side(name, None, call.number(name))
    must_equal(embed, query.side(-1), "feature", query.rank - 1)
    for operand, own in ((key, "kdim"), (value, "vdim")):
        width = Side(own, None, call.number(own)) if call.has(own) else embed
        if operand is not query:
            must_equal(width, operand.side(-1), "feature", operand.rank - 1)
    heads = _heads(call)
    if heads is not None:
        must_divide(embed, heads, "head")


def _heads(call: Bound) -> Side | None:
    name = next((n for n in ("num_heads", "nhead", "num_head") if call.has(n)), "")
    return Side(name, None, call.number(name)) if name else None


def _padding_fits(padding: Operand, key: Operand, layout: _Layout) -> None:
    """(batch, key length), or (key length,) without a batch."""
    must_have_rank(padding, key.rank - 1)
    if layout.batch is not None:
        must_equal(key.side(layout.batch), padding.side(0), "batch", 0)
    must_equal(key.side(layout.length), padding.side(-1), "key", padding.rank - 1)


def _mask_fits(call: Bound, mask: Operand, query: Operand, key: Operand, layout: _Layout) -> None:
    """(query length, key length), or that with batch * heads in front."""
    must_have_rank(mask, 2, 3)
    heads = _heads(call)
    if mask.rank == 3 and heads is not None:
        _rows_fit(mask, query, heads, layout)
    must_equal(query.side(layout.length), mask.side(-2), "query", mask.rank - 2)
    must_equal(key.side(layout.length), mask.side(-1), "key", mask.rank - 1)


def _rows_fit(mask: Operand, query: Operand, heads: Side, layout: _Layout) -> None:
    batch = 1 if layout.batch is None else query.shape[layout.batch]
    if mask.shape[0] != batch * heads.size:
        wanted = f"batch {batch} * heads {heads.size} = {batch * heads.size}"
        text = f"{mask.label} has {mask.shape[0]} in dim 0, {wanted} is wanted"
        refuse("dim", Side(query.label, layout.batch, batch * heads.size), mask.side(0), text, dim=0, role="head")
