"""Causal masks that begin in the upper left corner, where queries are the last of the keys: they see the oldest keys only.

``is_causal=True`` of ``scaled_dot_product_attention`` lets query i see the keys 0 to i, and ``tril`` does the same. With as
many keys as queries that is right; beside a cache query i stands at the position cached + i.
Source: the reference implementation in the documentation of ``torch.nn.functional.scaled_dot_product_attention``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_LAID = frozenset(
    {"unsqueeze", "view", "reshape", "expand", "to", "bool", "getitem", "eq", "logical_not", "invert", "float"}
)
_MAX_STEPS = 8


class Corner(NamedTuple):
    """An attention of fewer queries than keys under such a mask: the row, its queries and keys, and the triangle, if one was made."""

    row: Row
    query: TensorArg
    key: TensorArg
    triangle: Row | None


def corners(run: Run) -> Iterator[Corner]:
    """Attentions to keys that a concatenation put behind kept ones, with a mask that counts from the first key."""
    for row in run.rows:
        if row.op != "scaled_dot_product_attention" or row.error:
            continue
        given = {tensor.label: tensor for tensor in row.inputs}
        query, key, mask = given.get("query"), given.get("key"), given.get("attn_mask")
        if query is None or key is None or len(query.last) < 2 or not query.last[-2] < key.last[-2]:
            continue
        triangle = _triangle(run, mask, query.last[-2], key.last[-2]) if mask is not None else None
        if (row.args.get("is_causal") is True and mask is None) or triangle is not None:
            yield Corner(row, query, key, triangle)


def kept_keys(run: Run, found: Corner) -> bool:
    """Whether the keys were joined of kept and new ones, or cut out of a buffer of kept ones."""
    length = found.key.last[-2]
    for row in ancestors(run, found.key):
        if row.kind == "cache" or (row.kind == "concat" and any(length in out.last for out in row.outputs)):
            return True
    return False


def _triangle(run: Run, mask: TensorArg, queries: int, keys: int) -> Row | None:
    """The row that made a mask (queries, keys) as a triangle whose corner is the first key."""
    row = run.row(mask.origin)
    for _ in range(_MAX_STEPS):
        if row is None or not row.outputs:
            return None
        if row.op in ("tril", "triu"):
            told = row.args.get("diagonal", 0 if not row.args else None)  # None where it stands under no name
            own = told == (0 if row.op == "tril" else 1)
            return row if own and row.outputs[0].last[-2:] == (queries, keys) else None
        if row.op not in _LAID or not row.inputs:
            return None
        row = run.row(row.inputs[0].origin)
    return None
