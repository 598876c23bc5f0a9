"""SG303 cache-length-mismatch

What goes in beside a cache does not agree with the length already cached.

## What it is

In a step on a cache of length L with n new tokens the mask covers L + n positions, the position ids are those of the n new
tokens and begin where the cache ends, and the ids are the new tokens only.

## Why it goes wrong

The mask of the prompt is passed on unchanged, or a mask of the new token alone; positions restart at 0; the whole sequence is
fed again; rejected draft tokens stay in the cache; ``generate``, which wants the whole conversation, is given its new turn alone.
A short mask is filled up with zeros without a word, so nothing crashes and the answer is another. Keys and values that were cut
along different dims, and are not equally long, may pass as well.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
step = model(torch.tensor([[5, 6, 7, 8]]), use_cache=True)
token = torch.tensor([[9]])
model(token, attention_mask=torch.ones_like(token), past_key_values=step.past_key_values)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
step = model(torch.tensor([[5, 6, 7, 8]]), use_cache=True)
token = torch.tensor([[9]])
mask = torch.ones(1, 4 + 1, dtype=torch.long)
model(token, attention_mask=mask, past_key_values=step.past_key_values)
```
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shapeguard.analysis.beside_cache import BesideCache, Selected, beside_cache, positions_selected
from shapeguard.analysis.cached_calls import (
    all_positions_chosen,
    begun_again,
    cached_calls,
    counted_apart,
    cropped,
    fresh_ids,
    grown_here,
    seen_from,
    too_long,
)
from shapeguard.analysis.caches import given_cache, lengths, named
from shapeguard.analysis.conversations import goes_on
from shapeguard.analysis.corner import Corner, corners, kept_keys
from shapeguard.analysis.graph import ancestors, past
from shapeguard.analysis.handed_out import copied_along
from shapeguard.analysis.run import Run
from shapeguard.rules.base import once
from shapeguard.rules.clash_finding import clash_finding
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG303", "cache-length-mismatch"
_RANK = 4  # of keys and values
_KEEPS_POSITIONS = frozenset(
    {"arange", "unsqueeze", "expand", "expand_as", "repeat", "view", "reshape", "to", "long", "getitem"}
)


def check(run: Run) -> Iterator[Finding]:
    """Calls on a cache whose mask, positions or ids do not fit its length."""
    told = set()
    if (uneven := _uneven(run)) is not None:
        yield uneven
        return
    alone = next((row for row in run.of_kind("generate") if too_long(row) and goes_on(run, row)), None)
    if alone is not None:
        yield _turn_alone(run, alone)
        return
    generation = run.failed_row("generate")
    if generation is not None and too_long(generation):  # the cache is stale, which says more
        return
    for row in cached_calls(run):
        for finding in (
            _mask(run, row),
            _positions(run, row),
            _restart(run, row),
            _nothing_left(run, row),
            _fed_again(run, row),
            _rejected(run, row),
        ):
            if finding is not None and (finding.location, row.error) not in told:
                told.add((finding.location, row.error))
                yield finding
                break
    beside = beside_cache(run)
    if beside is not None:
        yield _new_alone(run, beside)
    if (selected := positions_selected(run)) is not None:
        yield _selected(run, selected)
    yield from once(_from_the_first(run, found) for found in corners(run) if kept_keys(run, found))


def _uneven(run: Run) -> Finding | None:
    """A cache that was filled by hand with more keys than values, or fewer: the one was cut along another dim than the other."""
    for row in run.of_kind("cache"):
        if not row.op.endswith(".update") or row.error or len(row.inputs) < 2:
            continue
        keys, values = row.inputs[-2:]
        sizes = keys.last[2:3] + values.last[2:3]
        if (
            len(keys.last) != _RANK
            or len(values.last) != _RANK
            or keys.last[:2] != values.last[:2]
            or keys.last[3] != values.last[3]
            or len(set(sizes)) < 2
        ):
            continue
        cuts = [
            made for tensor in (keys, values) if (made := run.row(tensor.origin)) is not None and made.op == "getitem"
        ]
        in_vain = [made for made in cuts if made.inputs[0].last == made.outputs[0].last]
        place = run.location((in_vain or cuts or [row])[-1])
        return Finding(
            CODE,
            NAME,
            Severity.ERROR,
            f"The cache was given {sizes[0]} keys and {sizes[1]} values, {format_shape(keys.last)} and {format_shape(values.last)}.",
            location=place,
            failed_at=run.failed_at if run.failed_row("forward", "generate") is not None else None,
            operands=(run.tensor(keys), run.tensor(values)),
            mismatch=Mismatch("dim", (sizes[0], sizes[1]), 2),
            fix=Fix(
                "Cut both along the positions, (batch, kv_heads, seq, head_dim): `k[:, :, :n]` and `v[:, :, :n]`, or `cache.crop(n)`."
            ),
        )
    return None


def _new_alone(run: Run, beside: BesideCache) -> Finding:
    """Something over the scores, a bias or a mask, that was counted by the new positions alone."""
    cached, new, failed = beside.cached, beside.new, beside.crash.failed
    label = beside.found.side.label
    return clash_finding(
        run, failed, CODE, NAME,
        f"`{failed.expression(run, label) or label}` is as long as the {new} new positions; the keys are {cached + new} long, "
        f"{cached} of them from the cache.",
        beside.found,
        "Count what is laid over the scores by all the keys: `cache.get_seq_length() + ids.size(1)`, before the cache is updated.",
    )  # fmt: skip


def _selected(run: Run, found: Selected) -> Finding:
    """Rows (beams, say) selected out of kept keys along the dim of their positions."""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{found.row.op}` takes {found.after} entries along dim {found.dim} of the kept keys {format_shape(found.row.inputs[0].last)}, where "
        f"their {found.before} positions are: what is laid over the scores counts {found.before - found.after} more.",
        location=run.location(found.row),
        failed_at=run.failed_at,
        operands=(run.tensor(found.row.inputs[0]), *found.crash.failed.views(run)),
        mismatch=found.crash.failed.mismatch(),
        fix=Fix("Select rows along the dim of the batch: these keys are (length, batch, heads, head_dim)."),
    )


def _from_the_first(run: Run, found: Corner) -> Finding:
    """A causal mask that counts from the first key, over keys of which the queries are the last ones."""
    queries, keys = found.query.last[-2], found.key.last[-2]
    made = f"`{found.triangle.op}`" if found.triangle is not None else "`is_causal=True`"
    sees = f"the first {queries} keys" if queries > 1 else "the first key alone"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{queries} {'queries meet' if queries > 1 else 'query meets'} {keys} keys, {keys - queries} of them kept from before, under "
        f"a causal mask that counts from the first key: {made} lets {'them' if queries > 1 else 'it'} see {sees}.",
        location=run.location(found.triangle or found.row),
        operands=(run.tensor(found.query), run.tensor(found.key)),
        mismatch=Mismatch("dim", (queries, keys), -2),
        fix=Fix(
            "Be causal only where there are as many keys as queries, `is_causal=q.size(-2) == k.size(-2)`; a single query may see "
            "every key. Several queries beside a cache need the mask moved: `tril(diagonal=keys - queries)`."
        ),
    )


def _turn_alone(run: Run, row: Row) -> Finding:
    """A turn of a conversation given to ``generate`` without what is cached of it: it wants the ids of the whole text."""
    cached, new = lengths(row) or (0, 0)
    return _finding(
        run,
        row,
        f"The cache holds {cached} positions of the conversation, and only the {new} ids of its new turn are given: `generate` takes "
        "them for the whole text and cuts off as many as are cached.",
        Mismatch("count", (cached, new)),
        "Give `generate` the whole conversation, what was said and answered and the new turn; it feeds what is not cached yet.",
    )


def _nothing_left(run: Run, row: Row) -> Finding | None:
    """No new ids at all: the cache holds every position of the text already, the last one or rejected ones among them."""
    ids, past = named(row, "input_ids", "inputs_embeds"), given_cache(row)
    if not row.error or ids is None or past is None or len(ids.last) < 2 or ids.last[1] != 0 or len(past.last) != 4:
        return None
    made = run.row(ids.origin)
    finding = _finding(
        run,
        row,
        f"The cache holds {past.last[2]} positions and no id is left to feed: it has outrun the text.",
        Mismatch("dim", (past.last[2], 0), 1),
        "Crop the cache to what the text keeps (after rejected guesses, say) before the rest is cut off the ids; the last id is always fed.",
    )
    return msgspec.structs.replace(finding, location=run.location(made)) if made is not None else finding


def _mask(run: Run, row: Row) -> Finding | None:
    """A mask shorter than cached + new; one of four dims is used as it is, so that it fails."""
    mask = named(row, "attention_mask")
    if counted_apart(run, row) or begun_again(run, row):
        return None  # the mask is right: it is the cache that holds too much
    for first in (True, False):
        sizes = lengths(row, first)
        shape = (mask.first if first else mask.last) if mask is not None else ()
        by_hand = len(shape) == 4 and shape[-1] > 1 and row.error != "" and row in run.failed_rows
        if sizes is not None and (len(shape) == 2 or by_hand) and shape[-1] < sum(sizes):
            cached, new = sizes
            if by_hand:
                return _short_by_hand(run, row, shape, cached, new)
            return _finding(
                run,
                row,
                f"The mask covers {shape[1]} positions; {cached} are cached and {new} new, {cached + new} together. "
                "What is missing is filled up with zeros, and the newest positions are hidden.",
                Mismatch("dim", (cached + new, shape[1]), 1),
                "Let the mask grow with the cache: append a column of ones for every new token and pass the whole mask.",
                copied_along(run),
            )
    return None


def _short_by_hand(run: Run, row: Row, shape: tuple[int, ...], cached: int, new: int) -> Finding:
    mask = named(row, "attention_mask")
    made = run.row(mask.origin) if mask is not None else None
    return _finding(
        run,
        row,
        f"The mask has {shape[-1]} key positions; {cached} are cached and {new} new, {cached + new} together.",
        Mismatch("dim", (cached + new, shape[-1]), 3),
        "Make the mask for what the cache really holds (`past_key_values.get_seq_length()`). A model's call appends to the "
        "cache it is given: where each call should see the same past, hand over a copy, or crop what the call before added.",
        seen_from(run, made, row) if made is not None else None,
    )


def _positions(run: Run, row: Row) -> Finding | None:
    """Position ids of the whole sequence for the new tokens."""
    positions, sizes = named(row, "position_ids"), lengths(row)
    if positions is None or sizes is None or not row.error or positions.last[-1] == sizes[1]:
        return None
    made = run.row(positions.origin)
    return _finding(
        run,
        row,
        f"{positions.last[-1]} position ids are given for {sizes[1]} new tokens; {sizes[0]} positions are cached already.",
        Mismatch("dim", (positions.last[-1], sizes[1]), len(positions.last) - 1),
        "Pass the positions of the new tokens only: `position_ids[:, -input_ids.size(1):]`.",
        seen_from(run, made, row) if made is not None else None,
    )


def _restart(run: Run, row: Row) -> Finding | None:
    """Position ids that count from 0 although positions are cached."""
    positions, sizes = named(row, "position_ids"), lengths(row)
    if positions is None or sizes is None or row.error:
        return None
    behind = list(ancestors(run, positions))
    start = next((made for made in behind if made.op == "arange"), None)
    plain = behind and all(made.op in _KEEPS_POSITIONS for made in behind) and start is not None
    if not plain or start is None or start.args.get("end") is not None or start.args.get("other") is not None:
        return None
    if start.outputs and start.outputs[0].last != (sizes[1],):
        return None
    return _finding(
        run,
        row,
        f"The position ids count from 0, but {sizes[0]} positions are cached: the new tokens belong at {sizes[0]} and on.",
        Mismatch("count", (sizes[0], 0)),
        "Begin where the cache ends: `torch.arange(past, past + new)` with `past = cache.get_seq_length()`.",
        seen_from(run, start, row),
    )


def _fed_again(run: Run, row: Row) -> Finding | None:
    """Ids that hold tokens which are cached already: the sequence so far, grown by a concatenation or written down anew."""
    ids, sizes = named(row, "input_ids"), lengths(row)
    if ids is None or sizes is None or row.error:
        return None
    cached = lengths(row, first=True) or sizes
    known = row.args.get("cached already")
    if not isinstance(known, int) and not _grown(run, ids, cached, sizes[1]):
        return None
    again = known if isinstance(known, int) and cached[0] >= cached[1] else cached[0]
    failed = run.failed_row("forward")
    found = _finding(
        run,
        row,
        f"{cached[1]} ids are fed although {again} of them are cached: these are seen twice.",
        Mismatch("dim", (cached[1], cached[1] - again), 1),
        "Feed the new tokens only, `input_ids[:, cached:]` beside the cache, or no cache with the whole text.",
    )
    if failed is not None and run.at_one_place(row, failed) and given_cache(failed) is not None:
        return msgspec.structs.replace(
            found, failed_at=run.failed_at
        )  # what was fed twice has filled the cache until this call failed
    return found


def _grown(run: Run, ids: TensorArg, first: tuple[int, int], new: int) -> bool:
    """Whether the ids are all that is cached and what a concatenation put behind it."""
    grown = _past_slices(run, ids)
    if grown is None or grown.kind != "concat" or len(grown.inputs) != 2:
        return False
    before, added = grown.inputs[0].last, grown.inputs[1].last
    cached, first_new = first
    fits = len(before) == len(added) == 2 and first_new == cached + added[1]
    return fits and new > 1 and cached > 1


def _past_slices(run: Run, ids: TensorArg) -> Row | None:
    """What made the ids, past slices that took all of them (``ids[:, -block:]`` of fewer than a block)."""
    return past(run, ids.origin, lambda row: row.op == "getitem" and row.inputs[0].last == row.outputs[0].last)


def _rejected(run: Run, row: Row) -> Finding | None:
    """Verified drafts that all stay in the cache: every round leaves its rejected tokens behind."""
    sizes = lengths(row)
    if row.error or sizes is None or not grown_here(run, row) or cropped(run):
        return None
    if not fresh_ids(run, row) or not all_positions_chosen(run, row):
        return None
    return _finding(
        run,
        row,
        f"Each round feeds {sizes[1]} tokens, chooses among all of them, and leaves all {sizes[1]} in the cache: "
        "tokens that were rejected are never taken out again.",
        None,
        "Crop the cache to the accepted tokens after every round: `cache.crop(-rejected)`.",
        severity=Severity.WARNING,
    )


def _finding(
    run: Run,
    row: Row,
    message: str,
    mismatch: Mismatch | None,
    fix: str,
    location: Location | None = None,
    severity: Severity = Severity.ERROR,
) -> Finding:
    views = (named(row, "input_ids", "inputs_embeds"), named(row, "attention_mask"), named(row, "position_ids"))
    return Finding(
        CODE,
        NAME,
        severity,
        message,
        location=location or run.location(row),
        failed_at=run.failed_at if row.error and row in run.failed_rows else None,
        operands=tuple(run.tensor(tensor) for tensor in views if tensor is not None),
        mismatch=mismatch,
        fix=Fix(fix),
    )
