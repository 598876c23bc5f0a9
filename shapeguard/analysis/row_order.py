"""Rows that were multiplied: as a whole, a b a b, or one by one, a a b b. Put side by side they are rows of different things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.values.recording import Row, TensorArg

_WHOLE = frozenset({"repeat", "tile"})
_MEETING = frozenset({"forward", "module", "attention", "concat"})


class Multiplied(NamedTuple):
    """So many rows, so many times each, and the event that did it."""

    rows: int
    times: int
    row: Row


class Mixed(NamedTuple):
    """A call that was given rows multiplied as a whole beside rows multiplied one by one."""

    call: Row
    whole: TensorArg
    tiled: Multiplied
    single: TensorArg
    spread: Multiplied


def mixed_rows(run: Run) -> Iterator[Mixed]:
    """Calls, and concatenations of columns, in which a b a b stands beside a a b b: equally many rows, in another order."""
    if not any(row.op in _WHOLE for row in run.of_kind("op")):
        return
    for call in run.of_kind(*_MEETING):
        along_rows = call.kind == "concat" and call.args.get("dim", 0) in (0, -len(call.inputs[0].last or (0,)))
        if len(call.inputs) < 2 or call.error or along_rows:
            continue
        known = [(tensor, *_order(run, tensor)) for tensor in call.inputs[:12] if len(tensor.last) > 1]
        for whole, tiled, _ in known:
            for single, _, spread in known:
                if tiled is None or spread is None or tiled.rows == tiled.times:
                    continue
                if (tiled.rows, tiled.times) == (spread.rows, spread.times):
                    yield Mixed(call, whole, tiled, single, spread)


def _order(run: Run, tensor: TensorArg) -> tuple[Multiplied | None, Multiplied | None]:
    """(as a whole, one by one): how the rows of a tensor were multiplied last, at its first use or at its latest."""
    for origin, shape in ((tensor.first_origin, tensor.first), (tensor.origin, tensor.last)):
        seen = msgspec.structs.replace(tensor, origin=origin, last=shape) if origin is not None else None
        for hop in follow(run, seen, 0) if seen is not None else ():
            if hop.changed:
                whole, single = _as_a_whole(hop), _one_by_one(hop)
                if whole is not None or single is not None:
                    return whole, single
                break
    return None, None


def _as_a_whole(hop: Hop) -> Multiplied | None:
    before, after = hop.size_before or 0, hop.size_after
    told = hop.row.op in _WHOLE and 1 < before < after and after % before == 0
    return Multiplied(before, after // before, hop.row) if told else None


def _one_by_one(hop: Hop) -> Multiplied | None:
    """``repeat_interleave``, or (rows, times) laid out one row after the other."""
    before, after, source = hop.size_before or 0, hop.size_after, hop.source
    if hop.row.op == "repeat_interleave" and 1 < before < after and after % before == 0:
        return Multiplied(before, after // before, hop.row)
    dims = sorted({dim for _, dim in hop.merged})
    if family(hop.row.op) != "reshape" or dims != [0, 1] or source is None or len(source.last) < 2:
        return None
    rows, times = source.last[:2]
    return Multiplied(rows, times, hop.row) if rows > 1 < times and rows * times == after else None
