"""SG401 mask-shape-mismatch

An attention mask does not broadcast to (batch, heads, query, key).

## What it is

Scores are (batch, heads, query, key). A mask must be that shape or broadcast to it: padding masks as (batch, 1, 1, key), causal
masks as (query, key). ``nn.MultiheadAttention`` takes (query, key), or one matrix for each row and head:
(batch * heads, query, key).

## Why it goes wrong

The mask was made for another length, another batch, or lacks the heads' dimension. A mask of numbers is added to the scores:
a triangle of ones and zeros fits, and hides nothing.

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

import ast
from collections.abc import Iterator

from shapeguard.analysis.caches import given_cache, named
from shapeguard.analysis.climb import named_at, written_at
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.mask_fit import BadMask, failed_masks
from shapeguard.analysis.mask_laid import laid_masks
from shapeguard.analysis.mask_order import TiledMask, tiled_masks
from shapeguard.analysis.mask_parts import unlike_parts
from shapeguard.analysis.odd_input import odd_input
from shapeguard.analysis.own_keys import left_keys
from shapeguard.analysis.polarity import Inverted, plain_triangles, turned_triangles
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.seq_first import turned_query
from shapeguard.analysis.written import whole_trails
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG401", "mask-shape-mismatch"
_PADDING = frozenset({"attention_mask"})
_SCORES = ("batch", "heads", "query", "key")


def check(run: Run) -> Iterator[Finding]:
    """An attention whose mask does not fit its scores, and masks that fit them only by accident."""
    if turned_query(run) is not None or left_keys(run) is not None:
        return  # it is the input that is turned, or the keys that are left from before
    for bad in failed_masks(run):
        yield _finding(run, bad)
        return
    if (part := unlike_parts(run)) is not None:
        yield _finding(run, part)
        return
    short = _of_other_size(run)
    if short is not None:
        yield short
        return
    yield from once(_finding(run, bad) for bad in laid_masks(run))
    yield from once(_tiled(run, found) for found in tiled_masks(run))
    yield from once(_other_length(run, *found) for found in _other_lengths(run))
    yield from once(_added(run, found) for found in plain_triangles(run))
    yield from once(_turned(run, found) for found in turned_triangles(run))


def _tiled(run: Run, found: TiledMask) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{found.tiled.op}` lays the masks of {found.batch} samples out one after the other, {found.heads} times; "
        f"nn.MultiheadAttention reads {format_shape(found.mask.last)} as the {found.heads} heads of each sample side by side. Most "
        "heads get the mask of another sample.",
        location=run.location(found.tiled),
        operands=(run.tensor(found.mask),),
        fix=Fix("Repeat each sample's mask for its heads: `mask.repeat_interleave(heads, dim=0)`."),
    )


def _turned(run: Run, found: Inverted) -> Finding:
    kernel = found.row.op == "scaled_dot_product_attention"
    means = "looks where a mask is true" if kernel else "leaves out what is true in a mask"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{found.row.op}` {means}, and this triangle {format_shape(found.mask.last)} is the other one's: each position sees the ones "
        "after it and not itself.",
        location=run.location(found.made),
        operands=(run.tensor(found.mask),),
        fix=Fix("Turn the mask round, `~mask`, or give it up for `is_causal=True`."),
    )


def _added(run: Run, found: Inverted) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask {format_shape(found.mask.last)} of numbers is added to the scores, and it is a triangle of ones and zeros: it "
        "hides nothing, each position sees the ones after it.",
        location=run.location(found.made),
        operands=(run.tensor(found.mask),),
        fix=Fix(
            "Make it of truth values: `torch.triu(torch.ones(n, n, dtype=torch.bool), 1)` hides what is true from "
            "`nn.MultiheadAttention`, and the kernel attends where a triangle `tril` is true; or pass `is_causal=True`."
        ),
    )


def _of_other_size(run: Run) -> Finding | None:
    """A model's call whose mask (batch, seq) met its ids inside, in whatever op that model compares them, and has another size."""
    failed = failed_op(run)
    odd = odd_input(run, failed.clash.sizes, _PADDING) if failed is not None and failed.clash is not None else None
    call = run.failed_row("forward")
    if (
        failed is None
        or odd is None
        or call is None
        or family(failed.op) == "loss"
        or (odd.dim == 1 and given_cache(call) is not None)
    ):
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{odd.told}; inside, `{failed.op}` has both.",
        location=odd.location or run.location(call),
        failed_at=run.failed_at,
        operands=(run.tensor(odd.leading, "", ("batch", "seq")), run.tensor(odd.odd, "", ("batch", "seq"))),
        mismatch=Mismatch("dim", odd.sizes, odd.dim),
        lineage=odd.lineage,
        fix=Fix(
            "Make the mask with the ids, by one call of the tokenizer; what is put in front, behind or away belongs into both."
        ),
    )


def _other_lengths(run: Run) -> Iterator[tuple[Row, TensorArg, TensorArg]]:
    """Calls of models, nothing cached, whose mask has another number of columns than there are ids: (batch, seq) each."""
    for row in run.of_kind("forward"):
        ids, mask = named(row, "input_ids", "inputs_embeds"), named(row, "attention_mask")
        if ids is None or mask is None or row.error or row.count > 1 or given_cache(row) is not None:
            continue
        if len(ids.last) > 1 and len(mask.last) == 2 and mask.last[0] == ids.last[0] and mask.last[1] != ids.last[1]:
            yield row, ids, mask


def _other_length(run: Run, row: Row, ids: TensorArg, mask: TensorArg) -> Finding:
    seq, columns = ids.last[1], mask.last[1]
    hops = follow(run, ids, 1)
    cut = next((hop.row for hop in hops if hop.changed and hop.size_before == columns > seq), None)
    told = (
        "the model takes the mask's first columns for them."
        if columns > seq
        else f"it covers the first ones, and the last {seq - columns} are hidden as if they were padding."
    )
    return Finding(
        CODE,
        NAME,
        Severity.WARNING if columns > seq else Severity.ERROR,
        f"{row.op} is given {seq} positions and a mask of {columns}: {told}",
        location=run.location(cut) if cut is not None else run.location(row),
        operands=(run.tensor(ids, "", ("batch", "seq")), run.tensor(mask)),
        mismatch=Mismatch("dim", (seq, columns), 1),
        lineage=steps(run, hops),
        fix=Fix(
            "Cut ids, mask and labels by one slice."
            if columns > seq
            else f"Lengthen the mask with the sequence: `torch.cat([mask.new_ones(mask.size(0), {seq - columns}), mask], 1)` for "
            "a prefix."
        ),
    )


def _computed(run: Run, bad: BadMask) -> Location | None:
    """The line of another function of the user's that gave a mask whose making was not seen."""
    frame = run.user_frame
    masks = [v for v in frame.operands if "mask" in v.label] if frame is not None else []
    if frame is None or len(masks) != 1 or not bad.row.error:
        return None
    place = written_at(run, frame, masks[0].expression)
    return place if place is not None and place.line != frame.line else None


def _mask_sizes_of_a_cache(run: Run, bad: BadMask) -> Location | None:
    """Where the user's own cache says how long the mask is to be, where that leaves the new positions out."""
    if (
        not bad.row.error
        or len(bad.scores) != 4
        or bad.wanted - bad.got != bad.scores[2]
        or bad.mask.origin is not None
    ):
        return None
    for file, node in run.nodes(ast.FunctionDef):
        if node.name == "get_mask_sizes":
            back = next((part for part in ast.walk(node) if isinstance(part, ast.Return)), None)
            return run.place(file, back.lineno if back is not None else node.lineno, node.name)
    return None


def _cache_left_out(run: Run) -> Location | None:
    """Where the failed call's cache was decided to be None, if the same call had one before: its mask still counts it."""
    call, frame = run.failed_row("forward"), run.user_frame
    given = [v for v in frame.operands if v.label == "past_key_values"] if frame is not None else []
    if (
        call is None
        or frame is None
        or not given
        or given[0].type != "NoneType"
        or not given[0].expression.isidentifier()
    ):
        return None
    before = (row for row in run.of_kind("forward") if not row.error and row.args.get("past_key_values") is not None)
    cached = any(run.at_one_place(row, call) for row in before)
    return named_at(run, frame, given[0].expression) if cached else None


def _told(run: Run, bad: BadMask) -> Location | None:
    """The call of the helper that made the mask, where it made it as it was told, or of lengths before the ids were cut."""
    made = bad.hops[-1].row if bad.hops and bad.hops[-1].changed else None
    if made is None or bad.hops[0].after != len(bad.mask.last) - 1:
        return None
    if run.helper_call(made) is not None and bad.hops[-1].size_before is None:
        for trail in whole_trails(run, made, bad.hops[-1].size_after, bad.hops[-1].after):
            if len(trail) > 1 and trail[1].kind == "argument" and trail[1].line:
                return run.at(trail[1])
    call = run.failed_row("forward")
    ids = named(call, "input_ids", "inputs_embeds") if call is not None else None
    ways = follow(run, ids, 1)[-1:] if ids is not None and len(ids.last) > 1 else []
    for hop in ways:
        place = run.location(hop.row)
        if place is not None and hop.size_before == bad.got > hop.size_after and hop.row.op in ("getitem", "narrow"):
            sites = [site.function for site in run.chain(made)]
            return run.location(made, sites.index(place.function)) if place.function in sites else None
    return None


def _finding(run: Run, bad: BadMask) -> Finding:
    scores = format_shape(bad.scores, _SCORES[-len(bad.scores) :] if len(bad.scores) <= len(_SCORES) else None)
    what = bad.told or f"dim {bad.dim} has {bad.got} where {bad.wanted} is wanted"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask {format_shape(bad.mask.last)} does not fit scores {scores}: {what}.",
        location=(_computed(run, bad) if bad.mask.origin is None and not bad.hops else None)
        or _cache_left_out(run)
        or _mask_sizes_of_a_cache(run, bad)
        or _told(run, bad)
        or bad.location
        or run.location(bad.row),
        failed_at=run.failed_at if bad.row.error else None,
        operands=tuple(run.tensor(tensor) for tensor in bad.row.inputs),
        mismatch=Mismatch("dim", (bad.wanted, bad.got), bad.dim),
        lineage=steps(run, bad.hops),
        fix=Fix(
            bad.fix
            or f"Make the mask broadcast to (batch, heads, query, key) = {format_shape(bad.scores)}{_axes_given(bad)}."
        ),
    )


def _axes_given(bad: BadMask) -> str:
    """How a mask of the keys of each row, (batch, key), gets the axes between them."""
    keys = len(bad.scores) == len(_SCORES) and bad.mask.last == (bad.scores[0], bad.scores[-1])
    return ": `mask[:, None, None, :]`" if keys else ""
