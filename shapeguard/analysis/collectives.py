"""What the ranks brought to their collectives: the n-th of one meets the n-th of every other."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from shapeguard.analysis.children import rank_of
from shapeguard.analysis.concat import FailedConcat, failed_concat
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg

# The operand that must have one shape on all ranks, and the list of places in which the others' are received.
_OWN = {
    "all_reduce": ("tensor", ""),
    "distributed.broadcast": ("tensor", ""),
    "distributed.reduce": ("tensor", ""),
    "all_gather": ("tensor", "tensor_list"),
    "distributed.gather": ("tensor", "gather_list"),
    "distributed.scatter": ("tensor", "scatter_list"),
    "all_gather_into_tensor": ("input_tensor", ""),
    "all_gather_single": ("input_tensor", ""),
    "reduce_scatter_single": ("output", ""),
    "reduce_scatter": ("output", "input_list"),
    "reduce_scatter_tensor": ("output", ""),
}
# Collectives with one tensor for all ranks: it, and what each rank has of it.
_WHOLE = {
    "all_gather_into_tensor": ("output_tensor", "input_tensor"),
    "_all_gather_base": ("output_tensor", "input_tensor"),
    "reduce_scatter_tensor": ("input", "output"),
    "_reduce_scatter_base": ("input", "output"),
}
MAX_COMPARED = 2000  # numbers of collectives looked at

Shape = tuple[int, ...]


class Brought(NamedTuple):
    """What one rank brought to one collective."""

    run: Run
    rank: int
    row: Row
    shape: Shape | None  # None: this collective asks nothing of the other ranks' shapes


class Parting(NamedTuple):
    """The first collective for which two ranks do not agree."""

    number: int
    left: Brought
    right: Brought

    @property
    def same_op(self) -> bool:
        """Whether both are in the same kind of collective, with other shapes."""
        return self.left.row.op == self.right.row.op


def ranks(run: Run) -> dict[int, Run]:
    """The processes that took part in collectives, by rank."""
    found: dict[int, Run] = {}
    for process in run.processes:
        number = rank_of(process)
        if number is not None:
            found.setdefault(number, process)
    return found


def parting(run: Run) -> Parting | None:
    """The first collective of the group of all in which two ranks differ; None where they agree as far as is known."""
    members = sorted(ranks(run).items())
    if len(members) < 2:
        return None
    rows = {number: _entered(process) for number, process in members}
    for number in _looked_at(rows.values()):
        brought = [
            Brought(process, rank, row, _shape_at(row, number))
            for rank, process in members
            if (row := _row_at(rows[rank], number)) is not None
        ]
        for other in brought[1:]:
            if _differ(brought[0], other):
                return Parting(number, brought[0], other)
    return None


def alone(run: Run) -> tuple[int, int] | None:
    """(collectives this rank entered, those of another), where this rank's last one met a rank that was done already."""
    row = run.failed_row("collective")
    if row is None or "number" not in row.args or "group" in row.args or parting(run) is not None:
        return None
    done = [rank for rank in ranks(run).values() if rank.failure is None and rank.recording.outcome == "completed"]
    counts = [max((_span(entered)[1] + 1 for entered in _entered(rank)), default=0) for rank in done]
    mine = _span(row)[1] + 1
    return (mine, min(counts)) if counts and min(counts) < mine else None


def own_operand(row: Row) -> TensorArg | None:
    """The operand of a collective that must have one shape on all ranks."""
    name = _OWN.get(row.op, ("", ""))[0]
    return next((tensor for tensor in row.inputs if tensor.label == name), None)


def odd_whole(row: Row) -> tuple[TensorArg, TensorArg, int] | None:
    """(the whole, the part, the ranks) of a collective on one tensor for all ranks, if a rank's piece of it is no such part."""
    names = _WHOLE.get(row.op)
    by_label = {tensor.label: tensor for tensor in row.inputs}
    world = row.args.get("world_size")
    if names is None or not isinstance(world, int) or world < 1 or not set(names) <= set(by_label):
        return None
    whole, part = (by_label[name] for name in names)
    return (whole, part, world) if piece(whole, world) != part.last else None


def piece(whole: TensorArg, world: int) -> tuple[int, ...]:
    """What a rank has of a tensor that is cut along dim 0; all of it where that does not come out even."""
    even = bool(whole.last) and whole.last[0] % world == 0
    return (whole.last[0] // world, *whole.last[1:]) if even else whole.last


def places(row: Row) -> list[TensorArg]:
    """What a collective receives from the ranks, or hands out to them, in their order."""
    name = _OWN.get(row.op, ("", ""))[1]
    return [tensor for tensor in row.inputs if name and tensor.label.startswith(f"{name}[")]


def _entered(run: Run) -> list[Row]:
    rows = run.of_kind("collective")
    return [row for row in rows if not row.error and "number" in row.args and "group" not in row.args]


def _looked_at(ranks_rows: Iterable[list[Row]]) -> list[int]:
    """Numbers at which something may change: those of first and last occurrences."""
    numbers: set[int] = set()
    for rows in ranks_rows:
        for row in rows:
            numbers.update(_span(row))
    return sorted(numbers)[:MAX_COMPARED]


def _span(row: Row) -> tuple[int, int]:
    last = row.args["number"]
    first = row.args_first.get("number", last)
    return (first, last) if isinstance(first, int) and isinstance(last, int) else (-1, -1)


def _row_at(rows: list[Row], number: int) -> Row | None:
    """The row in which a rank entered its collective of this number."""
    for row in rows:
        first, last = _span(row)
        if first <= number <= last and not row.varied:
            step = (last - first) // (row.count - 1) if row.count > 1 else 0
            if number in (first, last) or (step and (number - first) % step == 0):
                return row
    return None


def _shape_at(row: Row, number: int) -> Shape | None:
    tensor = own_operand(row)
    if tensor is None:
        return None
    first, last = _span(row)
    if last == first:
        return tensor.last
    return tuple(
        a + (b - a) * (number - first) // (last - first) for a, b in zip(tensor.first, tensor.last, strict=True)
    )


def _differ(left: Brought, right: Brought) -> bool:
    if left.row.op != right.row.op:
        return True
    if left.shape is None or right.shape is None or left.shape == right.shape:
        return False
    return not (_expects(left, right) and _expects(right, left))


def _expects(receiver: Brought, sender: Brought) -> bool:
    """Whether a rank has a place of the sender's very shape: some backends gather unequal shapes."""
    waiting = places(receiver.row)
    return sender.rank < len(waiting) and waiting[sender.rank].last == sender.shape


class Objects(NamedTuple):
    """Tensors that ranks gave each other as objects and that do not fit together: the failed join, and where this rank's was made."""

    concat: FailedConcat
    made: Location | None


def gathered_objects(run: Run) -> Objects | None:
    """A join of what ``all_gather_object`` brought: it takes anything, so that it is the join which finds them unequal."""
    concat, frame = failed_concat(run), run.user_frame
    if concat is None or frame is None:
        return None
    names = {concat.failed.expression(run, label).partition("[")[0] for label, _ in concat.failed.call.tensors}
    function = run.sources[frame.file].function_at(frame.line)
    for node in ast.walk(function) if function is not None else ():
        match node:
            case ast.Call(func=ast.Attribute(attr="all_gather_object"), args=[ast.Name(id=name), *_]) if name in names:
                return Objects(concat, _own_object(run, frame.file, node.lineno, set(concat.shapes)))
    return None


def _own_object(run: Run, file: str, line: int, shapes: set[Shape]) -> Location | None:
    """Where this rank made what it gave, in a call on the line of the collective."""
    for row in reversed(run.rows):
        here = any(site.file == file and site.line == line for site in run.chain(row))
        if here and row.kind in ("op", "concat", "module") and row.outputs and row.outputs[0].last in shapes:
            return run.location(row)
    return None
