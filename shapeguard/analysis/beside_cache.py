"""What is laid over the scores of a decoder and was counted by the new positions alone, beside keys of which some are cached."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.caches import named
from shapeguard.analysis.causes import Cause, cause
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.lineage import Hop, parts_cut
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side, sides
from shapeguard.values.recording import Row

_INDICES = ("int64", "int32")
_KEYS_RANK = 4


class BesideCache(NamedTuple):
    """The crash, the positions that are cached and those that are new, and where the shorter operand was counted."""

    crash: Crash
    cached: int
    new: int
    found: Cause


def beside_cache(run: Run) -> BesideCache | None:
    """A failed elementwise op on keys from a cache, as long as what is cached and what is new, and on something as long as what is new."""
    crash = crash_of(run)
    if crash is None or crash.clash.kind != "dim" or crash.family != "broadcast":
        return None
    both = sides(run, crash.failed)
    for ours, other in (both, both[::-1]) if len(both) == 2 else ():
        sizes = _grown(ours)
        if sizes is not None and other.size == sizes[1] > 1 and other.hops:
            return BesideCache(crash, *sizes, cause(run, crash.failed, other))
    return None


def _grown(side: Side) -> tuple[int, int] | None:
    """The positions that a cache held and those that were put behind them, of a side that is as long as both."""
    for hop in side.hops:
        update = hop.row.kind == "cache" and hop.row.op.endswith(".update")
        parts = [named(hop.row, label) for label in ("past keys", "key_states")] if update else []
        if hop.row.kind == "concat" and len(hop.row.inputs) == 2:
            parts = list(hop.row.inputs)
        sizes = [part.last[2] for part in parts if part is not None and len(part.last) == 4]
        if len(sizes) == 2 and min(sizes) and sum(sizes) == side.size and _of_calls(hop):
            return sizes[0], sizes[1]
    return None


def _of_calls(hop: Hop) -> bool:
    """Whether the first part is what an earlier call has left behind: a cache's, or made by the same line."""
    return hop.row.kind == "cache" or hop.row.inputs[0].origin == hop.row.id


class Selected(NamedTuple):
    """The crash, the selection that left positions out of kept keys, along which dim, and how many there were."""

    crash: Crash
    row: Row
    dim: int
    before: int
    after: int


def positions_selected(run: Run) -> Selected | None:
    """A failed op on joined keys that are too short by what a selection by rows took from those kept: it ran along their positions."""
    crash = crash_of(run)
    if crash is None or crash.clash.kind != "dim":
        return None
    both = sides(run, crash.failed)
    for ours, other in (both, both[::-1]) if len(both) == 2 else ():
        for cut, given, left in parts_cut(run, ours.hops):
            if len(given) != _KEYS_RANK or len(cut.inputs) < 2 or cut.inputs[1].dtype not in _INDICES:
                continue
            odd = [(dim, *sizes) for dim, sizes in enumerate(zip(given, left, strict=True)) if len(set(sizes)) > 1]
            if len(odd) == 1 and odd[0][1] - odd[0][2] == other.size - ours.size > 0:
                return Selected(crash, cut, *odd[0])
    return None
