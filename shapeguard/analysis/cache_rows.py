"""Rows of caches and encoder states against rows of the input: who decided them, and rows cut off a cache blindly."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.caches import named
from shapeguard.analysis.causes import REPEATING
from shapeguard.analysis.concat import CUTTING, FailedConcat, failed_concat, is_batch_dim
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import sides
from shapeguard.analysis.sizing import located, size_trails
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, Row, TensorArg

SELECTING = frozenset({"getitem", "index_select", "masked_select", "gather", "narrow", "select", "take", "unbind"})
_STATES = ("encoder_hidden_states", "encoder_outputs", "encoder_outputs.last_hidden_state", "cross_attention_states")
_INPUTS = ("decoder_input_ids", "input_ids", "inputs_embeds", "decoder_inputs_embeds")


def expansion(run: Run) -> int:
    """How many rows ``generate`` makes of one: beams, or sequences to return, of the call that failed; else 1."""
    call = run.failed_row("generate")
    numbers = [call.args.get(name) for name in ("num_beams", "num_return_sequences")] if call is not None else []
    return max([number for number in numbers if isinstance(number, int)], default=1)


def expanded_twice(run: Run) -> Location | None:
    """Where rows were repeated for a generation's beams before it was given them: it repeats all that it is given."""
    call, beams = run.failed_row("generate"), expansion(run)
    ids = named(call, "input_ids", "inputs") if call is not None else None
    for tensor in call.inputs if call is not None and ids is not None and beams > 1 else ():
        if ids is not None and tensor.last and tensor.last[0] == ids.last[0] * beams:
            made = next((hop.row for hop in follow(run, tensor, 0) if hop.changed and hop.row.op in REPEATING), None)
            if made is not None:
                return run.location(made)
    return None


def rows_written_at(run: Run, tensor: TensorArg) -> tuple[Location, list[Hop]] | None:
    """Where the number of rows of a tensor made by the user's code was decided, and the events that handed it on."""
    hops = follow(run, tensor, 0)
    last = hops[-1] if hops else None
    if last is None or last.row.kind == "forward" or not last.changed:
        return None
    ways = size_trails(run, last)
    spots = [spot for spot in ways[0] if spot.kind not in ("outside", "parameter")] if ways else []
    here = located(run, spots[-1]) if spots else run.location(last.row)
    return (here, hops) if here is not None else None


_WITH_HEADS = 4  # dims of (batch, kv_heads, length, head_dim)


class CrossRows(NamedTuple):
    """A failed call whose encoder states have other rows than its tokens."""

    states: TensorArg
    tokens: TensorArg
    row: Row


def cross_rows(run: Run) -> CrossRows | None:
    """Encoder states with fewer (or more) rows than the decoder's input, in the failed call of a model."""
    row = run.failed_row("forward")
    states = named(row, *_STATES) if row is not None else None
    tokens = named(row, *_INPUTS) if row is not None else None
    if row is None or states is None or tokens is None or states.last[0] == tokens.last[0]:
        return None
    return CrossRows(states, tokens, row)


class KeptStates(NamedTuple):
    """Recurrent states of a library's model that an earlier batch left, and the rows that met them."""

    rows: int
    wanted: int
    location: Location | None  # where the program kept them


def kept_states(run: Run) -> KeptStates | None:
    """A failed call of a state-space model whose kept states have other rows than its ids."""
    call, failed, frame = run.failed_row("forward"), failed_op(run), run.user_frame
    ids = named(call, *_INPUTS) if call is not None else None
    clash = failed.clash if failed is not None else None
    given = (
        [v for v in frame.operands if v.label == "cache_params" and v.type != "NoneType"] if frame is not None else []
    )
    if failed is None or clash is None or clash.left_dim != 0 or ids is None or frame is None or not given:
        return None
    sides = {failed.expression(run, clash.left): clash.sizes[0], failed.expression(run, clash.right): clash.sizes[1]}
    rows = next((size for text, size in sides.items() if "state" in text and "hidden" not in text), ids.last[0])
    if rows == ids.last[0] or ids.last[0] not in clash.sizes:
        return None
    return KeptStates(rows, ids.last[0], _kept_at(run, frame, given[0].expression) or run.statement_of(frame))


def _kept_at(run: Run, frame: FrameInfo, expression: str) -> Location | None:
    """Where a name or an attribute is given something in a file, other than None."""
    tree = run.sources[frame.file].tree
    for node in ast.walk(tree) if tree is not None else ():
        given = isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Assign) and given and expression in map(ast.unparse, node.targets):
            return run.place(frame.file, node.lineno)
    return None


class KeptKeys(NamedTuple):
    """Keys over the encoder's states that an earlier call left in the cache, and the queries of other rows that met them."""

    keys: TensorArg  # (batch, heads, source, head_dim)
    query: TensorArg
    location: Location | None  # where the other half of the cache was brought to the new rows


def kept_keys(run: Run) -> KeptKeys | None:
    """A failed cross-attention whose keys are an earlier call's: the decoder's own keys got other rows since, these did not."""
    row, call = run.failed_row("attention"), run.failed_row("forward")
    by_label = {tensor.label: tensor for tensor in row.inputs} if row is not None else {}
    query, keys = by_label.get("query"), by_label.get("key")
    made = run.row(keys.origin) if keys is not None else None
    if (
        row is None
        or call is None
        or query is None
        or keys is None
        or made is None
        or made.kind != "cache"
        or made.error
    ):
        return None
    if len(keys.last) != 4 or keys.last[0] == query.last[0] or run.at_one_place(made, call):
        return None
    for other in run.rows[made.id : row.id]:
        of_cache = [(run.row(t.origin) or made).kind == "cache" for t in other.inputs[:1] if len(t.last) == 4]
        changed = of_cache == [True] and other.outputs and other.outputs[0].last[0] == query.last[0]
        if changed and other.kind == "op" and other.inputs[0].last[0] == keys.last[0]:
            return KeptKeys(keys, query, run.helper_call(other) or run.location(other))
    return KeptKeys(keys, query, None)


def kept_memory(run: Run) -> tuple[TensorArg, TensorArg] | None:
    """The memory, (length, batch, features), and the ids of a failed model call that have other rows."""
    row = run.failed_row("forward")
    memory = next((t for t in row.inputs if t.label.startswith("mems[") and len(t.last) == 3), None) if row else None
    ids = named(row, "input_ids", "inputs_embeds") if row is not None else None
    return (memory, ids) if memory is not None and ids is not None and memory.last[1] != ids.last[0] else None


def handed_in_at(run: Run, label: str) -> Location | None:
    """The one statement of the user's that hands a value in under a name: ``inputs["label"] = ...`` or ``f(label=...)``."""
    found = []
    name = label.partition(".")[0]
    for file, node in run.nodes(ast.AST):
        if _hands_in(node, name):
            found.append(run.place(file, getattr(node, "lineno", 0)))
    return found[0] if len(set(found)) == 1 else None


def _hands_in(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Assign):
        return any(
            isinstance(t, ast.Subscript) and isinstance(t.slice, ast.Constant) and t.slice.value == name
            for t in node.targets
        )
    if isinstance(node, ast.Call):
        return any(keyword.arg == name for keyword in node.keywords)
    return False


class Trim(NamedTuple):
    """A cache's rows cut to the first few while the input kept others."""

    cut: Row  # keys[:rows]
    kept: Row  # tokens[[1, 2]]
    before: int
    after: int
    sure: bool  # the kept rows are known not to be the first


def trims(run: Run) -> Iterator[Trim]:
    """Slices ``keys[:n]`` of cached keys beside a selection of other rows of the input that led to as many."""
    for cut in run.of_kind("op"):
        sizes = _leading_slice(run, cut)
        if sizes is None:
            continue
        kept = [row for row in run.of_kind("op") if row.first_at < cut.first_at and _selects(row, *sizes)]
        latest = max(kept, key=lambda row: row.first_at, default=None)
        if latest is None:
            continue
        rows = _listed(latest)
        if rows is None or rows != list(range(sizes[1])):
            yield Trim(cut, latest, *sizes, sure=rows is not None)


def _leading_slice(run: Run, row: Row) -> tuple[int, int] | None:
    """(before, after) of ``cached[:n]`` along the rows of a cache's keys or values."""
    if row.op != "getitem" or not row.inputs or not row.outputs:
        return None
    index, source, result = row.args.get("index"), row.inputs[0], row.outputs[0]
    made = run.row(source.origin)
    first = index[0] if isinstance(index, list) and index else index
    if made is None or made.kind != "cache" or len(source.last) != 4 or len(result.last) != 4:
        return None
    if not isinstance(first, str) or not (first.startswith(":") or first.startswith("0:")) or first.endswith(":"):
        return None
    before, after = source.last[0], result.last[0]
    return (before, after) if 0 < after < before else None


def _selects(row: Row, before: int, after: int) -> bool:
    """Whether an op picks rows of a batch by a list, an index or a mask."""
    if not row.inputs or not row.outputs or not row.inputs[0].last or not row.outputs[0].last:
        return False
    if (row.inputs[0].last[0], row.outputs[0].last[0]) != (before, after) or len(row.inputs[0].last) == 4:
        return False
    index = row.args.get("index")
    first = index[0] if isinstance(index, list) and index else index
    picked = isinstance(first, str) and (first.startswith("[") or first == "tensor")
    return row.op in ("index_select", "masked_select") or (row.op == "getitem" and picked)


def _listed(row: Row) -> list[int] | None:
    """The rows that a list index names; None where an op picks them by a tensor."""
    index = row.args.get("index")
    first = index[0] if isinstance(index, list) and index else index
    if not isinstance(first, str) or not first.startswith("["):
        return None
    try:
        rows = ast.literal_eval(first)
    except (ValueError, SyntaxError):
        return None
    return [row for row in rows if isinstance(row, int)] if isinstance(rows, list) else None


def own_cache(run: Run) -> FailedConcat | None:
    """A failed concatenation of the user's that lets a KV cache of its own grow, and whose sides differ in their rows.

    One side was made by the very place that makes the other, in an earlier step: by this concatenation, or before it.
    """
    concat = failed_concat(run)
    if concat is None or concat.failed.row is None or not is_batch_dim(concat) or len(concat.others) != 2:
        return None
    made = [run.row(value.origin) for _, value in concat.others]
    places = [run.recording.chains[row.chain].sites[:1] if row is not None else () for row in made]
    here = run.recording.chains[concat.failed.row.chain].sites[:1]
    least = min(map(len, concat.shapes))
    beside = places[0] == places[1] != () and least >= _WITH_HEADS  # samples of one data set come from one place, too
    grown = made[0] is not None and (places[0] == here or beside)
    return concat if grown and least >= _WITH_HEADS - 1 else None


def repeated_once(run: Run, past: TensorArg, change: Hop | None) -> list[Hop] | None:
    """The events behind the rows of a cache of one row that was repeated for whole chunks, where the last chunk is smaller."""
    hops = follow(run, past, 0)
    made = hops[-1] if hops else None
    rest = change is not None and change.row.op in CUTTING and change.size_after < past.last[0]
    if not rest or made is None or made.row.op not in REPEATING or made.row.inputs[0].last[:1] != (1,):
        return None
    return [*hops[:-1], made._replace(size_before=1)]


def since_selected(hops: list[Hop], rows: int) -> list[Hop]:
    """The events since some of as many rows were taken: what an index of rows is as long as says nothing of what it was taken from."""
    for number, hop in enumerate(hops):
        if hop.row.op in SELECTING and hop.row.inputs[0].last[:1] == (rows,):
            return [*hops[:number], hop._replace(source=hop.row.inputs[0], before=0, size_before=rows)]
    return hops


def repeated_beside(run: Run, failed: FailedOp) -> Row | None:
    """The event that repeated the rows of the one operand, which were as many as the other, kept, one has still."""
    both = sides(run, failed)
    for side, other in (both, both[::-1]) if len(both) == 2 else ():
        last = side.hops[-1] if side.hops else None  # what changed a size ends its way
        repeated = (
            last is not None
            and last.row.op in REPEATING
            and (last.size_before, last.size_after) == (other.size, side.size)
        )
        if last is not None and last.changed and repeated:
            return last.row
    return None
