"""SG306 stale-cache

A cache that an earlier, unrelated call has filled is used again.

## What it is

A cache object is changed in place by every call that gets it, with ``use_cache=False`` too. What was to be a common prefix
holds, after the first use, the first use's tokens as well.

## Why it goes wrong

Several answers are scored, or several requests generated, on one prompt cache, as if the cache were a value. The first is
right; every later one is read behind the ones before. So it is with keys that a module of one's own keeps in an attribute and
appends to, when a new text begins and nobody let them go. ``cache = self.prefix`` is a name for the object, not a copy of it.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
with torch.no_grad():
    cache = model(torch.tensor([[5, 6, 7, 8]]), use_cache=True).past_key_values
    for answer in ([9, 10], [11, 12], [13, 14]):
        logits = model(torch.tensor([answer]), past_key_values=cache, use_cache=False).logits
```

## Use instead

```python
import copy

import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
with torch.no_grad():
    cache = model(torch.tensor([[5, 6, 7, 8]]), use_cache=True).past_key_values
    for answer in ([9, 10], [11, 12], [13, 14]):
        logits = model(torch.tensor([answer]), past_key_values=copy.deepcopy(cache), use_cache=False).logits
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.cached_calls import (
    begun_again,
    cached_calls,
    counted_apart,
    fresh_ids,
    grown_here,
    readers,
    stepped,
    too_long,
)
from shapeguard.analysis.caches import fed_twice, given_cache, lengths, named
from shapeguard.analysis.climb import written_at
from shapeguard.analysis.conversations import goes_on
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.handed_out import HandedOut, handed_out, made_at, shared_default
from shapeguard.analysis.kept import Kept, kept_operand
from shapeguard.analysis.own_keys import LeftKeys, Refilled, left_keys, refilled
from shapeguard.analysis.run import CACHE_DIMS, Run
from shapeguard.analysis.semantics import family
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG306", "stale-cache"
_CHOOSING = frozenset({"argmax", "topk", "multinomial", "max", "argsort", "sort"})


def check(run: Run) -> Iterator[Finding]:
    """Calls of one place that find in their cache what their siblings put there; generations given a cache too long."""
    left = left_keys(run)
    if left is not None:
        yield _left(run, left)
    if (again := refilled(run)) is not None:
        yield _refilled(run, again)
    failed = failed_op(run)
    kept = kept_operand(run, failed) if failed is not None and family(failed.op) == "attention" else None
    if failed is not None and kept is not None and kept.label in ("key", "value"):
        yield _outlived(run, failed, kept)
    if (crossed := _crossed(run)) is not None:
        yield crossed
    told = set()
    for row in sorted(cached_calls(run), key=lambda call: not call.error):  # what ended the run is told first
        if row.chain in told:
            continue
        if begun_again(run, row):
            told.add(row.chain)
            yield _begun(run, row)
        elif (severity := _sibling(run, row)) is not None:
            told.add(row.chain)
            yield _finding(run, row, severity, _before(row))
    yield from once(
        _behind(run, row) for row in run.of_kind("forward") if row.args.get("cached beyond") and not row.error
    )
    shared = handed_out(run)
    if shared is not None and not told:
        yield _shared(run, shared)
    if (both := fed_twice(run)) is not None and not told:
        yield _fed_twice(run, *both)
    default = shared_default(run)
    if default is not None:
        yield _default(run, *default)
    for row in sorted(run.of_kind("generate"), key=lambda call: not call.error):
        if too_long(row) and not row.error and goes_on(run, row):
            continue  # a turn fed alone: the cache is its own
        if (too_long(row) or row.args.get("another text") is True) and row.chain not in told:
            told.add(row.chain)
            yield _finding(run, row, Severity.ERROR, _before(row))


def _fed_twice(run: Run, call: Row, other: Row, cache: Row) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"Two calls of {call.op} take turns on one {cache.op} and give it the same token: it holds each of them twice, and both go on from "
        "what the other one read.",
        location=run.location(cache),
        operands=tuple(run.tensor(tensor) for tensor in other.inputs[:2]),
        fix=Fix("Give each of them a cache of its own: a `dict` is copied with what it holds by `copy.deepcopy` only."),
    )


def _crossed(run: Run) -> Finding | None:
    """A decoder that looks at the encoder's states of an earlier text: their keys are kept in the cache it is given again."""
    call, attention = run.failed_row("forward"), run.failed_row("attention")
    states = named(call, "encoder_outputs.last_hidden_state", "encoder_hidden_states") if call is not None else None
    key = named(attention, "key") if attention is not None else None
    if call is None or states is None or key is None or len(key.last) != 4 or key.last[2] == states.last[1]:
        return None
    lengths_before = {
        tensor.last[1]
        for row in run.rows[: call.id]
        if row.kind == "forward" and row.owner == call.owner and not row.error
        for tensor in row.inputs
        if tensor.label == states.label and len(tensor.last) > 1
    }
    frame = run.user_frame
    given = [v for v in frame.operands if v.label == "past_key_values"] if frame is not None else []
    if key.last[2] not in lengths_before or frame is None or not given:
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The encoder has {states.last[1]} positions, and the decoder's cache holds the keys of {key.last[2]}, those of an earlier text: "
        "what a decoder looks up of the encoder's states is kept with its own keys.",
        location=written_at(run, frame, given[0].expression) or run.location(call),
        failed_at=run.failed_at,
        operands=(run.tensor(states), run.tensor(key)),
        mismatch=Mismatch("dim", (states.last[1], key.last[2]), 1),
        fix=Fix("Make a new cache where a new text begins."),
    )


def _begun(run: Run, row: Row) -> Finding:
    """A batch of new texts on the cache that the batch before has filled."""
    keys, ids, mask = given_cache(row), named(row, "input_ids"), named(row, "attention_mask")
    cached, new = lengths(row) or (0, 0)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The cache holds {cached} positions of the batch before, and this one begins anew: its mask covers its own {new} and "
        "nothing before them.",
        location=made_at(run, row) or run.location(row),
        failed_at=run.failed_at if row.error and row in run.failed_rows else None,
        operands=tuple(run.tensor(tensor) for tensor in (ids, mask, keys) if tensor is not None),
        mismatch=Mismatch("dim", (cached + new, new), 1),
        fix=Fix("Make a new cache where a new batch begins."),
    )


def _shared(run: Run, shared: HandedOut) -> Finding:
    """The beginning of many texts, handed out as one object."""
    tensors = (given_cache(shared.call), named(shared.call, "input_ids", "inputs_embeds"))
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"The cache was filled once, with {shared.filled} positions, and is handed out as it is: a text that begins here finds "
        f"{shared.cached}, those of the texts before it among them. If it is one conversation that goes on, nothing is wrong.",
        location=shared.location,
        operands=tuple(run.tensor(tensor) for tensor in tensors if tensor is not None),
        mismatch=Mismatch("count", (shared.cached, shared.filled)),
        fix=Fix("Give every text its own copy, `copy.deepcopy(cache)`, or crop it back to its beginning after each."),
    )


def _default(run: Run, call: Row, place: Location) -> Finding:
    """A cache in the signature of a function."""
    keys = given_cache(call)
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        "The cache is the default of a parameter: it is made once, when the function is defined, and every call that brings none of "
        "its own goes on with what the calls before left in it.",
        location=place,
        operands=(run.tensor(keys),) if keys is not None else (),
        fix=Fix("Let the default be `None`, and make the cache in the function."),
    )


def _outlived(run: Run, failed: FailedOp, kept: Kept) -> Finding:
    """Buffers of keys and values that were laid out for an earlier text and are written to again for another one."""
    sizes = failed.clash.sizes if failed.clash is not None else (0, 0)
    made = run.location(kept.row)
    where = f" (line {made.line})" if made is not None else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{failed.op}` meets {sizes[0]} against {sizes[1]}: its {kept.label} is kept in a buffer that was laid out for an earlier "
        f"text{where}, and this one is another.",
        location=kept.guard,
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=failed.mismatch(),
        fix=Fix("Let go of the buffers where a new text begins, or lay them out for the longest there may be."),
    )


def _left(run: Run, left: LeftKeys) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{left.new} new positions are appended to {left.kept} that are kept from before: the mask and the positions are those "
        "of a text that begins, the keys are left from another one.",
        location=left.test,
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in left.joined.inputs),
        mismatch=Mismatch("dim", (left.new, left.new + left.kept), 2),
        fix=Fix("Let go of the kept keys where a new text begins, before its first call."),
    )


def _refilled(run: Run, again: Refilled) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"A text of {again.new} positions begins behind {again.kept} that the text before has left in the buffer of keys; its mask is that "
        "of an empty one.",
        location=again.location or run.failed_at,
        failed_at=run.failed_at,
        operands=tuple(map(run.tensor, again.row.inputs)),
        mismatch=Mismatch("dim", (again.new + again.kept, again.new), 2),
        fix=Fix("Empty the buffers, or lay out new ones, before each text."),
    )


def _sibling(run: Run, row: Row) -> Severity | None:
    """How sure it is that a call should not have met the tokens of the call before at the same place."""
    sizes = lengths(row)
    if counted_apart(run, row):
        return Severity.ERROR
    if row.error or sizes is None or sizes[1] < 2 or not grown_here(run, row):
        return None
    if row.args.get("use_cache") is False:
        return Severity.ERROR
    used = readers(run, row)
    scored = "gather" in used or "cross_entropy" in used
    return (
        Severity.WARNING if scored and not used & _CHOOSING and fresh_ids(run, row) and not stepped(run, row) else None
    )


def _before(row: Row) -> tuple[int, int]:
    """Cached positions at the first and at the last of the calls."""
    first, last = lengths(row, first=True), lengths(row)
    return (first[0] if first else 0, last[0] if last else 0)


def _behind(run: Run, row: Row) -> Finding:
    """A prompt of which only what follows the shared part is fed, on a cache that holds more than that part."""
    told = row.args["cached beyond"]
    shared, cached = (int(number) for number in told) if isinstance(told, list) else (0, 0)
    keys = given_cache(row)
    cuts = [cut for cut in run.of_kind("cache") if cut.op.endswith(".crop") and cut.first_at < row.last_at]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The first {shared} tokens of the prompt are taken for cached and the rest is fed, but the cache holds {cached} positions: those "
        f"behind the first {shared} are of an earlier text, and the new tokens look at them.",
        location=run.location(cuts[-1] if cuts else row),
        operands=(run.tensor(keys, "the cache's keys", CACHE_DIMS),) if keys is not None else (),
        mismatch=Mismatch("count", (cached, shared)),
        fix=Fix(
            f"Cut the cache to what is shared before the rest is fed: `cache.crop({shared - cached})`; what was generated is in it, too."
        ),
    )


def _finding(run: Run, row: Row, severity: Severity, cached: tuple[int, int]) -> Finding:
    keys, ids = given_cache(row), named(row, "input_ids", "inputs_embeds")
    new = (lengths(row) or (0, 0))[1]
    text = (
        f"The cache holds {cached[1]} positions of another text than the ids begin with; they are taken for its beginning, and "
        f"of the {new} ids only those behind them are read."
        if row.kind == "generate" and not too_long(row)
        else f"The cache holds {cached[1]} positions, the ids given with it are {new}: it is left from an earlier call."
        if row.kind == "generate"
        else f"Each of these calls finds the tokens of the one before in its cache: {cached[0]} positions at first, "
        f"{cached[1]} at last."
    )
    return Finding(
        CODE,
        NAME,
        severity,
        text,
        location=run.location(row),
        failed_at=run.failed_at if row.error and row in run.failed_rows else None,
        operands=tuple(run.tensor(tensor) for tensor in (ids, keys) if tensor is not None),
        mismatch=Mismatch("count", (cached[1], new if row.kind == "generate" else cached[0])),
        fix=Fix(
            "Give every call its own copy of the prompt's cache: `copy.deepcopy(cache)`, or crop it back after each call."
        ),
    )
