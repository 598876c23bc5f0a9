"""A beam search by hand: its rows are put in another order after every step, and what the cache holds of them has to follow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from shapeguard.analysis.caches import given_cache, named
from shapeguard.analysis.causes import CELLS
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg

_CHOOSING = frozenset({"topk", "sort", "argsort"})
_PARENTS = frozenset(
    {"floordiv", "div", "floor_divide", "true_divide", "truediv"}
)  # which beam a choice among all belongs to
_ORDERING = frozenset({"reorder_cache", "batch_select_indices"})
_PICKING = frozenset({"getitem", "index_select", "gather", "take"})
_NEAR = 10  # rows between a call's ids and the op that put them in order


class Unordered(NamedTuple):
    """The op that put the rows in order, the calls that went on with them, and the cached keys in the order of before.

    A recurrent state has no keys.
    """

    picked: Row
    call: Row
    ids: TensorArg
    keys: TensorArg | None


def unordered(run: Run) -> Iterator[Unordered]:
    """Calls on a cache whose ids were put in the order of the chosen beams, where nothing ever did so with the cache."""
    for call in run.of_kind("forward"):
        keys, ids = given_cache(call), named(call, "decoder_input_ids", "input_ids")
        if ids is None or call.error or not (_is_recurrent(call, ids) if keys is None else _fit(keys, ids)):
            continue
        behind = list(islice(ancestors(run, ids), _NEAR))
        picked = next((row for row in behind if _puts_in_order(run, row, ids.last[0])), None)
        picked = picked or _of_one_choice(run, behind, ids.last[0], call) or _by_score(run, behind, call)
        if picked is not None and not _cache_follows(run, picked, call):
            yield Unordered(picked, call, ids, keys)
            return


def state_left(run: Run) -> Unordered | None:
    """A recurrent layer that goes on from its own state, step by step, while the rows of the search are put in another order."""
    for layer in run.of_kind("module"):
        states = [tensor for tensor in layer.inputs if tensor.label.startswith("hx")]
        own = layer.op in CELLS and layer.count > 1 and states and all(state.origin == layer.id for state in states)
        rows = layer.inputs[0].last[0] if own and layer.inputs[0].last else 0
        for row in run.rows if rows > 1 else ():
            within = layer.first_at < row.first_at < layer.last_at
            if within and _puts_in_order(run, row, rows):
                return Unordered(_reordering(run, row) or row, layer, layer.inputs[0], None)
    return None


def tiled(run: Run) -> tuple[Row, TensorArg] | None:
    """(repeat, ids) of a call on a cache whose rows were each repeated in place, with ids that were repeated as a whole."""
    spread = [row for row in run.of_kind("cache") if row.op.endswith(".batch_repeat_interleave") and row.inputs]
    for call in run.of_kind("forward") if spread else ():
        ids = named(call, "input_ids")
        if ids is None or given_cache(call) is None or len(ids.last) != 2:
            continue
        for row in islice(ancestors(run, ids), _NEAR):
            before, after = (
                (row.inputs[0].last[:1], row.outputs[0].last[:1]) if row.inputs and row.outputs else ((), ())
            )
            prompts = spread[-1].inputs[0].last[:1]
            if row.op in ("repeat", "tile") and after == ids.last[:1] and before == prompts not in (after, (1,)):
                return row, ids
    return None


def never_ordered(run: Run) -> Location | None:
    """The condition under which the program would put the cache in order, and which never held."""
    for file, node in run.nodes(ast.If):
        inside = (part for body in node.body for part in ast.walk(body))
        if any(isinstance(part, ast.Attribute) and part.attr in _ORDERING for part in inside):
            return run.place(file, node.lineno)
    return None


def _fit(keys: TensorArg, ids: TensorArg) -> bool:
    """Whether a cache holds keys (batch, kv_heads, past, head_dim) of as many rows as there are ids for."""
    return len(keys.last) == 4 and ids.last[:1] == keys.last[:1]


def _is_recurrent(call: Row, ids: TensorArg) -> bool:
    """Whether a call goes on from a recurrent model's state (``cache_params``), a token for each row."""
    return isinstance(call.args.get("cache_params"), str) and ids.last[1:] == (1,)


def _of_one_choice(run: Run, behind: list[Row], rows: int, call: Row) -> Row | None:
    """The op that put what was written so far in the order of the chosen beams, where the new ids come from that choice."""
    chosen = {row.id for row in behind if row.op in _CHOOSING}
    for row in reversed(run.rows) if chosen else ():
        if (
            row.first_at < call.last_at
            and _puts_in_order(run, row, rows)
            and chosen & {step.id for step in ancestors(run, row.inputs[1])}
        ):
            return _reordering(run, row) or row
    return None


def _reordering(run: Run, row: Row) -> Row | None:
    """The pick by the same choice that stands in a method made for putting things in order: the cache belongs there."""
    for other in run.rows:
        same = (
            other.op in _PICKING
            and len(other.inputs) > 1
            and other.inputs[1].origin == row.inputs[1].origin is not None
        )
        place = run.location(other) if same else None
        if place is not None and "reorder" in place.function.rpartition(".")[2]:
            return other
    return None


def _by_score(run: Run, behind: list[Row], call: Row) -> Row | None:
    """The op that put the rows of what was written so far in the order of a score each, in the loop that goes on with them."""
    made = {row.id for row in behind}
    for row in run.rows:
        index = _order(row) if row.inputs and made & {row.id, row.inputs[0].origin} else None
        chosen = index is not None and any(
            step.op in _CHOOSING and step.inputs and step.inputs[0].last == index.last for step in ancestors(run, index)
        )
        if chosen and _in_one_loop(run, row, call):
            return row
    return None


def _in_one_loop(run: Run, picked: Row, call: Row) -> bool:
    """Whether a statement gives a name the rows that it had, in another order, in a loop in which the model is called as well."""
    place = run.location(picked)
    if place is None:
        return False
    source = run.sources[place.file]
    match source.statement(place.line):
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Name(id=taken))) if name == taken:
            pass
        case _:
            return False
    lines = [site.line for site in run.chain(call) if (site.file, site.function) == (place.file, place.function)]
    loops = [
        node
        for node in ast.walk(source.function_at(place.line) or source.tree or ast.Pass())
        if isinstance(node, ast.For | ast.While) and any(_holds(node, line) for line in lines)
    ]
    innermost = max(loops, key=lambda node: node.lineno, default=None)
    return innermost is not None and _holds(innermost, place.line)


def _holds(loop: ast.For | ast.While, line: int) -> bool:
    return loop.lineno < line <= (loop.end_lineno or loop.lineno)


def _order(row: Row) -> TensorArg | None:
    """The index by which an op picks as many rows of (rows, seq) as there are."""
    index = next((tensor for tensor in row.inputs if tensor.label.startswith("index")), None)
    if row.op not in _PICKING or index is None or not row.outputs:
        return None
    taken = row.inputs[0].last
    same = len(taken) == 2 and taken[0] > 1 and row.outputs[0].last == taken and index.last == taken[:1]
    return index if same else None


def _puts_in_order(run: Run, row: Row, rows: int) -> bool:
    """Whether an op picks as many rows of (rows, seq) as there are, by the beams that a choice among all of theirs came from."""
    index = _order(row)
    if index is None or index.last != (rows,):
        return False
    behind = {step.op for step in ancestors(run, index)}
    return bool(behind & _CHOOSING) and bool(behind & _PARENTS)


def _cache_follows(run: Run, picked: Row, call: Row) -> bool:
    """Whether anything picks rows of a cache between the op that put the rows in order and the calls that went on with them."""
    for row in run.rows:
        if row.last_at < picked.first_at or row.first_at > call.last_at:
            continue
        if row.kind == "cache" and row.op.endswith(tuple(f".{name}" for name in _ORDERING)):
            return True
        if row.op in _PICKING and len(row.inputs) > 1 and len(row.inputs[0].last) == 4:
            return True
    return False
