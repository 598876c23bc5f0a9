"""Masks that broadcast along a dim nobody meant: nothing fails, and the padding is seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from shapeguard.analysis.graph import ancestors, users_of
from shapeguard.analysis.layout import along_last, next_softmax, products
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.mask_fit import ADDS, FILLS, BadMask
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_PRODUCTS = frozenset({"matmul", "bmm", "einsum", "baddbmm"})
_WITH_QUERIES = 3  # dims of a mask (batch, query, key)
_WITH_ROWS = 3  # dims of scores (batch, query, key)
_NEAR = 8  # ops behind a softmax among which its scores were made


def laid_masks(run: Run) -> Iterator[BadMask]:
    """Masks on the way from a product of queries and keys to its softmax that lie along the queries, or rows along heads."""
    for row in products(run):
        if len(row.outputs[0].last) < 3:
            continue
        found = next_softmax(run, row)
        if found is None or not along_last(found[0]):
            continue
        masked = [step for step in found[1] if step.op in FILLS | ADDS and len(step.inputs) > 1]
        masked = [step for step in masked if step.inputs[0].last != step.inputs[1].last]  # no bias for each score
        if len(masked) == 1:
            bad = _along_queries(run, masked[0]) or _rows_along_heads(run, masked[0])
            if bad is not None:
                yield bad


def masked_late(run: Run) -> Iterator[Row]:
    """Masks that set the weights of padded keys to 0 after the softmax: the others no longer sum to one, the less the more is padded."""
    for softmax in run.of_kind("op"):
        if softmax.op != "softmax" or softmax.error or not along_last(softmax) or not softmax.inputs:
            continue
        way = list(islice(ancestors(run, softmax.inputs[0]), _NEAR))
        product = next((place for place, row in enumerate(way) if row.op in _PRODUCTS), None)
        if product is None or any(row.op in FILLS | ADDS | {"where"} for row in way[:product]):
            continue  # hidden before it already, or no scores of queries and keys
        for filled in users_of(run, softmax):
            mask = next((tensor for tensor in filled.inputs if tensor.label == "mask"), None)
            keys = mask is not None and mask.last[-2:] == (1, softmax.outputs[0].last[-1]) and mask.last[-1] > 1
            if filled.op not in FILLS or mask is None or not keys or not _of_padding(run, mask):
                continue
            if any(user.op in _PRODUCTS for user in users_of(run, filled)):
                yield filled


def _of_padding(run: Run, mask: TensorArg) -> bool:
    """Whether a mask tells by lengths, or by an id, which positions hold something."""
    behind = {row.op for row in ancestors(run, mask)}
    return bool(behind & {"ne", "eq"}) or ("arange" in behind and bool(behind & {"lt", "le", "gt", "ge"}))


def _along_queries(run: Run, step: Row) -> BadMask | None:
    """A mask (.., query, 1): it says for each query whether it is padding, and hides no key."""
    scores, mask = step.inputs[0].last, step.inputs[1]
    if len(mask.last) < 2 or mask.last[-1] != 1 or mask.last[-2] < 2 or mask.last[-2] != scores[-2] or scores[-1] < 2:
        return None
    if step.op not in FILLS and not _from_truth(run, mask):
        return None
    hops = follow(run, mask, len(mask.last) - 1)
    where = run.location(hops[-1].row) if hops else None
    dim = len(mask.last) - 1
    return BadMask(
        step, mask, scores, dim, scores[-1], 1, where, hops,
        "it lies along the queries and is the same for all keys, so the softmax over the keys still sees every padded one",
        "Put the keys last: a padding mask (batch, length) becomes "
        + ("(batch, 1, length), `mask[:, None, :]`." if len(scores) == _WITH_ROWS else "(batch, 1, 1, length), `mask[:, None, None, :]`."),
    )  # fmt: skip


def _rows_along_heads(run: Run, step: Row) -> BadMask | None:
    """A mask with a dim of rows, and fewer dims than the scores: aligned from the right, its rows meet the heads."""
    mask = step.inputs[1]
    met = [(scores, laid) for scores, laid in _shapes(run, step) if len(laid) < len(scores) and laid[0] == scores[0]]
    scores, laid = next(((scores, laid) for scores, laid in met if laid[0] > 1), ((), ()))
    rank = len(laid)
    if rank < _WITH_QUERIES:
        return None
    placeholder = rank >= 4 and all(size == 1 for size in laid[1:-2])
    other_rows = any(other[0] != laid[0] and wide[1:2] == scores[1:2] for wide, other in met)
    from_rows = rank == 3 and mask.dtype == "bool" and (other_rows or _shares_rows(run, step))
    if not placeholder and not from_rows:
        return None
    missing = len(scores) - rank
    return BadMask(
        step, msgspec.structs.replace(mask, last=laid), scores, 0, scores[0], laid[0], run.location(step), follow(run, mask, 0),
        f"it has {rank} dims and the scores {len(scores)}, so its rows are laid along dim {missing} of the scores, not along the batch",
        "Insert the missing dim after the batch: `mask.unsqueeze(1)` (or 2), so that batch meets batch.",
    )  # fmt: skip


def _shapes(run: Run, step: Row) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The scores and masks that met at a place, as far as the first and the last times tell."""
    rows = [row for row in run.rows if row.op == step.op and len(row.inputs) > 1 and run.at_one_place(row, step)]
    pairs = [(row.inputs[0], row.inputs[1]) for row in rows]
    return {(a.first, b.first) for a, b in pairs} | {(a.last, b.last) for a, b in pairs}


def _shares_rows(run: Run, step: Row) -> bool:
    """Whether dim 0 of the mask was born where dim 0 of the scores was: both are the batch."""
    mine, theirs = follow(run, step.inputs[1], 0), follow(run, step.inputs[0], 0)
    return bool(mine) and bool(theirs) and mine[-1].row.id == theirs[-1].row.id


def _from_truth(run: Run, mask: TensorArg) -> bool:
    return any(
        row.op in ("eq", "ne", "masked_fill", "logical_not", "lt", "gt", "ge", "le") for row in ancestors(run, mask)
    )
