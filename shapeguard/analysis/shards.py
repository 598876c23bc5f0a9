"""Shares of a dimension: how a split came out, who expected what, and what the ranks took of it together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.climb import written_at
from shapeguard.analysis.collectives import odd_whole, ranks
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run, per_run
from shapeguard.analysis.sides import sides
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location, OperandView
from shapeguard.values.recording import FrameInfo, Row

_ASKED = {"chunk": "chunks", "unsafe_chunk": "chunks"}
_SPLITS = frozenset({"chunk", "unsafe_chunk", "split", "unsafe_split", "tensor_split"})

_LAYING_OUT = frozenset({"empty", "zeros", "ones", "new_empty", "new_zeros", "new_ones"})


class Short(NamedTuple):
    """A split that gave fewer pieces than were asked of it, or of its result."""

    row: Row
    dim: int
    pieces: int
    wanted: int


class DroppedRows(NamedTuple):
    """Rows at the end of a tensor that no rank took."""

    location: Location | None
    operand: OperandView
    size: int
    share: int
    ranks: int
    taken: int


def few_pieces(run: Run) -> Short | None:
    """The split behind a failed subscript or unpacking, where it gave too few pieces."""
    frame = run.user_frame
    if frame is None or run.failure is None or frame is not run.inner_frame:
        return None
    wanted = _wanted(run, frame)
    if wanted is None:
        return None
    for row in reversed(run.rows):
        if row.op not in _SPLITS or row.error or not row.outputs or not row.inputs:
            continue
        pieces, asked = len(row.outputs), row.args.get(_ASKED.get(row.op, ""))
        if pieces < wanted and isinstance(asked, int) and wanted <= asked:
            return Short(row, _dim(row), pieces, asked)
        if pieces < wanted and asked is None and _stands_for(run, frame, row):
            return Short(row, _dim(row), pieces, wanted)
    return None


def uneven_split(run: Run, crash: Crash) -> tuple[Row, int] | None:
    """The split whose pieces have the two sizes that clash, and the size that was split."""
    for side in sides(run, crash.failed):
        last = side.hops[-1] if side.hops else None
        if last is None or last.row.op not in _SPLITS or last.size_before is None or _by_list(last.row):
            continue
        made = {out.last[last.after] for out in last.row.outputs if last.after < len(out.last)}
        if len(made) > 1 and set(crash.clash.sizes) <= made:
            return last.row, last.size_before
    return None


def unequal_pieces(run: Run) -> tuple[Row, Row, tuple[int, int]] | None:
    """(collective, split, sizes) of a failed collective that was given pieces of unequal size for the ranks."""
    row = run.failed_row("collective")
    given = [tensor for tensor in row.inputs if "input" in tensor.label] if row is not None else []
    for piece in given[1:]:
        first = given[0].last
        odd = [dim for dim, (a, b) in enumerate(zip(first, piece.last, strict=False)) if a != b]
        for hop in follow(run, piece, odd[0]) if len(odd) == 1 and len(first) == len(piece.last) else ():
            if row is not None and hop.row.op in _SPLITS:
                return row, hop.row, (first[odd[0]], piece.last[odd[0]])
    return None


def dropped_rows(run: Run) -> DroppedRows | None:
    """Rows that no rank takes: all ranks slice equal shares of ``size // ranks`` at one place, one after the other.

    Told by the first rank, for all.
    """
    members = ranks(run)
    world = len(members)
    if world < 2 or members.get(0) is not run or sorted(members) != list(range(world)):
        return None
    others = [_spans_by_place(members[number]) for number in range(1, world)]
    for row, start, stop in _slices(run):
        share, size = stop - start, row.inputs[0].last[0]
        key = _place_of(run, row)
        spans = [(start, stop), *(spans.get(key) for spans in others)]
        wanted = [(number * share, (number + 1) * share) for number in range(world)]
        if spans == wanted and 0 < size - share * world < world:
            place = _share_line(run, row) or run.location(row)
            return DroppedRows(place, run.tensor(row.inputs[0]), size, share, world, share * world)
    return None


@per_run
def uneven_whole(run: Run) -> DroppedRows | None:
    """A failed collective on one tensor for all ranks, of whose rows each rank has a share that was rounded down."""
    row = run.failed_row("collective")
    found = odd_whole(row) if row is not None else None
    if found is None or not found[0].last or not found[1].last:
        return None
    whole, part, world = found
    size, share = whole.last[0], part.last[0]
    if size % world == 0 or size // world != share:
        return None
    for row, start, stop in _slices(run):
        if row.inputs[0].last[0] == size and stop - start == share:
            place = _share_line(run, row) or run.location(row)
            return DroppedRows(place, run.tensor(row.inputs[0]), size, share, world, share * world)
    padded = run.row(whole.origin)
    if padded is not None and padded.op == "pad":  # to a multiple of something else
        return DroppedRows(run.location(padded), run.tensor(whole), size, share, world, share * world)
    laid_out = run.row(part.origin)  # for the share, before it came
    if laid_out is not None and laid_out.op in _LAYING_OUT and (place := run.location(laid_out)) is not None:
        return DroppedRows(place, run.tensor(whole), size, share, world, share * world)
    return None


def uneven_share(run: Run) -> tuple[Row, tuple[int, int]] | None:
    """The first place at which ranks take shares of another size from the same tensor, and the two sizes."""
    others = [_shares(rank) for rank in ranks(run).values() if rank is not run]
    for key, (row, size) in _shares(run).items():
        for other in others:
            if key in other and other[key][1] != size:
                return row, (size, other[key][1])
    return None


def _shares(run: Run) -> dict[object, tuple[Row, int]]:
    """Rows of tensors that were cut from larger ones, by their place: the first time counts."""
    found: dict[object, tuple[Row, int]] = {}
    for row in run.rows:
        cuts = row.op in ("getitem", "narrow", "index_select") and row.inputs and row.outputs and not row.error
        if cuts and row.inputs[0].last and row.outputs[0].last:
            found.setdefault(_place_of(run, row), (row, row.outputs[0].last[0]))
    return found


def _wanted(run: Run, frame: FrameInfo) -> int | None:
    """How many items the failing expression needs its container to have."""
    assert run.failure is not None
    if run.failure.exception.type == "IndexError" and frame.op == "getitem":
        index = next((value.value for value in frame.operands if value.label.startswith("index")), None)
        return index + 1 if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else None
    if run.failure.exception.type == "ValueError":
        statement = run.sources[frame.file].statement(frame.line)
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Tuple | ast.List) and not any(isinstance(e, ast.Starred) for e in target.elts):
            return len(target.elts)
    return None


def _stands_for(run: Run, frame: FrameInfo, row: Row) -> bool:
    """Whether the failing expression's container is what this row made."""
    place = run.location(row)
    if place is None:
        return False
    container = next((value.expression for value in frame.operands if value.label == "input"), "")
    made = written_at(run, frame, container) if container else None
    here = run.statement_of(frame)
    return any(at is not None and (at.file, at.line) == (place.file, place.line) for at in (made, here))


def _dim(row: Row) -> int:
    dim = row.args.get("dim", 0)
    rank = len(row.inputs[0].last)
    return dim % rank if isinstance(dim, int) and rank else 0


def _by_list(row: Row) -> bool:
    return any(isinstance(value, list) for value in row.args.values())


def _slices(run: Run) -> Iterator[tuple[Row, int, int]]:
    """Slices of the first dimension with both ends given."""
    for row in run.rows:
        if row.error or not row.inputs or not row.inputs[0].last:
            continue
        span = _span(row)
        if span is not None and 0 <= span[0] < span[1] <= row.inputs[0].last[0]:
            yield row, *span


def _span(row: Row) -> tuple[int, int] | None:
    if row.op == "narrow" and row.args.get("dim", 0) == 0:
        start, length = row.args.get("start"), row.args.get("length")
        return (start, start + length) if isinstance(start, int) and isinstance(length, int) else None
    index = row.args.get("index") if row.op == "getitem" else None
    if isinstance(index, list) and index:
        index = index[0]
    if not isinstance(index, str):
        return None
    parts = index.split(":")
    if len(parts) != 2 or not parts[1].isdigit() or not (parts[0].isdigit() or not parts[0]):
        return None
    return int(parts[0] or 0), int(parts[1])


def _spans_by_place(run: Run) -> dict[object, tuple[int, int]]:
    """What a rank took, by the place and the tensor's shape: the first time counts."""
    found: dict[object, tuple[int, int]] = {}
    for row, start, stop in _slices(run):
        found.setdefault(_place_of(run, row), (start, stop))
    return found


def _place_of(run: Run, row: Row) -> object:
    """By which the same slice is known in every rank: where it stands, and what it is taken from."""
    place = run.location(row)
    return (place.file, place.line, row.op, row.inputs[0].last) if place is not None else row.id


def _share_line(run: Run, row: Row) -> Location | None:
    """The line in which the size of a share was rounded down, in the function of the slice."""
    place = run.location(row)
    tree = run.sources[place.file].tree if place is not None else None
    if place is None or tree is None:
        return None
    given = [
        n for n in ast.walk(_function_at(tree, place.line)) if isinstance(n, ast.Assign) and n.lineno <= place.line
    ]
    names = _names(parsed_text(run.expression(row)))
    for node in reversed(given):  # from the slice upwards: ``part = slice(rank * rows, ...)`` leads on to ``rows``
        if _targets(node) & names:
            if _rounds_down(node.value):
                return run.place(place.file, node.lineno, place.function)
            names |= _names(node.value)
    return None


def _names(node: ast.AST | None) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} if node is not None else set()


def _function_at(tree: ast.Module, line: int) -> ast.AST:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return next((f for f in reversed(functions) if f.lineno <= line <= (f.end_lineno or 0)), tree)


def _targets(node: ast.Assign) -> set[str]:
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def _rounds_down(node: ast.expr) -> bool:
    return any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv) for part in ast.walk(node))
