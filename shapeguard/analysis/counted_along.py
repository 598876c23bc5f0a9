"""Positions that are counted along the wrong dimension, or begin anew while keys are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.graph import ancestors, past, users_of
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_ADDING = frozenset({"add", "add_", "iadd"})
_BATCH_FIRST = frozenset({"TransformerEncoder", "TransformerDecoder", "TransformerEncoderLayer", "MultiheadAttention"})
_REACH = 24  # rows behind an addition in which a layer is looked for


class AlongBatch(NamedTuple):
    """An addition of states (batch, length, features) and a table (rows, 1, features) cut to as many rows as the batch has."""

    added: Row
    states: TensorArg
    table: TensorArg
    cut: Row
    layer: Row


def along_batch(run: Run) -> Iterator[AlongBatch]:
    """Tables of positions that are cut to the batch and laid along it, of states that a layer with the batch first takes."""
    for row in run.of_kind("op"):
        if row.op not in _ADDING or row.error or len(row.inputs) != 2:
            continue
        for states, table in (row.inputs, row.inputs[::-1]):
            cut = run.row(table.origin)
            if cut is None or not _is_cut_table(states, table, cut):
                continue
            layer = _taken_by(run, row)
            if layer is not None:
                yield AlongBatch(row, states, table, cut, layer)


def _is_cut_table(states: TensorArg, table: TensorArg, cut: Row) -> bool:
    batch, length = (*states.last, 0, 0)[:2]
    shaped = len(states.last) == len(table.last) == 3 and table.last[1] == 1 and table.last[2] == states.last[2]
    sliced = cut.op == "getitem" and bool(cut.inputs) and len(cut.inputs[0].last) == 3
    return shaped and sliced and batch > 1 and length > 1 and table.last[0] == batch < cut.inputs[0].last[0]


def _taken_by(run: Run, row: Row) -> Row | None:
    """The layer with the batch first that the sum goes into."""
    waiting, seen = [row], {row.id}
    while waiting and len(seen) < _REACH:
        for user in users_of(run, waiting.pop()):
            if user.id in seen:
                continue
            seen.add(user.id)
            if user.op in _BATCH_FIRST and user.kind == "module":
                return user if _batch_first(run, user) else None
            waiting.append(user)
    return None


def _batch_first(run: Run, user: Row) -> bool:
    built = run.row(user.owner)
    if built is None:
        return False
    if "batch_first" in built.args:
        return built.args["batch_first"] is True
    inner = [row for row in run.of_kind("construct") if row.op == f"{built.op}Layer" and row.id < built.id]
    return bool(inner) and inner[-1].args.get("batch_first") is True


_PASSING = frozenset({"unsqueeze", "expand", "view", "reshape", "to", "long", "repeat"})
_WAVING = _PASSING | {"float", "outer", "mul", "type_as", "getitem"}
_STEPS = 2
_NEAR = 64  # events from an angle to the attention it turns the keys of


class Restarted(NamedTuple):
    """A lookup of the first position again and again, and an attention beside it whose keys are kept from call to call."""

    counted: Row
    lookup: Row
    attention: Row


def restarted(run: Run) -> Iterator[Restarted]:
    """Tables, or waves, of positions asked for position 0 at every step of one token, while the keys of earlier steps are kept."""
    for lookup in run.of_kind("module", "op"):
        wave = lookup.op in ("cos", "sin")
        if (
            not (wave or lookup.op in ("Embedding", "embedding"))
            or lookup.error
            or lookup.count < 3
            or not lookup.inputs
        ):
            continue
        index = lookup.inputs[-1] if lookup.op == "embedding" else lookup.inputs[0]
        counted = _counted_from_nothing(run, index, _WAVING if wave else _PASSING)
        if counted is None:
            continue
        attention = next((row for row in run.rows if _keeps(run, row, lookup)), None)
        if attention is not None:
            yield Restarted(counted, lookup, attention)


def turned_alike(run: Run) -> Iterator[Restarted]:
    """Angles of one position that were made once and turn the keys of every step, while the keys of earlier steps are kept."""
    for wave in run.of_kind("op"):
        given = wave.inputs[0] if wave.op in ("cos", "sin") and wave.count > 1 and wave.inputs else None
        if given is None or len(given.last) < 2 or not given.first[-2] == given.last[-2] == 1:
            continue
        counted = next((row for row in ancestors(run, given) if row.op == "arange"), None)
        made = run.row(given.origin)
        if counted is None or made is None or counted.outputs[0].last != (1,) or counted.last_at > wave.first_at:
            continue
        kept = [row for row in run.rows if row.first_at > counted.last_at and _keeps(run, row, wave)]
        if len({row.inputs[1].last[-2] for row in kept if row.last_at <= wave.last_at + _NEAR}) > _STEPS:
            yield Restarted(made, wave, kept[-1])


def _counted_from_nothing(run: Run, index: TensorArg, through: frozenset[str]) -> Row | None:
    """The ``arange`` of one number behind an index, if nothing was added to it."""
    waiting, seen = [index.origin], set[int]()
    while waiting and len(seen) < _REACH:
        row = run.row(waiting.pop())
        if row is None or row.id in seen:
            continue
        seen.add(row.id)
        if row.op == "arange":
            single = bool(row.outputs) and row.outputs[0].first == row.outputs[0].last == (1,)
            if single and row.args.get("end") is None and row.args.get("start") == 1:
                return row
        elif row.op in through:
            waiting += [tensor.origin for tensor in row.inputs]
    return None


def _keeps(run: Run, row: Row, lookup: Row) -> bool:
    """Whether an attention of one query looks at keys that a concatenation appended to earlier ones, below the same call."""
    if row.op != "scaled_dot_product_attention" or row.error or len(row.inputs) < 2 or row.last_at < lookup.first_at:
        return False
    query, key = row.inputs[0], row.inputs[1]
    if len(query.last) < 3 or len(query.last) != len(key.last) or query.last[-2] != 1 or key.last[-2] < 2:
        return False
    grown = next((hop.row for hop in follow(run, key, len(key.last) - 2) if hop.row.kind == "concat"), None)
    sizes = [tensor.last[-2] for tensor in grown.inputs] if grown is not None else []
    return sizes == [key.last[-2] - 1, 1]


class FromZero(NamedTuple):
    """The count of one query from 0, the difference to its keys' positions, and how many keys there are by then."""

    counted: Row
    difference: Row
    keys: int


def relative_from_zero(run: Run) -> Iterator[FromZero]:
    """Distances of one query, counted from 0, to keys counted from 0, of which all but the last are kept from earlier steps."""
    places: dict[tuple[int, ...], list[FromZero]] = {}
    grown = {
        row.outputs[0].last[2]
        for row in run.of_kind("concat")
        if not row.error and len(row.inputs) == 2 and len(row.outputs[0].last) == 4 and row.inputs[1].last[2:3] == (1,)
    }
    for row in run.of_kind("op"):
        if row.op not in ("sub", "rsub") or row.error or len(row.inputs) != 2:
            continue
        one, other = (_counted(run, tensor) for tensor in row.inputs)
        if one is None or other is None:
            continue
        query, keys = (one, other) if one.outputs[0].last == (1,) else (other, one)
        count = keys.outputs[0].last[0]
        if query.outputs[0].last == (1,) and query.args.get("start") == 1 and count in grown and count > _STEPS:
            places.setdefault(run.recording.chains[row.chain].sites[:1], []).append(FromZero(query, row, count))
    yield from (found[-1] for found in places.values() if len({one.keys for one in found}) > 1)


def _counted(run: Run, tensor: TensorArg) -> Row | None:
    """The ``arange(n)`` behind a tensor that only got other dims since."""
    row = past(run, tensor.origin, lambda made: made.op in _PASSING | {"getitem", "float"})
    plain = row is not None and row.op == "arange" and row.args.get("end") is None and bool(row.outputs)
    return row if plain else None
