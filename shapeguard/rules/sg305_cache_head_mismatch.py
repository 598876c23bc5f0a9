"""SG305 cache-head-mismatch

The heads or the head size of a KV cache are not those of the model that is given it.

## What it is

A cache layer is (batch, kv_heads, past, head_dim). kv_heads is ``num_key_value_heads``, in grouped-query models fewer than
the query heads; head_dim is the config's own where it names one, not always ``hidden_size // num_attention_heads``.

## Why it goes wrong

Keys and values made by hand (a trained prefix, preallocated buffers, a cache file of another model) take the numbers that
were right for an older model: as many heads as queries, or a head size that was worked out by division.

## Example

```python
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2)
model = LlamaForCausalLM(config).eval()
heads = config.num_attention_heads
prefix = DynamicCache([(torch.randn(1, heads, 3, 8), torch.randn(1, heads, 3, 8)) for _ in range(2)])
model(torch.tensor([[7, 9]]), past_key_values=prefix)
```

## Use instead

```python
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2)
model = LlamaForCausalLM(config).eval()
heads = config.num_key_value_heads
prefix = DynamicCache([(torch.randn(1, heads, 3, 8), torch.randn(1, heads, 3, 8)) for _ in range(2)])
model(torch.tensor([[7, 9]]), past_key_values=prefix)
```
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.blame import suspect
from shapeguard.analysis.caches import failed_update, features_turned, heads_behind
from shapeguard.analysis.causes import cause
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.frozen import kept_since_built
from shapeguard.analysis.heads import read_at
from shapeguard.analysis.lineage import Hop, follow, steps
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.run import CACHE_DIMS, NEW_DIMS, Run
from shapeguard.analysis.sides import Side, sides
from shapeguard.analysis.written import parsed, whole_trails
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import NamedValue, Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG305", "cache-head-mismatch"
_KEYS = re.compile(r"\b(x?k|x?v|keys?|values?|key_states|value_states)\b")
_WIDTHS = frozenset({"hidden_size", "d_model", "n_embd", "dim"})
_WIDTH = re.compile(r"\.(hidden_size|d_model|n_embd)\b")
_WHAT = {1: "kv heads", 3: "head_dim"}


class _Odd(NamedTuple):
    """The tensor made by hand, the model's own, their sizes, and what they count (1: kv heads, 3: head size)."""

    made: TensorArg | NamedValue
    own: TensorArg | NamedValue
    sizes: tuple[int, int]
    counted: int
    dim: int  # of the tensor made by hand
    decided: Location | None = None


_BESIDE_QUERIES = frozenset({"matmul", "einsum", "gather", "take_along_dim", "mul"})
_WRITING = frozenset({"setitem", "copy_", "index_copy_", "index_copy"})


def check(run: Run) -> Iterator[Finding]:
    """A cache update, or a copy into or out of a cache, that failed in the heads or the head size."""
    update = failed_update(run)
    if update is not None and (heads_behind(update) or features_turned(update)):
        return  # a question of the layout
    odd = _in_update(run) or _beside_cache(run) or _own_buffer(run) or _kept_repeated(run)
    if odd is None:
        return
    made, own = _shape(odd.made), _shape(odd.own)
    hops = follow(run, odd.made, odd.dim)
    dims = CACHE_DIMS if len(made) == 4 else (), NEW_DIMS if len(own) == 4 else ()
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The cache is {format_shape(made, dims[0])}, the model's keys are {format_shape(own, dims[1])}: "
        f"{odd.sizes[0]} {_WHAT[odd.counted]} against {odd.sizes[1]}.",
        location=odd.decided or (_divided(run, hops) if odd.counted == 3 else None) or _location(run, hops),
        failed_at=run.failed_at,
        operands=(run.view(odd.made, dims[0]), run.view(odd.own, dims[1])),
        mismatch=Mismatch("dim", odd.sizes, odd.dim),
        lineage=steps(run, hops),
        fix=Fix(
            "Take the number from the model: `config.num_key_value_heads` kv heads, and `config.head_dim` where the config "
            "names one (only else `hidden_size // num_attention_heads`); layers may differ in both."
        ),
    )


def _in_update(run: Run) -> _Odd | None:
    update = failed_update(run)
    if update is None or len(update.past.last) != 4 or len(update.new.last) != 4:
        return None
    if update.past.last[0] != update.new.last[0]:
        return None
    dim = next((d for d in _WHAT if update.past.last[d] != update.new.last[d]), None)
    if dim is None:
        return None
    return _Odd(update.past, update.new, (update.past.last[dim], update.new.last[dim]), dim, dim)


def _beside_cache(run: Run) -> _Odd | None:
    """An op of the user's in which a model's cached keys meet a tensor made by hand."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.kind != "dim":
        return None
    both = sides(run, failed)
    cached = [_cached(side) for side in both]
    if len(both) != 2 or cached.count(None) != 1:
        return None
    own, made = (both[i] for i in ((1, 0) if cached[0] is None else (0, 1)))
    counted = next(dim for dim in cached if dim is not None)
    if own.value is None or made.value is None or made.dim is None or counted not in _WHAT:
        return None
    if counted == 1 and failed.op in _BESIDE_QUERIES and made.size > own.size and made.size % own.size == 0:
        return None  # query heads that meet key/value heads: they are to be repeated
    decided = cause(run, failed, made)
    written = decided.location if decided.how == "written" and len(_shape(made.value)) != 4 else None
    return _Odd(made.value, own.value, (made.size, own.size), counted, made.dim, written)


def _own_buffer(run: Run) -> _Odd | None:
    """A write of keys or values into a buffer of the program's own, (..., kv_heads, head_dim), that was laid out for others."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.kind != "dim" or failed.op not in _WRITING:
        return None
    both = sides(run, failed)
    buffer = next((of for of in both if of.label == "input" and _laid_out(run, of)), None)
    new = next((of for of in both if buffer is not None and of.label != buffer.label), None)
    if buffer is None or new is None or buffer.value is None or new.value is None or buffer.dim is None:
        return None
    back = len(_shape(buffer.value)) - buffer.dim
    if (
        len(_shape(buffer.value)) < 4
        or (back > 2 and not _of_heads(buffer, new))
        or not _KEYS.search(failed.expression(run, new.label))
    ):
        return None
    blamed = suspect(run, failed)
    decided = (blamed if blamed.side.label == buffer.label else cause(run, failed, buffer)).location
    return _Odd(buffer.value, new.value, (buffer.size, new.size), 3 if back == 1 else 1, buffer.dim, decided)


def _of_heads(buffer: Side, new: Side) -> bool:
    """Whether the two differ in their heads, (batch, kv_heads, length, head_dim), and agree in all else but the length."""
    ours, theirs = _shape(buffer.value), _shape(new.value)
    return len(ours) == len(theirs) == 4 and buffer.dim == new.dim == 1 and ours[::3] == theirs[::3]


def _laid_out(run: Run, of: Side) -> bool:
    """Whether a constructor laid a buffer out, or had a helper do it, from numbers alone."""
    last = of.hops[-1] if of.hops else None
    own = last is not None and last.source is None and run.chain(last.row)[:1]
    return bool(own and own[0].function.endswith(".__init__")) or kept_since_built(run, of) is not None


def _kept_repeated(run: Run) -> _Odd | None:
    """Keys kept from an earlier step as they were after each head had been repeated for its queries, joined with new ones."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.op not in ("cat", "concat") or failed.clash.kind != "dim":
        return None
    both = sides(run, failed)
    if (
        len(both) != 2
        or failed.clash.dim != 1
        or any(len(_shape(of.value)) != 4 for of in both if of.value is not None)
    ):
        return None
    more, less = sorted(both, key=lambda of: -of.size)
    last = more.hops[-1] if more.hops else None
    times = last is not None and (last.row.op in ("repeat_interleave", "repeat") or len(last.merged) > 1)
    if last is None or not times or more.size % less.size or last.size_before not in (less.size, None):
        return None
    if more.value is None or less.value is None or more.dim is None:
        return None
    return _Odd(more.value, less.value, (more.size, less.size), 1, more.dim, run.location(last.row))


def _cached(side: Side) -> int | None:
    """The dimension of a cache's keys or values that a size is, where it comes from a cache."""
    return next((hop.after for hop in side.hops if hop.row.kind == "cache"), None)


def _location(run: Run, hops: list[Hop]) -> Location | None:
    if hops and (fallback := _fallback(run, hops[-1])) is not None:
        return fallback
    made_there = bool(hops) and any(hops[-1].size_after in out.last for out in hops[-1].row.outputs)  # and not read in
    read = read_at(run, hops[-1]) if made_there and hops[-1].changed else None
    if read is not None:
        return read
    made = next(
        (hop for hop in reversed(hops) if hop.row.kind == "op" or (hop.changed and hop.row.kind == "concat")), None
    )
    call = run.failed_row("forward", "generate")
    here = run.location(made.row) if made is not None else None
    if here is None and call is not None:
        here = _of_other_model(run, call)
    return here or (run.location(call) if call is not None else None) or run.failed_at


def _fallback(run: Run, end: Hop) -> Location | None:
    """Where a field of a config was asked for with another one in its place, ``getattr(config, "kv_heads", config.heads)``, and is not there."""
    for trail in whole_trails(run, end.row, end.size_after, end.after):
        for spot in trail:
            match parsed(spot):
                case ast.Call(
                    func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(asked)), ast.Attribute(attr=instead)]
                ):
                    told = run.sources[trail[-1].file].line(trail[-1].line)
                    return run.at(spot) if instead in told and f"{asked}=" not in told else None
    return None


def _divided(run: Run, hops: list[Hop]) -> Location | None:
    """Where a head size was reckoned from a config's width and heads, ``config.hidden_size // config.num_attention_heads``."""
    end = hops[-1] if hops else None
    for trail in whole_trails(run, end.row, end.size_after, end.after) if end is not None else ():
        nodes = [(spot, parsed(spot)) for spot in trail]
        read = any(isinstance(node, ast.Attribute) and node.attr in _WIDTHS for _, node in nodes)
        quotient = next((spot for spot, node in nodes if spot.line and _is_quotient(node)), None)
        if quotient is not None and (read or _WIDTH.search(quotient.node_text)):
            return run.at(quotient)
    return None


def _is_quotient(node: ast.AST | None) -> bool:
    return any(
        isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv) for part in ast.walk(node or ast.Pass())
    )


def _of_other_model(run: Run, call: Row) -> Location | None:
    """The call of the helper that called one model with the cache another one had filled by the same line."""
    others = (row for row in run.rows[: call.id] if row.kind == call.kind and row.owner != call.owner and not row.error)
    return next((place for row in others if (place := callers_part(run, call, row)) is not None), None)


def _shape(value: TensorArg | NamedValue | None) -> tuple[int, ...]:
    return value.last if isinstance(value, TensorArg) else (value.shape or ()) if value is not None else ()
