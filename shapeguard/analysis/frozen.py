"""A batch or sequence size that was frozen: in a number of the code, a buffer, or a state kept from an earlier batch."""

from __future__ import annotations

import ast

from shapeguard.analysis.causes import DATA, REPEATING, read_through
from shapeguard.analysis.climb import Spot
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.missing_axis import missing_axis
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, shape_of, sides
from shapeguard.analysis.written import NOT_OF_IT, decided, says_otherwise, whole_trails, written_spot
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_FAMILIES = frozenset({"broadcast", "reshape", "rnn", "concat", "loss", "matmul", "einsum", "subscript", "index"})
_ROUNDING = frozenset({"istft", "fold", "unfold"})
_LITERAL_KINDS = frozenset({"constant", "entry", "option", "default"})


def frozen_side(run: Run, failed: FailedOp) -> Side | None:
    """The side of a clash whose size is a number of the code while the other side's comes with the data."""
    if (
        failed.clash is None
        or family(failed.op) not in _FAMILIES
        or failed.clash.kind not in ("dim", "numel", "divides")
        or missing_axis(run, failed) is not None
    ):
        return None
    both = sides(run, failed)
    read = family(failed.op) != "subscript"  # what is written into a buffer has to fit it
    frozen = [is_frozen(run, side) or (read and _is_buffer(run, side)) for side in both]
    if frozen.count(True) != 1:
        return None
    side, other = both[frozen.index(True)], both[frozen.index(False)]
    last = other.hops[-1] if other.hops else None
    if _of_channels(side):
        return None
    if last is not None and last.changed and last.size_before == side.size and last.row.op == "getitem":
        return None  # it was cut from what would have fitted
    if last is not None and last.changed and last.row.op in _ROUNDING:
        return None  # it is made of whole frames, of which the other's size is no multiple
    return side if side.dim in (0, 1, None) or failed.op in ("masked_fill", "add") else None


def _of_channels(side: Side) -> bool:
    """Whether a size is that of a value for each channel of an image, (channels, 1, 1): no batch's and no sequence's."""
    shape = shape_of(side.value) or ()
    return len(shape) > 2 and shape[-2:] == (1, 1) and shape[-3] == side.size


def made_in_constructor(run: Run, row: Row) -> Location | None:
    """The line of an ``__init__`` that had a helper make a tensor, a table that is kept from then on; None where none did."""
    for step, number in enumerate(run.recording.chains[row.chain].sites):
        if step and run.recording.sites[number].function.endswith(".__init__"):
            return run.location(row, step)
    return None


def _is_buffer(run: Run, side: Side) -> bool:
    """Whether a constructor made a tensor from numbers alone as one of its module's buffers, and gave a side its size by that."""
    last = side.hops[-1] if side.hops else None
    place = run.location(last.row) if last is not None and last.changed and not last.row.inputs else None
    return place is not None and place.function.endswith(".__init__") and "register_buffer(" in place.source


def kept_since_built(run: Run, side: Side) -> Location | None:
    """The line of an ``__init__`` that had the tensor made which gave a side its size, from numbers alone."""
    last = read_through(run, side).hops[-1] if side.hops else None
    numbers = last is not None and last.changed and (last.source is None or last.row.op in REPEATING)
    return made_in_constructor(run, last.row) if last is not None and numbers else None


def _counts_a_table(run: Run, side: Side, spot: Spot) -> bool:
    """Whether a number also says how many rows a table has: there are so many users, whatever a batch brings."""
    tables = [row for row in run.of_kind("construct") if row.args.get("num_embeddings") == side.size]
    return any(written_spot(run, row, side.size) == spot for row in tables[:8])


def is_frozen(run: Run, side: Side) -> bool:
    """Whether the size was born in an op from an argument that is written down as a number, or in a constructor."""
    last = side.hops[-1] if side.hops else None
    if kept_since_built(run, side) is not None:
        return True
    if last is None or last.size_before is not None or not last.changed or last.row.op in DATA:
        return False
    if last.row.kind == "construct":
        return False  # a layer's own
    trails = whole_trails(run, last.row, side.size, last.after)
    of_it = [trail for trail in trails if says_otherwise(trail, side.size) < NOT_OF_IT]
    spot = next((spot for trail in of_it if (spot := decided(trail)) is not None), None)
    if spot is None or _counts_a_table(run, side, spot):
        return False
    try:
        node = ast.parse(spot.node_text, mode="eval").body
    except SyntaxError:
        return spot.kind in _LITERAL_KINDS  # an entry of a config text, say
    return isinstance(node, ast.Constant) and isinstance(node.value, int)
