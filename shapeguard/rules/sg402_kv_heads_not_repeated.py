"""SG402 kv-heads-not-repeated

Grouped-query attention: keys and values are not expanded to the number of query heads.

## What it is

A grouped-query model has fewer key/value heads than query heads; each serves a group of them. Before queries and keys meet,
keys and values are repeated along the heads, or the kernel is told of the groups (``enable_gqa=True``).

## Why it goes wrong

Code written for as many heads on both sides, or a repeat along another dim, because the tensors are laid out
(batch, length, heads, head_dim) where (batch, heads, length, head_dim) was expected.

## Example

```python
import torch
from torch.nn import functional as F

query = torch.randn(2, 6, 64).view(2, 6, 8, 8).transpose(1, 2)
keys = torch.randn(2, 6, 16).view(2, 6, 2, 8).transpose(1, 2)
F.scaled_dot_product_attention(query, keys, keys)
```

## Use instead

```python
import torch
from torch.nn import functional as F

query = torch.randn(2, 6, 64).view(2, 6, 8, 8).transpose(1, 2)
keys = torch.randn(2, 6, 16).view(2, 6, 2, 8).transpose(1, 2)
F.scaled_dot_product_attention(query, keys.repeat_interleave(4, dim=1), keys.repeat_interleave(4, dim=1))
```
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from shapeguard.analysis.cached_calls import seen_from
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.heads import configs, entry_frame, kv_heads, query_heads
from shapeguard.analysis.layout import split_off
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.ranks import handed_in
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import Clash
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.source import given_as, parsed_text
from shapeguard.analysis.written import whole_trails, written
from shapeguard.rules.base import once
from shapeguard.rules.grouped_heads import chosen, left_apart, more_keys, values_alone
from shapeguard.values.findings import Finding, Fix, LineageStep, Location, Mismatch, Severity
from shapeguard.values.recording import NamedValue, Row, TensorArg

_TURNING = frozenset({"mT", "transpose", "swapaxes", "permute"})  # before a product with queries
CODE, NAME = "SG402", "kv-heads-not-repeated"
_GROUPS = re.compile(r"^self\.num_key_value_groups$")
_KERNELS = frozenset({"scaled_dot_product_attention", "sdpa_attention_forward", "eager_attention_forward"})


def check(run: Run) -> Iterator[Finding]:
    """An attention, or an op of one, that failed because one side has the query heads and the other the key/value heads."""
    failed = failed_op(run)
    if run.failure is None:
        yield from once(_as_a_whole(run, row) for row in _tiled_keys(run))
    if failed is not None and failed.op in _KERNELS and (more := more_keys(run, failed, CODE, NAME)) is not None:
        yield more
        return
    if failed is None or failed.clash is None or run.failed_row("cache") is not None:
        return
    found = failed.clash
    many, few = max(found.sizes), min(found.sizes)
    if (
        failed.op in _KERNELS
        and found.role == "head"
        and few > 1
        and many % few
        and (odd := _undivided(run, failed, many, few))
    ):
        yield odd
        return
    if (apart := left_apart(run, failed, CODE, NAME)) is not None:
        yield apart
        return
    if few > 1 and many % few and (uneven := _uneven_groups(run, failed)) is not None:
        yield uneven
        return
    if (again := _repeated_again(run, failed)) is not None:
        yield again
        return
    if (expanded := _wrong_factor(run, failed)) is not None:
        yield expanded
        return
    if found.kind != "dim" or few < 1 or many == few or many % few or not _is_heads(run, failed, found):
        return
    if (taken := chosen(run, failed, many, few, CODE, NAME)) is not None:
        yield taken
        return
    wrong = _wrong_repeat(run, failed, many // few)
    where = wrong[0] if wrong is not None else _location(run, failed)
    told = (
        "they were repeated along another dim than the heads"
        if wrong is not None
        else "they are used as they come, one for a group"
    )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{many} query heads meet {few} key/value heads: {told}.",
        location=where,
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("dim", (many, few), found.dim),
        lineage=wrong[1] if wrong is not None else (),
        fix=Fix(
            f"Repeat keys and values {many // few} times along their heads before they meet the queries: "
            f"`key.repeat_interleave({many // few}, dim=1)` for (batch, heads, length, head_dim), or pass `enable_gqa=True`."
        ),
    )


def _tiled_keys(run: Run) -> Iterator[Row]:
    """Keys whose heads were repeated as a whole, a b a b, before an attention with as many query heads."""
    for row in run.rows:
        if row.op not in ("scaled_dot_product_attention", "matmul") or len(row.inputs) < 2 or row.error:
            continue
        query, key = (tensor.last for tensor in row.inputs[:2])
        made = run.row(row.inputs[1].origin)
        if row.op == "matmul" and len(key) == 4:
            made = run.row(made.inputs[0].origin) if made is not None and made.op in _TURNING and made.inputs else None
            key = made.outputs[0].last if made is not None and made.outputs else ()
        before = made.inputs[0].last if made is not None and made.inputs else ()
        if made is None or made.op not in ("repeat", "tile") or len(query) != 4 or len(before) != 4 or len(key) != 4:
            continue
        if key[1] == query[1] > before[1] > 1 and (key[0], *key[2:]) == (before[0], *before[2:]):
            yield made


def _as_a_whole(run: Run, row: Row) -> Finding:
    kv, heads = row.inputs[0].last[1], row.outputs[0].last[1]
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{row.op}` lays the {kv} key/value heads out as a whole, a b a b, for {heads} query heads. Models with grouped queries repeat "
        f"each for its {heads // kv} neighbours, a a b b: with weights of such a model every query meets another head's keys.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        mismatch=None,
        fix=Fix(f"`repeat_interleave({heads // kv}, dim=1)`, or `enable_gqa=True`."),
    )


def _uneven_groups(run: Run, failed: FailedOp) -> Finding | None:
    """A product by hand of query heads with key heads among which they cannot be shared out."""
    found = failed.clash
    if found is None or found.kind != "dim" or found.role == "inner" or not _both_split(run, failed, found):
        return None
    many, few = max(found.sizes), min(found.sizes)
    fewer = found.right if found.sizes[1] < found.sizes[0] else found.left
    value, dim = failed.operands.get(fewer), found.right_dim if fewer == found.right else found.left_dim
    split = split_off(run, value, dim) if value is not None and dim is not None else None
    number = written(run, split.row, split.size_after, split.after) if split is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{many} query heads cannot be shared out among {few} key/value heads: {many} does not divide by {few}.",
        location=number or _location(run, failed),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("dim", (many, few), found.dim),
        fix=Fix(
            "Choose a number of key/value heads that divides that of the query heads; a default does not follow the one that is set."
        ),
    )


def _wrong_factor(run: Run, failed: FailedOp) -> Finding | None:
    """A product of queries with keys whose heads were repeated, and not as often as would make them as many as the queries'."""
    found = failed.clash
    if (
        found is None
        or failed.op not in ("matmul", "einsum")
        or found.role == "inner"
        or found.left_dim != found.right_dim
    ):
        return None
    query, key = failed.operands.get(found.left), failed.operands.get(found.right)
    if query is None or key is None or found.left_dim is None or len(_shape(query)) < 4 or len(_shape(key)) < 4:
        return None
    hops = follow(run, key, found.left_dim)
    folded = hops[-1] if hops else None
    laid = run.row(folded.source.origin) if folded is not None and folded.source is not None else None
    if folded is None or laid is None or len(folded.merged) != 2 or laid.op not in ("expand", "repeat", "broadcast_to"):
        return None
    kv, times = (tensor.last[dim] for tensor, dim in folded.merged)
    if found.sizes[0] % kv or found.sizes[1] != kv * times or split_off(run, query, found.left_dim) is None:
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{found.sizes[0]} query heads meet {found.sizes[1]}: {kv} key/value heads were repeated {times} times, and {found.sizes[0] // kv} "
        "are wanted.",
        location=_told(run, laid, times, folded.merged[1][1]) or run.location(laid),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("dim", found.sizes, found.left_dim),
        lineage=steps(run, hops),
        fix=Fix("Repeat each key/value head `query_heads // kv_heads` times."),
    )


def _repeated_again(run: Run, failed: FailedOp) -> Finding | None:
    """A library's attention that repeated keys which had as many heads as the queries already, because its module counts groups."""
    row, found = run.failed_row("attention"), failed.clash
    shapes = {tensor.label: tensor.last for tensor in row.inputs} if row is not None else {}
    query, key = shapes.get("query", ()), shapes.get("key", ())
    if found is None or len(query) != 4 or len(key) != 4 or query[1] != key[1] or found.kind != "dim":
        return None
    heads, got = min(found.sizes), max(found.sizes)
    if heads != query[1] or got % heads or got == heads:
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"Queries and keys have {heads} heads each, and the attention repeats the keys {got // heads} times all the same, to {got}: the "
        f"module says that {got // heads} query heads share a key head.",
        location=_groups_set(run) or _location(run, failed),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("dim", (heads, got), found.dim),
        fix=Fix("Keys that have a head for each query head are in groups of one: `self.num_key_value_groups = 1`."),
    )


def _groups_set(run: Run) -> Location | None:
    """Where the class whose ``forward`` called the attention says how many query heads share a key head."""
    frame = run.user_frame
    tree = run.sources[frame.file].tree if frame is not None else None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.ClassDef) and frame is not None and frame.function.startswith(f"{node.name}."):
            for statement in ast.walk(node):
                if isinstance(statement, ast.Assign) and any(map(_GROUPS.search, map(ast.unparse, statement.targets))):
                    return run.place(frame.file, statement.lineno, f"{node.name}.__init__")
    return None


def _told(run: Run, laid: Row, times: int, dim: int) -> Location | None:
    """Where the function that repeats the heads takes the number of times from: which number it takes is its choice."""
    place = run.location(laid)
    ways = whole_trails(run, laid, times, dim) if place is not None else ()
    spots = [
        spot for way in ways for spot in way if place is not None and spot.function == place.function and spot.line
    ]
    return run.at(spots[-1]) if spots else None


def _undivided(run: Run, failed: FailedOp, many: int, few: int) -> Finding | None:
    """A transformers model that was configured with key/value heads among which its query heads cannot be shared out."""
    grouped = [config for config in configs(run) if (query_heads(config), kv_heads(config)) == (many, few)]
    if run.failed_row("forward") is None or not grouped:
        return None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{many} query heads cannot be shared out among {few} key/value heads: {many} does not divide by {few}.",
        location=setting_written(run, grouped[-1], ("num_key_value_heads",)) or run.location(grouped[-1]),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("divides", (many, few)),
        fix=Fix("Choose `num_key_value_heads` so that it divides `num_attention_heads`."),
    )


def _is_heads(run: Run, failed: FailedOp, found: Clash) -> bool:
    """Whether the clash is one of query heads against key/value heads."""
    ranks = [len(shape) for _, shape in failed.call.tensors]
    if failed.op in _KERNELS:
        return found.role == "head" and {"key", "value"} & {found.left, found.right} != set()
    if max(ranks, default=0) < 3 or found.left_dim is None or found.right_dim is None:
        return False
    return _known_heads(run, failed, found) or _both_split(run, failed, found)


def _known_heads(run: Run, failed: FailedOp, found: Clash) -> bool:
    """Whether the two sizes are the heads of the attention that was running, or of a config."""
    row = run.failed_row("attention")
    shapes = {tensor.label: tensor.last for tensor in row.inputs} if row is not None else {}
    query, key = shapes.get("query", ()), shapes.get("key", ())
    if len(query) == 4 and len(key) == 4 and set(found.sizes) == {query[1], key[1]}:
        return True
    grouped = [(query_heads(config), kv_heads(config)) for config in configs(run)]
    # In rank 4 they stand where heads stand; else only what transformers itself called is known to be an attention.
    placed = found.left_dim == found.right_dim == 1 and found.role != "inner" and len(failed.call.tensors[0][1]) == 4
    return (placed or entry_frame(run) is not None) and any(set(found.sizes) == set(pair) for pair in grouped)


def _both_split(run: Run, failed: FailedOp, found: Clash) -> bool:
    """Whether both sizes are heads that were split off the features, in a product or a concatenation of queries and keys."""
    if failed.op not in ("matmul", "cat", "einsum", "add", "mul"):
        return False
    sides = [(failed.operands.get(found.left), found.left_dim), (failed.operands.get(found.right), found.right_dim)]
    return all(value is not None and dim is not None and split_off(run, value, dim) is not None for value, dim in sides)


def _wrong_repeat(run: Run, failed: FailedOp, groups: int) -> tuple[Location, tuple[LineageStep, ...]] | None:
    """Where keys were made longer instead of being given more heads."""
    query, key = failed.operands.get("query"), failed.operands.get("key")
    if query is None or key is None or failed.row is None:
        return None
    wanted, got = _shape(query), _shape(key)
    if len(wanted) < 3 or len(got) < 3 or got[-2] != wanted[-2] * groups:
        return None
    hops = follow(run, key, len(got) - 2)
    last = hops[-1] if hops else None
    where = seen_from(run, last.row, failed.row) if last is not None and last.changed else None
    return (where, steps(run, hops)) if where is not None else None


def _location(run: Run, failed: FailedOp) -> Location | None:
    entry = entry_frame(run)
    if entry is not None:
        return run.statement_of(entry)
    if (taken := _keys_taken(run, failed)) is not None:
        return taken
    if (one := values_alone(run, failed)) is not None:
        return one
    frame = run.user_frame
    if frame is not None and frame.function.isidentifier() and failed.op == "einsum" and failed.row is not None:
        return run.helper_call(failed.row) or run.statement_of(frame)
    return _not_told(run) or (run.statement_of(run.user_frame) if run.user_frame is not None else run.failed_at)


def _not_told(run: Run) -> Location | None:
    """The call of a function that hands its settings on, ``sdpa(q, k, v, **options)``, and was told nothing of groups."""
    frames = [frame for frame in run.frames if frame.user]
    if len(frames) < 2 or not given_as(frames[-1].expression, None) or given_as(frames[-1].expression, "enable_gqa"):
        return None
    return run.statement_of(frames[-2])


def _keys_taken(run: Run, failed: FailedOp) -> Location | None:
    """Where the function of a failed product was handed its keys by another one: there they can be repeated for all that follows."""
    found, frame = failed.clash, run.user_frame
    if found is None or frame is None or failed.op not in ("matmul", "einsum"):
        return None
    fewer = found.right if found.sizes[1] < found.sizes[0] else found.left
    text = failed.expression(run, fewer)
    value = failed.operands.get(fewer)
    for hop in follow(run, value, found.dim or 0) if value is not None else ():
        place = run.location(hop.row)  # a part of the keys, cut out here
        if place is None or place.function != frame.function or hop.changed or hop.row.op != "getitem":
            break
        text = run.expression(hop.row)
    node = parsed_text(text)
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):  # k of ``k.transpose(-1, -2)``
        node = node.func if isinstance(node, ast.Call) else node.value
    return (named_at(run, frame, node.id) or handed_in(run, frame, node.id)) if isinstance(node, ast.Name) else None


def _shape(value: TensorArg | NamedValue) -> tuple[int, ...]:
    return value.last if isinstance(value, TensorArg) else value.shape or ()
