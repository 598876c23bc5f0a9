"""SG307 cache-kind-unsuited

The kind of cache does not suit what is asked of it: a fixed-size cache where tokens must be taken back, and the like.

## What it is

transformers has caches that grow, that are laid out once (static), that keep a window (sliding) or that store less
(quantized, offloaded). Not each can do everything: a static cache cannot be cropped, so it cannot serve a draft model.

## Why it goes wrong

``cache_implementation`` is set once for speed, on the generation config, and later another way of decoding is asked for.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

shape = dict(vocab_size=50, hidden_size=32, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)
model = LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, **shape)).eval()
draft = LlamaForCausalLM(LlamaConfig(num_hidden_layers=1, **shape)).eval()
model.generation_config.cache_implementation = "static"
ids = torch.tensor([[5, 6, 7]])
model.generate(ids, attention_mask=torch.ones_like(ids), assistant_model=draft, max_new_tokens=4, do_sample=False)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

shape = dict(vocab_size=50, hidden_size=32, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)
model = LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, **shape)).eval()
draft = LlamaForCausalLM(LlamaConfig(num_hidden_layers=1, **shape)).eval()
ids = torch.tensor([[5, 6, 7]])
model.generate(ids, attention_mask=torch.ones_like(ids), assistant_model=draft, max_new_tokens=4, do_sample=False)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.caches import kept_by_crop
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings import set_at
from shapeguard.values.findings import Finding, Fix, Location, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG307", "cache-kind-unsuited"
# What caches raise for what they cannot do: unasked-for kinds, methods they lack or refuse, a library their kind needs.
_REFUSALS = ("ValueError", "NotImplementedError", "TypeError", "AttributeError", "ImportError")
_TAKING_BACK = ("crop", "reorder_cache", "batch_repeat_interleave", "batch_select_indices")


def check(run: Run) -> Iterator[Finding]:
    """A generation, or a cache's own method, that refused the kind of cache it was given."""
    failure = run.failure
    if (
        failure is None
        or failure.exception.type not in _REFUSALS
        or run.failed_row("op", "concat", "attention", "tokenizer")
    ):
        return
    call, method = run.failed_row("generate"), run.failed_row("cache")
    if kept_by_crop(run) is not None:
        return  # a question of the way of calling
    if method is not None and method.op.partition(".")[2] in _TAKING_BACK:
        yield _finding(run, method, str(method.args.get("cache") or method.op.partition(".")[0]))
    elif call is not None and method is None and (kind := _kind(call)) and _about_caches(run):
        yield _finding(run, call, kind)


def _kind(call: Row) -> str:
    """The kind of cache a generation was told to use: by name, or by the object it was given; "" where it was told none."""
    told, given = call.args.get("cache_implementation"), call.args.get("past_key_values")
    if isinstance(told, str):
        return told
    return given if isinstance(given, str) and given not in ("DynamicCache", "EncoderDecoderCache") else ""


def _about_caches(run: Run) -> bool:
    """Whether the library itself raised, and its words are about a cache: there is no tensor to ask."""
    frame = run.inner_frame
    assert run.failure is not None
    return frame is not None and not frame.user and "cache" in run.failure.exception.message.lower()


def _finding(run: Run, row: Row, kind: str) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The {kind} cache cannot do what `{row.op}` asks of it here.",
        location=_chosen_at(run, row) or run.location(row) or run.failed_at,
        failed_at=run.failed_at,
        fix=Fix("Leave the cache dynamic (no `cache_implementation`, or a `DynamicCache`) for this way of decoding."),
    )


def _chosen_at(run: Run, row: Row) -> Location | None:
    """Where the kind of cache was chosen: by the setting, else by making the object."""
    told = set_at(run, "cache_implementation")
    if told is not None and row.kind == "generate":
        return told
    built = run.row(row.owner) if row.kind == "cache" else None
    made = [other for other in run.of_kind("construct") if other.op == row.args.get("past_key_values")]
    return run.location(built or made[-1]) if built or made else None
