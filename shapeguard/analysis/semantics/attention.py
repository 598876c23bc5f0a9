"""Scaled dot-product attention on (batch, heads, query length, head_dim)."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    at_least_rank,
    broadcast,
    must_divide,
    must_equal,
    refuse,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

_SDPA = "query key value attn_mask dropout_p= is_causal= scale= enable_gqa="
_INTERFACE = "query key value attention_mask"


@register("scaled_dot_product_attention", params=_SDPA)
def scaled_dot_product_attention(call: Bound) -> Axes:
    """query (..., L, E), key (..., S, E), value (..., S, Ev), mask broadcast to (..., L, S) -> (..., L, Ev)."""
    return attended(call, call.flag("enable_gqa"), call.find("attn_mask"))


@register("sdpa_attention_forward eager_attention_forward", params=_INTERFACE)
def interface_attention(call: Bound) -> Axes:
    """As transformers calls it: kv heads are repeated to the query heads; (batch, length, heads, head_dim) out."""
    axes = attended(call, True, call.find("attention_mask"))
    return [axes[0], axes[2], axes[1], axes[3]] if len(axes) == 4 else axes


def attended(call: Bound, grouped: bool, mask: Operand | None) -> Axes:
    """The scores' and the result's axes; ``grouped``: kv heads need only divide the query heads."""
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    for operand in (query, key, value):
        at_least_rank(operand, 2)
    lead = _lead(grouped, query, key, value)
    must_equal(query.side(-1), key.side(-1), "head_dim")
    must_equal(key.side(-2), value.side(-2), "length")
    if mask is not None:
        mask_fits([*lead, query.axes[-2], key.axes[-2]], mask, roles_of(len(lead) + 2))
    return [*lead, query.axes[-2], value.axes[-1]]


def _lead(grouped: bool, query: Operand, key: Operand, value: Operand) -> Axes:
    """The batch and head dims."""
    roles = roles_of(max(query.rank, key.rank))
    if not grouped or min(query.rank, key.rank, value.rank) < 3:
        return broadcast([query.axes[:-2], key.axes[:-2], value.axes[:-2]], roles)
    for operand in (key, value):
        must_divide(query.side(-3), operand.side(-3), "head")
    return [*broadcast([query.axes[:-3], key.axes[:-3], value.axes[:-3]], roles), query.axes[-3]]


def roles_of(rank: int) -> list[str]:
    """What the dims of the scores are: (batch, head, query length, key length)."""
    return ["batch", "head", "query", "key"] if rank == 4 else [*["batch"] * (rank - 2), "query", "key"]


def mask_fits(scores: Axes, mask: Operand, roles: Sequence[str]) -> None:
    """The mask broadcasts to the scores, whose axes say which operand each size belongs to."""
    if mask.rank > len(scores):
        left = Side(scores[-2].side.label, None, len(scores))
        text = f"{mask.label} has {mask.rank} dims, the scores have {len(scores)}"
        refuse("rank", left, Side(mask.label, None, mask.rank), text)
    lead = len(scores) - mask.rank
    for dim in reversed(range(mask.rank)):
        if mask.shape[dim] not in (1, scores[lead + dim].size):
            _refuse_mask(scores[lead + dim], mask.side(dim), roles[lead + dim])


def _refuse_mask(wanted: Axis, got: Side, role: str) -> None:
    text = f"{got.label} has {got.size} in dim {got.dim} ({role}), {wanted.side.label} has {wanted.size}"
    refuse("dim", wanted.side, got, text, dim=got.dim, role=role)
