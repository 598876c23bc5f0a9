"""Shares of a dimension: how a split came out, who expected what, and what the ranks took of it together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.blame import sides
from shapeguard.analysis.climb import written_at
from shapeguard.analysis.collectives import ranks
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location, OperandView
from shapeguard.values.recording import FrameInfo, Row

_ASKED = {"chunk": "chunks", "unsafe_chunk": "chunks"}
_SPLITS = frozenset({"chunk", "unsafe_chunk", "split", "unsafe_split", "tensor_split"})


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


def dropped_rows(run: Run) -> DroppedRows | None:
    """Rows that no rank takes: all ranks slice equal shares of ``size // ranks`` at one place, one after the other.

    Told by the first rank, for all.
    """
    members = ranks(run)
    world = len(members)
    if world < 2 or members.get(0) is not run or sorted(members) != list(range(world)):
        return None
    for row, start, stop in _slices(run):
        spans = [(start, stop)]
        for number in range(1, world):
            spans += [(a, b) for other, a, b in _slices(members[number]) if _alike(run, row, members[number], other)][:1]
        share, size = stop - start, row.inputs[0].last[0]
        if share > 0 and spans == [(i * share, (i + 1) * share) for i in range(world)] and 0 < size - share * world < world:
            place = _share_line(run, row) or run.location(row)
            return DroppedRows(place, run.tensor(row.inputs[0]), size, share, world, share * world)
    return None


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


def _alike(run: Run, row: Row, other_run: Run, other: Row) -> bool:
    """Whether two ranks did the same at the same place with a tensor of the same rows."""
    if other.op != row.op or other.inputs[0].last != row.inputs[0].last:
        return False
    here, there = run.location(row), other_run.location(other)
    return here is not None and there is not None and (here.file, here.line) == (there.file, there.line)


def _share_line(run: Run, row: Row) -> Location | None:
    """The line in which the size of a share was rounded down, in the function of the slice."""
    place = run.location(row)
    tree = run.sources[place.file].tree if place is not None else None
    if place is None or tree is None:
        return None
    try:
        names = {node.id for node in ast.walk(ast.parse(run.expression(row))) if isinstance(node, ast.Name)}
    except SyntaxError:
        return None
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.lineno <= place.line <= (n.end_lineno or 0)]
    for node in ast.walk(functions[-1] if functions else tree):
        if isinstance(node, ast.Assign) and _targets(node) & names and _rounds_down(node.value):
            return run.place(place.file, node.lineno, place.function)
    return None


def _targets(node: ast.Assign) -> set[str]:
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def _rounds_down(node: ast.expr) -> bool:
    return any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv) for part in ast.walk(node))
