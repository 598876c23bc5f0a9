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
