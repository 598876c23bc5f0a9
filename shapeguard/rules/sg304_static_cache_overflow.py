"""SG304 static-cache-overflow

A cache of fixed size is given more positions, or more rows, than it has room for.

## What it is

A static cache reserves (batch, kv_heads, max_cache_len, head_dim) once and writes into it. It never grows: the length is what
it was made with, the rows are those of the first call.

## Why it goes wrong

The length is a constant, while prompt and answer are as long as they are; or a warm-up with one row fixed the rows, and
``reset()`` empties the buffers without changing their size.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM, StaticCache

config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2)
model = LlamaForCausalLM(config).eval()
cache = StaticCache(config=config, max_cache_len=8)
model(torch.randint(0, 50, (1, 6)), past_key_values=cache)
model(torch.randint(0, 50, (1, 4)), past_key_values=cache)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM, StaticCache

config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2)
model = LlamaForCausalLM(config).eval()
cache = StaticCache(config=config, max_cache_len=16)
model(torch.randint(0, 50, (1, 6)), past_key_values=cache)
model(torch.randint(0, 50, (1, 4)), past_key_values=cache)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.buffers import full_buffer, laid_out_at, overflows
from shapeguard.analysis.caches import FailedUpdate, failed_update
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.lineage import steps
from shapeguard.analysis.run import CACHE_DIMS, NEW_DIMS, Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.written import parsed
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG304", "static-cache-overflow"
_SIZE = "Size the cache by prompt length plus new tokens: `max_cache_len=prompt_length + max_new_tokens`."


def check(run: Run) -> Iterator[Finding]:
    """A failed update of a fixed-size cache, or a write past the end of a buffer that serves as one."""
    update = failed_update(run)
    if update is None:
        yield from _first(run)
        yield from _by_hand(run)
    if update is None or not update.is_static or len(update.past.last) != 4 or len(update.new.last) != 4:
        return
    rows, wanted = update.past.last[0], update.new.last[0]
    if rows != wanted:
        text = f"The cache was laid out for {rows} rows when it was first used; {wanted} rows come now."
        fix = "Make the cache for the batch that is going to be decoded, or warm it up with as many rows."
        yield _finding(run, update, text, Mismatch("dim", (rows, wanted), 0), fix)
    elif update.past.last[1::2] == update.new.last[1::2]:
        room, needed = update.past.last[2], _needed(run, update)
        text = f"The cache has room for {room} positions, this request needs {needed}."
        yield _finding(run, update, text, Mismatch("index", (needed, room), 2), _SIZE)


def _first(run: Run) -> Iterator[Finding]:
    """The first update of a fixed-size cache, whose keys are laid out only then: a prompt longer than it."""
    row = run.failed_row("cache")
    new = next((t for t in row.inputs if t.label == "key_states" and len(t.last) == 4), None) if row else None
    room = row.args.get("max_cache_len") if row is not None else None
    if row is None or new is None or not isinstance(room, int) or new.last[2] <= room:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The cache has room for {room} positions, and the first {new.last[2]} come at once.",
        location=_location(run, row),
        failed_at=run.failed_at,
        operands=(run.tensor(new, "", NEW_DIMS),),
        mismatch=Mismatch("index", (new.last[2], room), 2),
        fix=Fix(_SIZE),
    )


def _by_hand(run: Run) -> Iterator[Finding]:
    """Writes past the end of buffers that the user's code keeps."""
    told: set[Location | None] = set()
    narrow = full_buffer(run)
    for overflow in (*overflows(run), *([narrow] if narrow is not None else [])):
        what = "rows" if overflow.dim == 0 else "positions"
        where, hops = laid_out_at(run, overflow)
        if where in told:
            continue
        told.add(where)
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            f"The buffer has room for {overflow.room} {what} and is to hold {overflow.needed}: "
            "the slice is cut at its end, and what does not fit is lost or refused.",
            location=where,
            failed_at=run.failed_at if overflow.row.error else None,
            operands=tuple(run.tensor(tensor) for tensor in overflow.row.inputs[:2]),
            mismatch=Mismatch("index", (overflow.needed, overflow.room), overflow.dim),
            lineage=steps(run, hops),
            fix=Fix(
                "Lay the buffer out for the rows of the batch that it is to serve."
                if overflow.dim == 0
                else "Lay the buffer out for prompt length plus new tokens, and check the position before writing."
            ),
        )


def _finding(run: Run, update: FailedUpdate, message: str, mismatch: Mismatch, fix: str) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        message,
        location=_location(run, update.row),
        failed_at=run.failed_at,
        operands=(run.tensor(update.past, "the cache's keys", CACHE_DIMS), run.tensor(update.new, "", NEW_DIMS)),
        mismatch=mismatch,
        fix=Fix(fix),
    )


def _location(run: Run, update: Row) -> Location | None:
    """Where the cache was made; where that is not in the user's code, the call that failed."""
    built = run.row(update.owner)
    here = (_reckoned(run, built) or run.location(built)) if built is not None else None
    return here or run.location(update) or run.failed_at


def _reckoned(run: Run, built: Row) -> Location | None:
    """Where the room was reckoned that a cache was made with under a name, in the function that made it."""
    call = call_of(run.expression(built))
    given = (
        next((word.value for word in call.keywords if word.arg == "max_cache_len"), None) if call is not None else None
    )
    if not isinstance(given, ast.Name):
        return None
    trails = climbs(run.sources, run.chain(built), given)
    spot = trails[0].spots[1] if trails and len(trails[0].spots) > 1 else None
    return run.at(spot) if spot is not None and spot.kind == "assign" and isinstance(parsed(spot), ast.BinOp) else None


def _needed(run: Run, update: FailedUpdate) -> int:
    """Positions that the failed request would fill: its prompt and the tokens it asks for, as far as both are known."""
    least = update.past.last[2] + 1
    call = run.failed_row("generate")
    asked = call.args.get("max_new_tokens") if call is not None else None
    prompt = next((t.last[1] for t in call.inputs if t.label == "input_ids" and len(t.last) == 2), 0) if call else 0
    if isinstance(asked, int) and prompt:
        return max(least, prompt + asked)
    started = _prompt_length(run, update)
    return max(least, started + (_loop_bound(run) or 0), started if started > least else least)


def _prompt_length(run: Run, update: FailedUpdate) -> int:
    """New positions of the latest update of this layer that met an empty cache."""
    same = [row for row in run.rows if row.op == update.row.op and row.module == update.row.module and not row.error]
    first = [
        row for row in same if not any(t.label == "past keys" for t in row.inputs) and row.last_at < update.row.first_at
    ]
    if not first:
        return 0
    latest = max(first, key=lambda row: row.last_at)
    return next((t.last[2] for t in latest.inputs if t.label == "key_states" and len(t.last) == 4), 0)


def _loop_bound(run: Run) -> int | None:
    """The number that bounds the loop the failing line stands in: the int that ``range(steps - 1)`` is made with."""
    frame = run.user_frame
    tree = run.sources[frame.file].tree if frame is not None else None
    if frame is None or tree is None:
        return None
    known = {value.expression: value.value for value in frame.locals if isinstance(value.value, int)}
    loops = [
        n for n in ast.walk(tree) if isinstance(n, ast.For) and n.lineno <= frame.line <= (n.end_lineno or n.lineno)
    ]
    for loop in reversed(loops):
        if isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range":
            names = [known.get(ast.unparse(n)) for n in ast.walk(loop.iter) if isinstance(n, ast.Name | ast.Attribute)]
            numbers = [value for value in names if isinstance(value, int)]
            if len(numbers) == 1:
                return numbers[0]
    return None
