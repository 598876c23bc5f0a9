"""SG301 cache-batch-mismatch

The KV cache holds another number of rows than the new input. Rows were dropped, repeated or reordered on one side only.

## What it is

A cache keeps keys and values as (batch, kv_heads, past, head_dim). Every step appends to it, so its rows must be the rows
of the input, in the same order. A decoding loop that lets finished rows leave the batch, expands beams, or splits a batch
must do the same to the cache.

## Why it goes wrong

The step after the batch changed concatenates (3, ...) with (2, ...) deep inside the library, and the message speaks of
"tensor number 1 in the list". The line to change is the one that changed the batch.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
tokens = torch.randint(0, 50, (3, 5))
out = model(tokens, use_cache=True)
alive = torch.tensor([True, False, True])
tokens = out.logits[:, -1].argmax(-1)[alive]
model(tokens[:, None], past_key_values=out.past_key_values)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
tokens = torch.randint(0, 50, (3, 5))
out = model(tokens, use_cache=True)
alive = torch.tensor([True, False, True])
tokens = out.logits[:, -1].argmax(-1)[alive]
out.past_key_values.batch_select_indices(alive.nonzero().squeeze(1))
model(tokens[:, None], past_key_values=out.past_key_values)
```
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.beams import Unordered, never_ordered, state_left, tiled, unordered
from shapeguard.analysis.cache_rows import (
    SELECTING,
    CrossRows,
    KeptKeys,
    KeptStates,
    Trim,
    cross_rows,
    expanded_twice,
    expansion,
    handed_in_at,
    kept_keys,
    kept_states,
    own_cache,
    repeated_beside,
    repeated_once,
    rows_written_at,
    since_selected,
    trims,
)
from shapeguard.analysis.cached_calls import begun_again
from shapeguard.analysis.caches import failed_update, rows_behind
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.concat import FailedConcat, odd_one
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.lineage import Hop, birth, follow, steps
from shapeguard.analysis.odd_input import for_other_rows
from shapeguard.analysis.row_order import mixed_rows
from shapeguard.analysis.run import CACHE_DIMS, NEW_DIMS, Run
from shapeguard.analysis.source import index_text
from shapeguard.rules.base import once
from shapeguard.rules.clash_finding import clash_finding
from shapeguard.rules.kept_rows import in_buffer, in_memory, mixed, of_a_cache
from shapeguard.values.findings import Edit, Finding, Fix, Location, Mismatch, OperandView, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG301", "cache-batch-mismatch"
_REPEATING = frozenset({"repeat", "repeat_interleave", "expand", "cat", "stack", "tile"})


class _Sides(NamedTuple):
    past: TensorArg  # (batch, kv_heads, past, head_dim)
    new: TensorArg  # (batch, kv_heads, seq, head_dim), or the ids (batch, seq)
    row: Row


def check(run: Run) -> Iterator[Finding]:
    """A call that failed with a cache, or encoder states, of other rows than its input; a cache cut to its first rows."""
    sides, cross = _sides(run), cross_rows(run)
    if (memory := in_memory(run, CODE, NAME)) is not None:
        yield memory
        return
    if run.failure is None:
        yield from once(mixed(run, found, CODE, NAME) for found in mixed_rows(run) if of_a_cache(found))
    call = run.failed_row("forward")
    if sides is not None and call is not None and (begun_again(run, call) or for_other_rows(call)):
        pass  # the rows are those of another batch: the cache is stale, or the positions are
    elif sides is not None:
        yield _in_cache(run, sides)
    elif cross is not None:
        yield _in_cross_attention(run, cross)
    elif (concat := own_cache(run)) is not None:
        yield _in_own_cache(run, concat)
    elif (states := kept_states(run)) is not None:
        yield _in_states(run, states)
    elif (kept := kept_keys(run)) is not None:
        yield _in_kept_keys(run, kept)
    elif (buffer := in_buffer(run, CODE, NAME)) is not None:
        yield buffer
    left = state_left(run)
    for found in (*unordered(run), *([left] if left is not None else ())):
        yield _unordered(run, found)
    if (beside := tiled(run)) is not None:
        yield _tiled(run, *beside)
    seen = set()
    for trim in trims(run):
        if trim.cut.chain not in seen:
            seen.add(trim.cut.chain)
            yield _trimmed(run, trim)


def _in_cache(run: Run, sides: _Sides) -> Finding:
    rows, wanted = sides.past.last[0], sides.new.last[0]
    source = _changed_input(run, rows)
    hops = source[1] if source else []
    change = birth(hops)
    if (cut := _changed_cache(run, sides, wanted)) is not None:
        hops, change = cut, birth(cut)
    elif (repeated := repeated_once(run, sides.past, change)) is not None:
        hops, change = repeated, birth(repeated)
    here = run.location(change.row) if change is not None and change.size_before is not None else None
    made = rows_written_at(run, sides.past) if here is None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(run, rows, wanted, change),
        location=here
        or (made[0] if made is not None else None)
        or _handed_over(run)
        or run.location(sides.row)
        or run.failed_at,
        failed_at=run.failed_at,
        operands=_operands(run, sides, source[0] if source else None),
        mismatch=Mismatch("dim", (rows, wanted), 0),
        lineage=steps(run, made[1] if made is not None else hops),
        fix=_fix(run, change, rows, wanted),
    )


def _changed_cache(run: Run, sides: _Sides, wanted: int) -> list[Hop] | None:
    """The events behind the cache's rows, where the program itself changed them from those of the input."""
    hops = follow(run, sides.past, 0)
    made = birth(hops)
    if made is not None and made.row.kind == "cache" and made.source is None:
        before = next((tensor.last[0] for tensor in made.row.inputs if tensor.label == "past keys"), None)
        # What changes a cache's rows in place tells them from before.
        hops[-1] = made = made._replace(size_before=before)
        return hops if before == wanted else None
    return hops if made is not None and made.row.kind == "op" and made.size_before == wanted else None


def _in_own_cache(run: Run, concat: FailedConcat) -> Finding:
    rows, wanted = concat.clash.sizes
    repeated = repeated_beside(run, concat.failed)
    return clash_finding(
        run,
        concat.failed,
        CODE,
        NAME,
        f"The keys or values kept from earlier steps have {rows} rows, the new ones {wanted}: rows left or joined the batch, "
        "and what is kept was not changed with them.",
        odd_one(run, concat),
        "Where rows leave (or beams reorder) the batch, index the kept keys and values with the same rows."
        if repeated is None or wanted < rows
        else f"Repeat the kept keys and values with the rows: `keys.repeat_interleave({wanted // rows}, dim=0)`.",
        location=run.location(repeated) if repeated is not None else None,
    )


def _in_cross_attention(run: Run, cross: CrossRows) -> Finding:
    rows, wanted = cross.states.last[0], cross.tokens.last[0]
    beams = expansion(run)
    told = f" `generate` makes {beams} rows of each for its beams or sequences." if beams > 1 else ""
    hops = follow(run, cross.states, 0)
    made = rows_written_at(run, cross.states)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{cross.states.label}` has {rows} rows, the decoder's input has {wanted}.{told}",
        location=expanded_twice(run)
        or handed_in_at(run, cross.states.label)
        or (made[0] if made is not None else None)
        or run.location(cross.row)
        or run.failed_at,
        failed_at=run.failed_at,
        operands=(run.tensor(cross.tokens), run.tensor(cross.states)),
        mismatch=Mismatch("dim", (wanted, rows), 0),
        lineage=steps(run, hops),
        fix=Fix(
            f"Expand them with the batch: `{cross.states.label}.repeat_interleave({max(1, wanted // max(1, rows))}, dim=0)`."
        ),
    )


def _in_states(run: Run, kept: KeptStates) -> Finding:
    failed = failed_op(run)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The model's recurrent states have {kept.rows} rows, which an earlier batch left, and {kept.wanted} come in.",
        location=kept.location,
        failed_at=run.failed_at,
        operands=failed.views(run) if failed is not None else (),
        mismatch=Mismatch("dim", (kept.rows, kept.wanted), 0),
        fix=Fix(
            "Begin every batch without states (`cache_params=None`): they belong to the rows that they were made of."
        ),
    )


def _in_kept_keys(run: Run, kept: KeptKeys) -> Finding:
    rows, wanted = kept.keys.last[0], kept.query.last[0]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The decoder has {wanted} rows and meets keys over the encoder's states with {rows}, which an earlier call left in the cache"
        + (": its other half was brought to the new rows, this one was not." if kept.location is not None else "."),
        location=kept.location or run.failed_at,
        failed_at=run.failed_at,
        operands=(run.tensor(kept.query), run.tensor(kept.keys, "the cache's keys")),
        mismatch=Mismatch("dim", (wanted, rows), 0),
        fix=Fix(
            "Bring both halves to the same rows: `cache.batch_repeat_interleave(n)`, `cache.batch_select_indices(rows)` or "
            "`cache.reorder_cache(rows)` of an `EncoderDecoderCache` take them together."
        ),
    )


def _tiled(run: Run, repeated: Row, ids: TensorArg) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The cache's rows were each repeated in place, a a b b, and the ids fed with it as a whole, a b a b ({ids.last[0]} rows): each "
        "row goes on with the cache of another prompt.",
        location=run.location(repeated),
        operands=(run.tensor(ids, "", ("batch", "seq")),),
        mismatch=None,
        fix=Fix("Repeat the ids as the cache was: `repeat_interleave(n, dim=0)`."),
    )


def _unordered(run: Run, found: Unordered) -> Finding:
    kept = [run.tensor(found.keys, "the cache's keys", CACHE_DIMS)] if found.keys is not None else []
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The {found.ids.last[0]} rows of the search are put in the order of the chosen beams, and the cache is not: each row goes on with the "
        f"{'state' if found.keys is None else 'keys and values'} of another beam.",
        location=never_ordered(run) or run.location(found.picked),
        operands=(run.tensor(found.ids, "", ("batch", "seq")), *kept),
        fix=Fix("Put the cache in the same order, before the next call: `cache.reorder_cache(rows)`."),
    )


def _trimmed(run: Run, trim: Trim) -> Finding:
    kept = run.location(trim.kept)
    where = f" (line {kept.line}: `{kept.source}`)" if kept is not None else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if trim.sure else Severity.WARNING,
        f"The cache is cut to its first {trim.after} of {trim.before} rows, while the rows that go on are picked by "
        f"an index{where}: they continue on other rows' keys and values.",
        location=run.location(trim.cut),
        failed_at=None,
        operands=(run.tensor(trim.cut.inputs[0], "", CACHE_DIMS), run.tensor(trim.kept.inputs[0])),
        mismatch=Mismatch("dim", (trim.before, trim.after), 0),
        fix=Fix("Select the same rows of the cache: `cache.batch_select_indices(kept)`, not the first so many."),
    )


def _sides(run: Run) -> _Sides | None:
    """The cached and the new rows of the failed call, where they differ."""
    update = failed_update(run)
    if update is not None and (update.is_static or rows_behind(update)):
        return None
    for row in run.failed_rows:
        by_label = {tensor.label: tensor for tensor in row.inputs}
        past = by_label.get("past keys") or by_label.get("past_key_values.layers[0].keys")
        new = by_label.get("key_states") or by_label.get("input_ids") or by_label.get("inputs_embeds")
        if past is not None and new is not None and len(past.last) == 4 and past.last[0] != new.last[0]:
            return _Sides(past, new, row)
    return None


def _handed_over(run: Run) -> Location | None:
    """Where the calling function got the cache from, if it asked for it and no call of the model gave it."""
    frame = run.user_frame
    cache = next((v for v in frame.operands if v.label == "past_key_values"), None) if frame is not None else None
    if frame is None or cache is None or not cache.expression.isidentifier():
        return None
    place = named_at(run, frame, cache.expression)
    return place if place is not None and "past_key_values" not in place.source else None


def _changed_input(run: Run, rows: int) -> tuple[TensorArg, list[Hop]] | None:
    """The model's input whose rows are not the cache's, and the events behind its number of rows."""
    call = run.failed_row("forward", "generate")
    labels = ("input_ids", "inputs_embeds", "decoder_input_ids", "attention_mask")
    inputs = [t for t in call.inputs if t.label in labels] if call else []
    odd = [(tensor, follow(run, tensor, 0)) for tensor in inputs if tensor.last[0] != rows]
    odd = [(tensor, since_selected(hops, rows)) for tensor, hops in odd]
    seen = [item for item in odd if (made := birth(item[1])) is not None and made.size_before == rows]
    return next(iter(seen or odd), None)


def _message(run: Run, rows: int, wanted: int, change: Hop | None) -> str:
    text = f"The cache holds {rows} rows, the new input has {wanted}."
    location = run.location(change.row) if change is not None else None
    if change is None or location is None or change.size_before is None:
        return text + " One of them was changed without the other."
    verb = "dropped rows" if change.size_after < change.size_before else "added rows"
    return (
        f"{text} Line {location.line} {verb}: {change.size_before} became {change.size_after} "
        f"in `{run.expression(change.row) or location.source}`, and the {'cache' if change.size_after == wanted else 'input'} was "
        "not changed with it."
    )


def _operands(run: Run, sides: _Sides, given: TensorArg | None) -> tuple[OperandView, ...]:
    past = run.tensor(sides.past, "the cache's keys", CACHE_DIMS)
    dims = NEW_DIMS if len(sides.new.last) == 4 else ("batch", "seq")
    views = [past, run.tensor(sides.new, "", dims)]
    if given is not None and given.label != sides.new.label:
        views.append(run.tensor(given, _written(run, given.label), ("batch", "seq")))
    return tuple(views)


def _written(run: Run, label: str) -> str:
    """How the user wrote an argument of the failing call."""
    frame = run.user_frame
    found = next((v.expression for v in frame.operands if v.label == label), None) if frame else None
    if found is None and frame is not None and label == "input_ids":
        found = next((v.expression for v in frame.operands if v.shape is not None and len(v.shape) == 2), None)
    return found or label


def _fix(run: Run, change: Hop | None, rows: int, wanted: int) -> Fix:
    cache = _written(run, "past_key_values")
    if change is None:
        return Fix(f"Give the call a cache of {wanted} rows, or an input of {rows}: start a new cache for a new batch.")
    if change.row.op in SELECTING:
        return _select_too(run, change, cache)
    if change.row.op in _REPEATING:
        return Fix(
            f"Expand the cache with the batch: `{cache}.batch_repeat_interleave({max(1, wanted // max(rows, 1))})`."
        )
    if wanted > rows and wanted % rows == 0:
        return Fix(
            f"Give the cache as many rows as the batch gets, once, before the first call that goes on with it (a copy, if it serves again): `{cache}.batch_repeat_interleave({wanted // rows})`."
        )
    shape = format_shape(change.row.outputs[0].last) if change.row.outputs else str(wanted)
    return Fix(f"Change `{cache}` together with the batch, which becomes {shape} here, or start a new cache.")


def _select_too(run: Run, change: Hop, cache: str) -> Fix:
    """Select the same rows of the cache: as an edit where the cache has a name at the line that drops them."""
    index = index_text(run.expression(change.row))
    by_mask = any(tensor.dtype == "bool" for tensor in change.row.inputs[1:])
    indices = f"{index}.nonzero().squeeze(-1)" if by_mask else index
    call = f"{cache}.batch_select_indices({indices or '...'})"
    here, frame = run.location(change.row), run.user_frame
    edits: tuple[Edit, ...] = ()
    if index and here and frame and cache.isidentifier() and (here.file, here.function) == (frame.file, frame.function):
        edits = (Edit(here.file, here.line, "", run.sources[here.file].indent(here.line) + call),)
    return Fix(f"Where rows leave the batch, let them leave the cache too: `{call}`.", edits)
