"""Ops that ran along another dim than the one that was meant: cuts, joins and repeats."""

from __future__ import annotations

from shapeguard.analysis.causes import REPEATING, Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.left_out_ops import behind
from shapeguard.analysis.sides import shape_of
from shapeguard.analysis.squeezed import stop_of
from shapeguard.values.recording import Row

_CUTTING = frozenset({"chunk", "split", "tensor_split", "unsafe_chunk"})
_REDUCING = frozenset({"argmax", "argmin", "max", "min", "mean", "sum", "amax", "amin", "logsumexp", "median"})
_PLACING = frozenset(
    {"index_add", "index_add_", "index_copy", "index_copy_", "scatter", "scatter_", "scatter_add", "scatter_add_"}
)


def cut_across(dispute: Dispute) -> Cause | None:
    """The cut into parts along another dim than the one that is then so many times too large: ``kv.chunk(2, dim=1)``."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        other = dispute.both[1 - index].size
        times = side.size // other if other and side.size % other == 0 else 0
        for row in behind(run, side) if times > 1 else ():
            given = row.inputs[0].last if row.inputs else ()
            along = [
                dim
                for dim in range(len(given))
                if row.outputs and row.outputs[0].last[dim : dim + 1] != given[dim : dim + 1]
            ]
            if (
                row.op in _CUTTING
                and len(row.outputs) == times
                and along
                and along != [len(given) - 1]
                and given[-1] % times == 0
            ):
                return dispute.blame(index, run.location(row), "changed")
    return None


def cut_along_another(dispute: Dispute) -> Cause | None:
    """The slice along a dim that the other side has whole, up to as many as the other has in another dim: ``cos[:length]`` of (heads, places, width)."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        other, last = dispute.both[1 - index], side.hops[-1] if side.hops else None
        beside = shape_of(other.value) or ()
        if last is None or last.row.op != "getitem" or last.source is None or last.size_before != other.size:
            continue
        along = [size for dim, size in enumerate(beside) if dim != other.dim]
        longer = [size for dim, size in enumerate(last.source.last) if dim != last.before and size >= side.size]
        if stop_of(last) == side.size > 1 and side.size in along and longer:
            return dispute.blame(index, run.location(last.row), "changed")
    return None


def repeated_across(dispute: Dispute) -> Cause | None:
    """The side that was repeated along the dim in which they differ, where the other was as often, along another one."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        other = dispute.both[1 - index]
        for hop in side.hops:
            if hop.row.op in REPEATING and hop.changed and hop.size_before == other.size:
                times = side.size // other.size if other.size else 0
                if other.dim is not None and any(_grown(row, other.dim, times) for row in behind(run, other)):
                    return dispute.blame(index, run.location(hop.row), "changed")
    return None


def _grown(row: Row, beside: int, times: int) -> bool:
    """Whether a row repeated a tensor so many times along another dim than this one."""
    given = row.inputs[0].last if row.inputs else ()
    made = row.outputs[0].last if row.outputs else ()
    grown = [dim for dim in range(len(given)) if made[dim : dim + 1] == (times * given[dim],)]
    return row.op in REPEATING and len(made) == len(given) and grown != [] and beside not in grown


def reduced_across(dispute: Dispute) -> Cause | None:
    """The choice, or sum, along another dim than the one without which the operand would be as the other is: ``logits.argmax(1)``."""
    run = dispute.run
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    for index, side in enumerate(dispute.both[:2] if len(shapes) > 1 else ()):
        row = next((hop.row for hop in side.hops if hop.row.op in _REDUCING), None)
        given = row.inputs[0].last if row is not None and row.inputs else ()
        if (
            row is None
            or not row.outputs
            or row.outputs[0].last != shapes[index]
            or len(given) != len(shapes[index]) + 1
        ):
            continue
        others = [given[:dim] + given[dim + 1 :] for dim in range(len(given))]
        if shapes[1 - index] in others and shapes[1 - index] != shapes[index]:
            return dispute.blame(index, run.location(row), "changed")
    return None


def joined_across(dispute: Dispute) -> Cause | None:
    """The concatenation along another dim than the one along which its parts would be as the other operand is."""
    run = dispute.run
    shapes = [shape_of(side.value) or () for side in dispute.both[:2]]
    for index, shape in enumerate(shapes if len(shapes) > 1 else ()):
        other = shapes[1 - index]
        for row in behind(run, dispute.both[index]) if len(shape) == len(other) else ():
            parts = [tensor.last for tensor in row.inputs] if row.kind == "concat" and row.op != "stack" else []
            along = row.args.get("dim", 0)
            if len(parts) < 2 or {len(part) for part in parts} != {len(shape)} or type(along) is not int:
                continue
            for dim in range(len(shape)):
                whole = tuple(
                    sum(part[dim] for part in parts) if at == dim else parts[0][at] for at in range(len(shape))
                )
                if dim != along % len(shape) and parts[0][dim] > 1 and whole == other != shape:
                    return dispute.blame(index, run.location(row), "changed")
    return None


def joined_into_more(dispute: Dispute) -> Cause | None:
    """The concatenation of parts that each have as many rows as the list of places for them, ``index_add_(0, batch, cat([a, b]))``."""
    run, failed = dispute.run, dispute.failed
    if failed.op not in _PLACING or len(dispute.both) < len(("index", "source")):
        return None
    for index, side in enumerate(dispute.both[:2]):
        other = dispute.both[1 - index].size
        for hop in side.hops:
            parts = [tensor.last[hop.after] for tensor in hop.row.inputs if hop.after < len(tensor.last)]
            if hop.row.kind == "concat" and hop.changed and len(parts) > 1 and set(parts) == {other}:
                return dispute.blame(index, run.location(hop.row), "changed")
    return None
