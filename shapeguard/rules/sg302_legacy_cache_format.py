"""SG302 legacy-cache-format

A tuple of (key, value) pairs is given to code that wants a Cache object, or a Cache is taken apart like a tuple.

## What it is

Until transformers 4.36 a KV cache was a tuple with one (key, value) pair a layer, each (batch, kv_heads, past, head_dim).
Today it is an object that knows its length and updates itself; models ask it, and a tuple has no answer.

## Why it goes wrong

The model calls ``past_key_values.get_seq_length()`` and meets a tuple; or old code writes ``past[0][0]`` and meets an object
that is no sequence.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
prefix = tuple((torch.randn(1, 2, 3, 8), torch.randn(1, 2, 3, 8)) for _ in range(2))
model(torch.tensor([[7]]), past_key_values=prefix)
```

## Use instead

```python
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
prefix = DynamicCache([(torch.randn(1, 2, 3, 8), torch.randn(1, 2, 3, 8)) for _ in range(2)])
model(torch.tensor([[7]]), past_key_values=prefix)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.climb import written_at
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Severity
from shapeguard.values.recording import NamedValue, Row

CODE, NAME = "SG302", "legacy-cache-format"
_SEQUENCES = ("tuple", "list")


def check(run: Run) -> Iterator[Finding]:
    """A failed model call that was given a tuple for a cache, or a failed subscript of a Cache."""
    row = run.failed_row("forward", "generate")
    if row is not None and (pairs := _pairs(row)):
        yield _tuple_given(run, row, pairs)
    taken = _taken_apart(run)
    if taken is not None:
        yield _cache_taken_apart(run, taken)


def _pairs(row: Row) -> list[str]:
    """Labels of the tensors of a nested tuple given as past_key_values."""
    is_sequence = isinstance(row.args.get("past_key_values"), list)
    return [t.label for t in row.inputs if t.label.startswith("past_key_values[")] if is_sequence else []


def _tuple_given(run: Run, row: Row, pairs: list[str]) -> Finding:
    frame = run.user_frame
    given = next((v for v in frame.operands if v.label == "past_key_values"), None) if frame else None
    expression = given.expression if given is not None else "past_key_values"
    built = written_at(run, frame, expression) if frame is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{expression}` is a tuple of (key, value) pairs, the old cache format; {row.op} wants a Cache object.",
        location=built or run.location(row) or run.failed_at,
        failed_at=run.failed_at,
        operands=tuple(run.tensor(t) for t in row.inputs if t.label in pairs[:2]),
        fix=Fix(f"Wrap the pairs in a cache: `DynamicCache({expression})`, one (key, value) pair a layer."),
    )


def _taken_apart(run: Run) -> NamedValue | None:
    """The cache that the user's code subscripts or unpacks, where that is what failed."""
    frame = run.user_frame
    if frame is None or frame is not run.inner_frame or run.failure is None:
        return None
    if run.failure.exception.type not in ("TypeError", "AttributeError"):
        return None
    # `past[0][0]` fails at its inner subscript; `for k, v in past` and `len(past[0])` at the statement.
    return next((value for value in (*frame.operands, *frame.locals) if value.type.endswith("Cache")), None)


def _cache_taken_apart(run: Run, cache: NamedValue) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{cache.expression}` is a {cache.type} object, but this line takes it apart like the old tuple of pairs.",
        location=run.failed_at,
        failed_at=run.failed_at,
        operands=(run.operand(cache),),
        fix=Fix(
            f"Ask the object: `{cache.expression}.layers[i].keys`, `.values`, `.get_seq_length()`; "
            f"change rows with `.batch_select_indices(...)` or `.reorder_cache(...)`."
        ),
    )
