"""Keys that a module of the user's keeps in an attribute and appends to at every call, also at the first one of a new text."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.run import Run, per_run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import sides
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row


class LeftKeys(NamedTuple):
    """Positions that were kept, positions that are new, the concatenation that joined them, and the test before it."""

    kept: int
    new: int
    joined: Row
    test: Location


@per_run
def left_keys(run: Run) -> LeftKeys | None:
    """A failed clash between what is new and what is kept with it: of several new positions, as a prompt has them."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.kind != "dim" or family(failed.op) != "broadcast":
        return None
    both = sides(run, failed)
    for ours, other in (both, both[::-1]) if len(both) == 2 else ():
        joined = next((hop.row for hop in ours.hops if hop.row.kind == "concat" and hop.size_after == ours.size), None)
        if joined is None or len(joined.inputs) != 2 or len(joined.inputs[0].last) != 4:
            continue
        kept, new = (tensor.last[2] for tensor in joined.inputs)
        test = _test_for_kept(run, joined)
        if new == other.size > 1 and kept + new == ours.size and test is not None and not _goes_on(run, kept):
            return LeftKeys(kept, new, joined, test)
    return None


def _goes_on(run: Run, kept: int) -> bool:
    """Whether the positions of the new part are counted from what is kept: it is the next piece of one text."""
    counted = [row for row in run.of_kind("op") if row.op == "arange" and not row.error]
    return bool(counted) and counted[-1].args.get("start") == kept


def _test_for_kept(run: Run, joined: Row) -> Location | None:
    """The ``if self.x is not None`` around the concatenation."""
    place = run.location(joined)
    if place is None:
        return None
    tree = run.sources[place.file].tree
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.If) or not node.lineno <= place.line <= (node.body[-1].end_lineno or node.lineno):
            continue
        match node.test:
            case ast.Compare(left=ast.Attribute(), ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
                return run.place(place.file, node.lineno, place.function)
    return None


class Refilled(NamedTuple):
    """The attention that failed, positions left in the buffer of keys, positions that are new, and where the texts come one by one."""

    row: Row
    kept: int
    new: int
    location: Location | None


@per_run
def refilled(run: Run) -> Refilled | None:
    """A text that begins in a buffer of keys which still holds the one before: its mask is that of an empty one.

    An earlier text began at the same place with as many keys as queries, and the keys have grown since, up to where this one begins.
    """
    failed = failed_op(run)
    row = failed.row if failed is not None and family(failed.op) == "attention" else None
    by_label = {tensor.label: tensor.last for tensor in row.inputs} if row is not None else {}
    query, key, mask = (by_label.get(label, ()) for label in ("query", "key", "attn_mask"))
    if row is None or len(query) < 3 or len(key) != len(query) or not mask or mask[-1] != query[-2] or query[-2] < 2:
        return None
    new, kept = query[-2], key[-2] - query[-2]
    before = [r for r in run.rows[: row.id] if r.op == row.op and run.at_one_place(r, row) and not r.error]
    lengths = [[t.last[-2] for t in r.inputs if t.label in ("query", "key")] for r in before]
    began = any(queries == keys > 1 for queries, keys in (pair for pair in lengths if len(pair) == 2))
    if kept < 1 or not began or lengths[-1][-1] != kept:
        return None
    return Refilled(row, kept, new, _one_by_one(run))


def _one_by_one(run: Run) -> Location | None:
    """The outermost loop's statement that was running: it hands over one text after the other."""
    for frame in run.frames:
        function = run.sources[frame.file].function_at(frame.line) if frame.user else None
        for node in ast.walk(function) if function is not None else ():
            if isinstance(node, ast.For) and node.lineno < frame.line <= (node.end_lineno or node.lineno):
                return run.statement_of(frame)
    return None
