"""Masks with a copy for each head, laid out in another order than the heads are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_KEEPING = frozenset({"invert", "__invert__", "logical_not", "eq", "ne", "to", "bool", "float", "masked_fill", "contiguous", "detach"})  # fmt: skip


class TiledMask(NamedTuple):
    """The attention, its mask (batch * heads, query, key), and the op that repeated all masks once a head."""

    row: Row
    mask: TensorArg
    tiled: Row
    batch: int
    heads: int


def tiled_masks(run: Run) -> Iterator[TiledMask]:
    """Masks of ``nn.MultiheadAttention`` that say batch after batch, once a head: it reads the heads of one sample side by side.

    Source: the documentation of ``attn_mask`` in ``torch.nn.MultiheadAttention`` and its forward, which views the mask as
    (batch, heads, query, key).
    """
    for row in run.of_kind("attention"):
        heads, by_label = row.args.get("num_heads"), {tensor.label: tensor for tensor in row.inputs}
        mask, query = by_label.get("attn_mask"), by_label.get("query")
        if row.op != "MultiheadAttention" or row.error or mask is None or query is None or not isinstance(heads, int):
            continue
        batch = query.last[0 if row.args.get("batch_first") else 1] if len(query.last) == 3 else 1
        if len(mask.last) != 3 or batch < 2 or heads < 2 or mask.last[0] != batch * heads:
            continue
        made = run.row(mask.origin)
        for step in (made, *ancestors(run, mask)) if made is not None else ():
            if (
                step is not None
                and step.op in ("repeat", "tile")
                and step.inputs
                and step.inputs[0].last[:1] == (batch,)
            ):
                yield TiledMask(row, mask, step, batch, heads)
                break
            if step is not None and step.op not in _KEEPING:
                break
