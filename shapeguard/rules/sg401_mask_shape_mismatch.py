"""SG401 mask-shape-mismatch

An attention mask does not broadcast to (batch, heads, query, key).

## What it is

Scores are (batch, heads, query, key). A mask must be that shape or broadcast to it: padding masks as (batch, 1, 1, key), causal
masks as (query, key). ``nn.MultiheadAttention`` takes (query, key), or one matrix for each row and head:
(batch * heads, query, key).

## Why it goes wrong

The mask was made for another length, another batch, or lacks the heads' dimension.

## Example

```python
import torch
from torch.nn import functional as F

query = torch.randn(2, 4, 6, 8)
keys = torch.randn(2, 4, 6, 8)
mask = torch.ones(5, 5, dtype=torch.bool).tril()
F.scaled_dot_product_attention(query, keys, keys, attn_mask=mask)
```

## Use instead

```python
import torch
from torch.nn import functional as F

query = torch.randn(2, 4, 6, 8)
keys = torch.randn(2, 4, 6, 8)
mask = torch.ones(6, 6, dtype=torch.bool).tril()
F.scaled_dot_product_attention(query, keys, keys, attn_mask=mask)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.lineage import birth, follow, steps
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG401", "mask-shape-mismatch"
_SCORES = ("batch", "heads", "query", "key")
_MASKS = ("attention_mask", "attn_mask", "mask")


def check(run: Run) -> Iterator[Finding]:
    """A failed attention whose mask fits neither the scores nor a broadcast of them."""
    for row in run.failed_rows:
        mask = next((tensor for tensor in row.inputs if tensor.label in _MASKS), None)
        scores = _scores(row)
        if mask is None or scores is None:
            continue
        odd = _misfit(mask.last, scores, _heads(row))
        if odd is not None:
            yield _finding(run, row, mask, scores, odd)
            return


def _heads(row: Row) -> int | None:
    heads = row.args.get("num_heads")
    return heads if isinstance(heads, int) else None


def _scores(row: Row) -> tuple[int, ...] | None:
    """(batch, heads, query, key) of the attention a row stands for; batch and heads may be one dim."""
    shapes = {tensor.label: tensor.last for tensor in row.inputs}
    query, key = shapes.get("query", shapes.get("input")), shapes.get("key")
    if query is None or key is None or len(query) < 3:
        return None
    heads = _heads(row)
    if heads is None:
        return (*query[:-1], key[-2])
    batch_first = row.args.get("batch_first") is True
    batch, length, keys = (query[0], query[1], key[1]) if batch_first else (query[1], query[0], key[0])
    return (batch, heads, length, keys)


def _misfit(mask: tuple[int, ...], scores: tuple[int, ...], heads: int | None) -> tuple[int, int, int] | None:
    """(dim of the mask, wanted, got) where the mask does not fit; None where it does."""
    if heads is not None and len(mask) == 3:
        wanted = (scores[0] * heads, *scores[2:])
    elif heads is not None:
        wanted = scores[2:]
    else:
        wanted = scores
    if len(mask) > len(wanted):
        return 0, len(wanted), len(mask)
    may_broadcast = heads is None
    for back in range(1, len(mask) + 1):
        got, want = mask[-back], wanted[-back]
        if got != want and not (may_broadcast and got == 1):
            return len(mask) - back, want, got
    return None


def _finding(run: Run, row: Row, mask: TensorArg, scores: tuple[int, ...], odd: tuple[int, int, int]) -> Finding:
    dim, wanted, got = odd
    hops = follow(run, mask, dim)
    made = birth(hops)
    frame = run.user_frame
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask {format_shape(mask.last)} does not fit scores {format_shape(scores, _SCORES[-len(scores):])}: "
        f"dim {dim} has {got} where {wanted} is wanted.",
        location=(run.location(made.row) if made is not None else None)
        or (run.statement_of(frame) if frame is not None else run.location(row)),
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        mismatch=Mismatch("dim", (wanted, got), dim),
        lineage=steps(run, hops),
        fix=Fix(f"Make the mask broadcast to (batch, heads, query, key) = {format_shape(scores)}: dim {dim} must be {wanted}."),
    )
