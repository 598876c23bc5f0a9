"""Where a size came from: a dimension followed back from tensor to tensor to the event in which it was born."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from shapeguard.analysis.calls import call_of_row
from shapeguard.analysis.layers import with_weight
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import dim_sources, family, known, output_shape
from shapeguard.values.findings import LineageStep
from shapeguard.values.recording import NamedValue, Row, TensorArg
from shapeguard.values.shapes import Shape

_SELECTING = frozenset({"getitem", "index_select"})

MAX_STEPS = 200
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
# They make a length of the longest row they see; their only flag says that the batch comes first.
_ALONG = frozenset({"Conv1d", "ConvTranspose1d"})
_PARTS = 16  # rows before a container's construction among which its parts are looked for
_PADDING = frozenset({"_pad_packed_sequence", "pad_packed_sequence", "pad_sequence"})


class Hop(NamedTuple):
    """One event in the life of a size: the row, the tensor it came from, and its dimension before and after."""

    row: Row
    source: TensorArg | None  # None: the size was born here
    before: int | None
    after: int
    size_before: int | None
    size_after: int
    merged: tuple[tuple[TensorArg, int], ...] = ()  # all dimensions it was made from, where they are several

    @property
    def changed(self) -> bool:
        """Whether the size is another after this event, or was born in it."""
        return self.size_before != self.size_after


def follow(run: Run, tensor: TensorArg | NamedValue, dim: int) -> list[Hop]:
    """The events that handed on this dimension's size, newest first; ends with the one that changed or made it."""
    shape = tensor.last if isinstance(tensor, TensorArg) else tensor.shape
    hops: list[Hop] = []
    origin = tensor.origin
    # A state handed from step to step leads round in a loop; the ways by which it first came in lead out of it.
    ways_in: list[tuple[int, tuple[int, ...], int]] = []
    seen: set[tuple[int, int]] = set()
    while shape is not None and 0 <= dim < len(shape) and len(hops) < MAX_STEPS:
        if origin is None or (origin, dim) in seen:
            if not ways_in:
                break
            origin, shape, dim = ways_in.pop()
            continue
        row = run.row(origin)
        if row is None:
            break
        seen.add((origin, dim))
        hop = _hop(run, row, shape, dim)
        hops.append(hop)
        if hop.changed or hop.source is None or hop.before is None:
            break
        shape, dim, origin = hop.source.last, hop.before, hop.source.origin
        if hop.source.first_origin is not None:
            ways_in.append((hop.source.first_origin, shape, dim))
    return hops


def occurrence(row: Row, shape: tuple[int, ...]) -> Row:
    """The row as of the occurrence that gave this shape: a folded one keeps its first and its last."""
    if row.count < 2 or shape in [out.last for out in row.outputs] or shape not in [out.first for out in row.outputs]:
        return row
    inputs = tuple(
        msgspec.structs.replace(
            tensor, last=tensor.first, origin=tensor.origin if tensor.first_origin is None else tensor.first_origin
        )
        for tensor in row.inputs
    )
    outputs = tuple(msgspec.structs.replace(tensor, last=tensor.first) for tensor in row.outputs)
    return msgspec.structs.replace(row, inputs=inputs, outputs=outputs, args={**row.args, **row.args_first})


def _hop(run: Run, row: Row, shape: tuple[int, ...], dim: int) -> Hop:
    """How a row came by a dimension of its result."""
    size = shape[dim]
    row = occurrence(row, shape)
    if row.kind == "construct":
        return Hop(row, None, None, dim, None, size)
    if row.op.startswith("new_"):  # its tensor lends only dtype and device
        return Hop(row, None, None, dim, None, size)
    if row.op in _PADDING and dim == (1 if True in row.args.values() else 0):
        return Hop(row, None, None, dim, None, size)
    by_label = {tensor.label: tensor for tensor in row.inputs}
    if row.kind == "generate" and dim == 0 and (ids := by_label.get("input_ids")) is not None and ids.last:
        return Hop(row, ids, 0, 0, ids.last[0], size)  # as many for each prompt as were asked for
    kept = next((tensor for tensor in row.inputs if tensor.last == shape), None)
    if (
        kept is not None
        and row.outputs[1:]
        and shape in [out.last for out in row.outputs[1:]]
        and row.outputs[0].last != shape
    ):
        return Hop(row, kept, dim, dim, size, size)  # another result than the first: a state that is handed on
    if row.op in RECURRENT and row.inputs and shape in [out.last for out in row.outputs[1:]] and len(shape) > 2:
        return _of_state(run, row, dim, size)
    if row.kind != "forward" and known(row.op):
        call = with_weight(call_of_row(row, built=run.row(row.owner)))
        sources = [(by_label[label], before) for label, before in dim_sources(row.op, call, dim) if label in by_label]
        same = next(((source, before) for source, before in sources if source.last[before] == size), None)
        if same is not None and same != sources[0] and _of_later(row, dim, size, same[1]):
            same = None
        if size == 1 and family(row.op) == "broadcast":
            same = next((found for found in sources if not _put_in(run, *found)), same)
        if size == 0 and not sources and row.inputs and 0 in row.inputs[0].last and family(row.op) == "reshape":
            empty = row.inputs[0].last.index(0)
            return Hop(row, row.inputs[0], empty, dim, 0, 0)
        if same is not None or sources:
            source, before = same or sources[0]
            return Hop(row, source, before, dim, source.last[before], size, tuple(sources))
        if output_shape(row.op, call) is not None:
            return Hop(row, None, None, dim, None, size)  # made from an argument, or by the numbers of a layer
    return _by_size(run, row, dim, size)


def _of_state(run: Run, row: Row, dim: int, size: int) -> Hop:
    """A dim of a recurrent layer's state (layers, batch, features): only the rows of the batch come from what went in."""
    built, given = run.row(row.owner), row.inputs[0]
    batch = 0 if built is not None and built.args.get("batch_first") is True else 1
    if dim == 1 and len(given.last) == 3 and given.last[batch] == size:
        return Hop(row, given, batch, dim, size, size)
    return Hop(row, None, None, dim, None, size)


def _put_in(run: Run, source: TensorArg, dim: int) -> bool:
    """Whether a dim of one was put in for the sake of broadcasting, ``positions.unsqueeze(0)``: it counts nothing."""
    row = run.row(source.origin)
    return row is not None and row.op == "unsqueeze" and row.args.get("dim") in (dim, dim - len(source.last))


def _of_later(row: Row, dim: int, size: int, before: int) -> bool:
    """Whether a reshape's rows, or a dim before one of the same size, only happen to be as many as a later dim of what it was given."""
    shape = row.outputs[0].last if row.outputs else ()
    return family(row.op) == "reshape" and before != dim and (dim == 0 or size in shape[dim + 1 :])


def _by_size(run: Run, row: Row, dim: int, size: int) -> Hop:
    """For an op without known semantics: the same size in an input, at the same place if it can be."""
    same_place = [t for t in row.inputs if dim < len(t.last) and t.last[dim] == size]
    if same_place:
        return Hop(row, same_place[0], dim, dim, size, size)
    image = None
    if row.kind == "module" and row.outputs:  # a layer keeps the order of the dims of an image, or of a wave
        ranks = (3, 4) if _of_waves(run, row) else (4,)
        image = next((t for t in row.inputs if len(t.last) == len(row.outputs[0].last) in ranks), None)
    if image is not None and dim > 1:
        return Hop(row, image, dim, dim, image.last[dim], size)
    out = row.outputs[0].last if row.outputs else ()
    if row.kind in ("op", "module", "forward"):
        for tensor in row.inputs if image is None else ():
            if row.kind == "module" and len(tensor.last) == len(out) and sorted(tensor.last) != sorted(out):
                continue  # a layer that turns nothing: what is new in its result, it has made
            if size in tensor.last and size != 1:
                return Hop(row, tensor, tensor.last.index(size), dim, size, size)
    same_rank = [t for t in row.inputs if len(t.last) > dim]
    if same_rank and row.kind == "op":
        return Hop(row, same_rank[0], dim, dim, same_rank[0].last[dim], size)
    return Hop(row, None, None, dim, None, size)


def _of_waves(run: Run, row: Row) -> bool:
    """Whether a container holds convolutions along one dim, (batch, channels, length)."""
    built = run.row(row.owner)
    if built is None or built.kind != "construct" or row.op != "Sequential":
        return False
    near, place = run.rows[max(0, built.id - _PARTS) : built.id], run.location(built)
    return any(part.op in _ALONG and run.location(part) == place for part in near)


def birth(hops: list[Hop]) -> Hop | None:
    """The event that made the size, when it was seen: the last of the chain, if it changed or created it."""
    return hops[-1] if hops and hops[-1].changed else None


def parts_cut(run: Run, hops: Iterable[Hop]) -> Iterator[tuple[Row, Shape, Shape]]:
    """The selections that made a part of what was joined on a size's way: the event, and the shape before it and after it."""
    for hop in hops:
        for part in hop.row.inputs if hop.row.kind == "concat" and hop.row.op != "stack" else ():
            cut = run.row(part.origin)
            if cut is not None and cut.op in _SELECTING and cut.inputs and len(cut.inputs[0].last) == len(part.last):
                yield cut, cut.inputs[0].last, part.last


def steps(run: Run, hops: list[Hop]) -> tuple[LineageStep, ...]:
    """Hops as lineage, oldest first; handing a size on unchanged on one line is told once."""
    told: list[LineageStep] = []
    for hop in reversed(hops):
        location = run.line(hop.row)
        if location is None:
            continue
        before = hop.source.last if hop.source is not None else ()
        after = next((out.last for out in hop.row.outputs if hop.size_after in out.last), ())
        step = LineageStep(location.file, location.line, location.source, hop.row.op, before, after)
        if not told or (told[-1].line, told[-1].op) != (step.line, step.op):
            told.append(step)
    return tuple(told)
