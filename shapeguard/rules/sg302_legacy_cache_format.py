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

import ast
from collections.abc import Iterator

from shapeguard.analysis.caches import FailedUpdate, failed_update, kept_by_crop, named
from shapeguard.analysis.climb import Spot, chain_of_frames, climbs, written_at
from shapeguard.analysis.ranks import Unpacked, unpaired_cache
from shapeguard.analysis.run import CACHE_DIMS, NEW_DIMS, Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import NamedValue, Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG302", "legacy-cache-format"
_SEQUENCES = ("tuple", "list")


def check(run: Run) -> Iterator[Finding]:
    """A failed model call that was given a tuple for a cache, a failed subscript of a Cache, or layers of another layout."""
    row = run.failed_row("forward", "generate")
    if row is not None and (pairs := _pairs(row)):
        yield _tuple_given(run, row, pairs)
    taken = _taken_apart(run)
    if taken is not None:
        yield _cache_taken_apart(run, taken)
    update = failed_update(run)
    if update is not None and len(update.past.last) != len(update.new.last):
        yield _other_layout(run, update)
    if (uneven := _uneven_layers(run)) is not None:
        yield _of_uneven_layers(run, *uneven)
    if (whole := unpaired_cache(run)) is not None:
        yield _one_tensor(run, whole)
    if (cropped := kept_by_crop(run)) is not None:
        yield _of_crop(run, *cropped)
    missing = _missing_method(run)
    if missing is not None and taken is None:
        yield _old_method(run, *missing)
    layer = _layer_handed_on(run) if taken is None else None
    if layer is not None:
        yield _of_layer(run, *layer)
    listed = _unpacked_list(run) if taken is None and layer is None else None
    if listed is not None:
        yield _layers_unpacked(run, listed)


def _uneven_layers(run: Run) -> tuple[Row, TensorArg, TensorArg, int] | None:
    """(cache, keys of one layer, keys of another, new positions) of a failed attention whose cache has layers of other lengths."""
    failed = run.failed_row("attention")
    keys = named(failed, "key") if failed is not None else None
    update = run.row(keys.origin) if keys is not None else None
    built = run.row(update.owner) if update is not None and update.kind == "cache" else None
    past = named(update, "past keys") if update is not None else None
    if built is None or update is None or past is None or built.kind != "construct":
        return None
    for row in run.of_kind("cache"):
        other = named(row, "past keys") if row.owner == built.id and row.op == update.op else None
        if other is not None and other.origin == past.origin and other.last[-2] != past.last[-2]:
            new = keys.last[-2] - past.last[-2] if keys is not None else 0
            return built, other, past, new
    return None


def _of_uneven_layers(run: Run, built: Row, one: TensorArg, other: TensorArg, new: int) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"One layer of the cache holds {one.last[-2]} positions and another one {other.last[-2]}: it was put together of the keys and "
        "values of different things, those of the decoder and of the encoder, say.",
        location=run.location(built),
        failed_at=run.failed_at,
        operands=(run.tensor(one, "keys of one layer", CACHE_DIMS), run.tensor(other, "keys of another", CACHE_DIMS)),
        mismatch=Mismatch("dim", (one.last[-2] + new, other.last[-2] + new), 2),
        fix=Fix(
            "Take the layers as they were laid out: where each layer gave its own pair and the encoder's, every second pair."
        ),
    )


def _one_tensor(run: Run, whole: Unpacked) -> Finding:
    """Keys and values in one tensor, given to code that takes a pair of them."""
    shape = whole.value.shape or ()
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{whole.value.expression}` is one tensor, {format_shape(shape)}, and this line takes it apart into a pair of keys and values.",
        location=_handed(run, whole.value.expression) or run.failed_at,
        failed_at=run.failed_at,
        operands=(run.operand(whole.value),),
        mismatch=Mismatch("dim", whole.sizes, 0),
        fix=Fix(
            "Hand over the pair, `(keys, values)`: cut what lies side by side (`cache.chunk(2, dim=-1)`), of an empty one too."
        ),
    )


def _handed(run: Run, expression: str) -> Location | None:
    """Where the caller made what it handed in under this name, or handed it in."""
    frame = run.user_frame
    trails = climbs(run.sources, chain_of_frames(run, frame), expression, whole=True) if frame is not None else []
    spots = list(trails[0].spots[1:]) if trails else []
    while len(spots) > 1 and spots[0].kind == "argument" and spots[1].kind == "argument":
        spots.pop(0)
    made = next((spot for spot in spots if spot.kind == "assign" and spot.line), spots[0] if spots else None)
    return run.at(made) if made is not None and made.line else None


def _other_layout(run: Run, update: FailedUpdate) -> Finding:
    past, new = update.past, update.new
    built = run.row(update.row.owner)
    made = run.row(past.origin)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The cache was filled with keys of {len(past.last)} dims, {format_shape(past.last)}; the model works on "
        f"(batch, kv_heads, length, head_dim), here {format_shape(new.last)}.",
        location=(run.location(made) if made is not None else None)
        or (run.location(built) if built is not None else None)
        or run.failed_at,
        failed_at=run.failed_at,
        operands=(run.tensor(past, "the cache's keys"), run.tensor(new, "", NEW_DIMS)),
        mismatch=Mismatch("rank", (len(past.last), len(new.last))),
        fix=Fix("Bring keys and values to (batch, kv_heads, length, head_dim) before they are put into the cache."),
    )


def _missing_method(run: Run) -> tuple[str, str] | None:
    """(class, name) of a method that cache classes no longer have: ``DynamicCache.from_legacy_cache``."""
    frame, failure = run.user_frame, run.failure
    if frame is None or frame is not run.inner_frame or failure is None or failure.exception.type != "AttributeError":
        return None
    statement = run.sources[frame.file].statement(frame.line)
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.endswith("Cache"):
            return node.value.id, node.attr
    return None


def _of_crop(run: Run, row: Row, kept: int) -> Finding:
    keys = named(row, "past keys")
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`crop` is told how many positions to keep, {kept}; since transformers 5 it is told how many to remove, as a number below 0.",
        location=run.location(row),
        failed_at=run.failed_at,
        operands=(run.tensor(keys, "the cache's keys", CACHE_DIMS),) if keys is not None else (),
        fix=Fix("Tell it what is to go: `cache.crop(kept - cache.get_seq_length())`."),
    )


def _old_method(run: Run, cache: str, name: str) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{cache}` has no `{name}`: the old tuple format is no longer converted to and fro.",
        location=run.failed_at,
        failed_at=run.failed_at,
        fix=Fix(
            f"Make the cache from the pairs, `{cache}(pairs)`, and read it by its layers: `layer.keys`, `layer.values`."
        ),
    )


def _unpacked_list(run: Run) -> Spot | None:
    """Where a list of a cache's layers was made that the failed line takes apart."""
    frame = run.user_frame
    failure = run.failure
    if frame is None or frame is not run.inner_frame or failure is None or failure.exception.type != "ValueError":
        return None
    statement = run.sources[frame.file].statement(frame.line)
    taken = _iterated(statement) if statement is not None else []
    for name in taken:
        chain = chain_of_frames(run, frame)
        for trail in (*climbs(run.sources, chain, name, whole=True), *climbs(run.sources, chain, name)):
            made = next((spot for spot in reversed(trail.spots) if _iterates_cache(run, spot)), None)
            if made is not None:
                return made
    return None


def _iterated(statement: ast.stmt) -> list[str]:
    """Expressions that a loop or an assignment takes apart into two or more names."""
    if isinstance(statement, ast.For | ast.AsyncFor):
        source = statement.iter
    elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
        source = statement.value
    else:
        loops = [part for node in ast.walk(statement) for part in getattr(node, "generators", ())]
        sources = [loop.iter for loop in loops if isinstance(loop.target, ast.Tuple)]
        if len(sources) != 1:
            return []
        source = sources[0]
    parts = source.args if isinstance(source, ast.Call) else [source]
    return [ast.unparse(part.value if isinstance(part, ast.Subscript) else part) for part in parts]


def _iterates_cache(run: Run, spot: Spot) -> bool:
    """Whether an expression takes a model's cache as a sequence: ``list(out.past_key_values)``."""
    node = parsed_text(spot.node_text)
    part = node.args[0] if isinstance(node, ast.Call) and len(node.args) == 1 else node
    return isinstance(part, ast.Attribute) and part.attr == "past_key_values"


def _is_list(made: Spot) -> bool:
    """Whether an expression made a list of the layers, ``list(out.past_key_values)``: else it only hands the cache on."""
    return isinstance(parsed_text(made.node_text), ast.Call)


def _layers_unpacked(run: Run, made: Spot) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{made.node_text}` hands out a cache's layers as they are iterated, which are no (key, value) pairs.",
        location=run.at(made) if _is_list(made) else run.failed_at,
        failed_at=run.failed_at,
        fix=Fix("Take the pairs from the layers: `[(layer.keys, layer.values) for layer in past_key_values.layers]`."),
    )


def _pairs(row: Row) -> list[str]:
    """Labels of the tensors of a nested tuple given as past_key_values."""
    is_sequence = isinstance(row.args.get("past_key_values"), list)
    return [t.label for t in row.inputs if t.label.startswith("past_key_values[")] if is_sequence else []


def _tuple_given(run: Run, row: Row, pairs: list[str]) -> Finding:
    frame = run.user_frame
    given = next((v for v in frame.operands if v.label == "past_key_values"), None) if frame else None
    expression = given.expression if given is not None else "past_key_values"
    built = _kept_where_made(run, row, pairs, expression)
    built = built or (written_at(run, frame, expression) if frame is not None else None)
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


def _kept_where_made(run: Run, row: Row, pairs: list[str], expression: str) -> Location | None:
    """Where the pairs were put into an attribute, in the function that made them: elsewhere it may have been given a Cache."""
    pair = next((tensor for tensor in row.inputs if tensor.label == pairs[0]), None)
    made = run.birth(pair.origin) if pair is not None and "." in expression else None
    function = run.sources[made.file].function_at(made.line) if made is not None else None
    for node in ast.walk(function or ast.Pass()):
        if made is None or not isinstance(node, ast.Assign) or node.lineno < made.line:
            continue
        if expression in map(ast.unparse, node.targets):
            return run.place(made.file, node.lineno, made.function)
    return None


def _taken_apart(run: Run) -> NamedValue | None:
    """The cache that the user's code subscripts or unpacks, where that is what failed."""
    frame = run.user_frame
    if frame is None or frame is not run.inner_frame or run.failure is None:
        return None
    caches = [value for value in (*frame.operands, *frame.locals) if value.type.endswith("Cache")]
    statement = run.sources[frame.file].statement(frame.line)
    if run.failure.exception.type in ("TypeError", "AttributeError"):
        # `past[0][0]` fails at its inner subscript; `len(past[0])` at the statement.
        text = frame.expression or (ast.unparse(statement) if statement is not None else "")
        walked = _walked(statement) if statement is not None else []
        return next((value for value in caches if value.expression in text or value.expression in walked), None)
    if run.failure.exception.type == "ValueError" and statement is not None:
        taken = _iterated(statement)
        return next((value for value in caches if value.expression in taken), None)
    return None


def _layer_handed_on(run: Run) -> tuple[NamedValue, Location] | None:
    """(cache, loop) where a loop goes through a cache and hands on each layer, which what it calls unpacks as a pair."""
    frame, failure = run.user_frame, run.failure
    if frame is None or frame is not run.inner_frame or failure is None or failure.exception.type != "ValueError":
        return None
    statement = run.sources[frame.file].statement(frame.line)
    taken = _iterated(statement) if isinstance(statement, ast.Assign) else []
    if not any(value.type == "tuple" and value.expression in taken for value in frame.locals):
        return None
    for outer in reversed(run.frames):
        nodes = run.sources[outer.file].nodes if outer.user and outer is not frame else ()
        around = [
            (loop, value)
            for loop in nodes
            if isinstance(loop, ast.For) and loop.lineno <= outer.line <= (loop.end_lineno or loop.lineno)
            for value in outer.locals
            if value.type.endswith("Cache") and value.expression in _iterated(loop)
        ]
        if around:
            loop, cache = around[-1]
            return cache, run.place(outer.file, loop.lineno, outer.function)
    return None


def _of_layer(run: Run, cache: NamedValue, loop: Location) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The loop goes through `{cache.expression}`, a {cache.type}, whose layers are no (key, value) pairs as this line unpacks them.",
        location=loop,
        failed_at=run.failed_at,
        operands=(run.operand(cache),),
        fix=Fix(f"Hand on the pairs: `[(layer.keys, layer.values) for layer in {cache.expression}.layers]`."),
    )


def _walked(statement: ast.stmt) -> list[str]:
    """What the loops of a statement, or those it stands for, go through."""
    loops = [part.iter for node in ast.walk(statement) for part in getattr(node, "generators", ())]
    loops += [statement.iter] if isinstance(statement, ast.For) else []
    return [ast.unparse(loop) for loop in loops]


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
