"""Where a size was decided.

An op of the user's code changed it (a slice, a squeeze, a concatenation, a view), it was written down as a number (an
argument, a constant, a config entry: found by climbing the source), the layer was built whose weight has it, or the data
came in with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from shapeguard.analysis.built import built_at
from shapeguard.analysis.by_layer import by_layer
from shapeguard.analysis.climb import Spot, attribute_set, chain_of_frames, climbs
from shapeguard.analysis.contents import brought_in, made_at, mask_of
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.lineage import RECURRENT, Hop, follow, steps
from shapeguard.analysis.loading import collated_at
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side, is_weight, shape_of, sides
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.untold import left_out
from shapeguard.analysis.written import decided, whole_trails, written
from shapeguard.values.findings import LineageStep, Location
from shapeguard.values.recording import Row, TensorArg

How = Literal["counted", "changed", "written", "built", "data", "here"]
DATA = frozenset(
    {"tensor", "as_tensor", "from_numpy", "rand", "randn", "randint", "rand_like", "randn_like", "randperm"}
)
_READING = frozenset({"max", "min", "amax", "sum", "item"})  # ops whose result is taken for a number
CELLS = RECURRENT | {"LSTMCell", "GRUCell", "RNNCell"}
REPEATING = frozenset({"repeat", "repeat_interleave", "expand", "tile"})
_OF_LAYERS = frozenset(
    {"in_features", "out_features", "in_channels", "out_channels", "embedding_dim", "num_embeddings", "num_features"}
)
_NEAR = 12  # ops behind an operand among which the layer before is looked for


class Cause(NamedTuple):
    """Where a size was decided."""

    location: Location
    how: How
    side: Side

    def lineage(self, run: Run) -> tuple[LineageStep, ...]:
        """The life of the size, oldest first."""
        return steps(run, list(self.side.hops))


def cause(run: Run, failed: FailedOp, of: Side) -> Cause:
    """Where the size of a side was decided; at worst the failing statement itself."""
    last = of.hops[-1] if of.hops else None
    if _counts_mask(of) and of.value is not None:
        return Cause(brought_in(run, of.value) or made_at(run, of.value) or statement_here(run), "counted", of)
    if last is None and (number := _own_number(run, failed, of)) is not None:
        return Cause(number, "written", of)
    if last is None:
        looked_up = failed.clash is not None and failed.clash.kind == "index" and not is_weight(of)
        table = next((side for side in sides(run, failed) if is_weight(side)), of) if looked_up else of
        built = built_at(run, failed, table) or _own_parameter(run, failed, of)
        return Cause(built, "built", of) if built is not None else Cause(statement_here(run), "here", of)
    location = run.location(last.row) or statement_here(run)
    if not last.changed:
        kept = _kept_as(run, last)
        return Cause(location, "data", of) if kept is None else Cause(kept, "built", of)
    if last.row.kind == "construct":
        return Cause(written(run, last.row, of.size) or location, "built", of)
    if (mask := mask_of(last.row)) is not None:
        whole = failed.clash is not None and last.size_before in failed.clash.sizes and last.size_before != of.size
        if whole and mask.last == (last.size_before,):
            return Cause(location, "changed", of)  # the other side was not masked
        return Cause(brought_in(run, mask) or location, "counted", of)
    if (made := by_layer(run, last)) is not None:
        return Cause(made, "built", of)
    if (number := _of_whole_number(run, last, of.size)) is not None:
        return Cause(number, "written", of)
    if last.size_before is not None:
        inner = failed.clash is not None and (
            failed.clash.role in ("inner", "channel") or (failed.clash.role == "feature" and failed.op in CELLS)
        )
        labels = (failed.clash.left, failed.clash.right) if failed.clash is not None else ()
        if (number := _of_a_longer_count(run, last, of.size)) is not None:
            return Cause(number, "written", of)
        if (
            last.row.op in ("view", "reshape", "unflatten")
            and (number := written(run, last.row, of.size, last.after)) is not None
        ):
            return Cause(number, "changed", of)
        if (
            last.row.op in ("view", "reshape", "unflatten")
            and (shown := _read_from(run, last.row, of.size, last.after)) is not None
        ):
            return cause(run, failed, of._replace(hops=(*of.hops, *follow(run, *shown))))  # as it was before
        natural = len(last.merged) > 1 and (inner or any(_is_parameter(run, label) for label in labels))
        return Cause(location, "data" if natural else "changed", of)
    if last.row.op == "stack" and (loop := filled_by(run, last.row)) is not None:
        return Cause(loop, "written", of)
    if (listed := _listed(run, last)) is not None:
        return Cause(listed, "written", of)
    if last.row.op in DATA or not _is_written_call(run, last.row):
        return Cause(collated_at(run, last.row) or location, "data", of)
    read = read_through(run, of)
    if read is not of:
        return cause(run, failed, read)
    direct = re.search(rf"(?<![A-Za-z_]){re.escape(last.row.op)}\(", run.expression(last.row)) is not None
    number = written(run, last.row, of.size, last.after) if direct else None
    if number is None and _counted_from_data(run, last, of.size):
        return Cause(location, "data", of)
    return Cause(number or location, "written", of)


def _counted_from_data(run: Run, last: Hop, size: int) -> bool:
    """Whether an op was told a size that is reckoned from what a tensor holds: ``zeros(int(inverse.max()) + 1, 3)``."""
    trails = list(whole_trails(run, last.row, size, last.after))
    told = [parsed_text(trail[-1].node_text) for trail in trails if trail]
    return bool(told) and all(
        any(
            isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in _READING
            for part in ast.walk(node or ast.Pass())
        )
        for node in told
    )


def filled_by(run: Run, row: Row) -> Location | None:
    """The loop that fills a list which is then stacked, entry by entry: it runs as often as the result is long."""
    place = run.location(row)
    source = run.sources[place.file] if place is not None else None
    function = source.function_at(place.line) if source is not None and place is not None else None
    match parsed_text(run.expression(row)):
        case ast.Call(args=[ast.Name(id=name), *_]):
            pass
        case _:
            return None
    loops = [
        node
        for node in ast.walk(function or ast.Pass())
        if isinstance(node, ast.For | ast.While) and any(_appends(statement, name) for statement in node.body)
    ]
    return run.place(place.file, loops[0].lineno, place.function) if place is not None and len(loops) == 1 else None


def _appends(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=filled), attr="append"))):
            return filled == name
    return False


def _listed(run: Run, last: Hop) -> Location | None:
    """Where a list of as many numbers is written that a tensor was made of somewhere else: a mean for each channel."""
    node = parsed_text(run.expression(last.row))
    if last.row.op not in ("tensor", "as_tensor") or last.after != 0 or not isinstance(node, ast.Call) or not node.args:
        return None
    for trail in climbs(run.sources, run.chain(last.row), node.args[0], whole=True):
        end = trail.spots[-1] if len(trail.spots) > 1 else None
        match parsed_text(end.node_text) if end is not None else None:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                numbers = all(isinstance(item, ast.Constant) for item in items)
                if (
                    end is not None
                    and numbers
                    and len(items) == last.size_after
                    and end.kind in ("argument", "default")
                ):
                    return run.at(end)
    return None


def _kept_as(run: Run, last: Hop) -> Location | None:
    """Where an attribute was set from which the first op that is known of a size took it: a parameter, say; its number, if written."""
    if last.source is None or last.source.origin is not None or last.source.label not in ("input", "tensor"):
        return None
    match parsed_text(run.expression(last.row)):
        case (
            ast.Call(func=ast.Attribute(value=ast.Attribute(attr="init")), args=[ast.Attribute() as taken, *_])
            | ast.Call(func=ast.Attribute(value=ast.Attribute() as taken))
            | ast.Call(func=ast.Attribute(value=ast.Name(id="F" | "torch")), args=[ast.Attribute() as taken])
            | ast.Attribute(value=ast.Attribute() as taken)
            | ast.Subscript(value=ast.Attribute() | ast.Name() as taken)
        ):
            spot = attribute_set(run, run.chain(last.row), ast.unparse(taken))
        case _:
            return None
    if spot is None:
        return None
    made = next((row for row in run.rows[: last.row.id] if _made_for(run, row, spot, last.source)), None)
    told = made is not None and not _of_a_layer(parsed_text(run.expression(made)))
    number = written(run, made, last.size_after, last.before) if made is not None and told else None
    return number or run.at(spot)


def _own_parameter(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """Where a module of the user's made the parameter that is an operand; its number, if it is written somewhere."""
    spot = _set_as_parameter(run, failed, of) if _is_parameter(run, of.label) else None
    made = parameter_made(run, failed, of) if spot is not None else None
    number = written(run, made, of.size, of.dim) if made is not None else None
    return number or (run.at(spot) if spot is not None else None)


def parameter_made(run: Run, failed: FailedOp, of: Side) -> Row | None:
    """The row of the op that made the parameter of a module of the user's that is an operand, ``nn.Parameter(torch.ones(features))``."""
    spot, shape = _set_as_parameter(run, failed, of), shape_of(of.value)
    if spot is None or shape is None:
        return None
    return next((row for row in run.rows if _made_for(run, row, spot, TensorArg(of.label, shape, shape))), None)


def _set_as_parameter(run: Run, failed: FailedOp, of: Side) -> Spot | None:
    """The statement that set the parameter of a module of the user's that is an operand, ``self.scale``."""
    frame, text = run.user_frame, failed.expression(run, of.label)
    sized = failed.clash is not None and failed.clash.kind == "dim"
    if frame is None or not sized or not text.startswith("self."):
        return None
    own = any(v.type == "Parameter" and v.expression == text for v in frame.operands)
    return attribute_set(run, chain_of_frames(run, frame), text) if own else None


def _is_parameter(run: Run, label: str) -> bool:
    """Whether an operand of the failing expression is a parameter of a module's."""
    frame = run.user_frame
    return frame is not None and any(v.label == label and v.type == "Parameter" for v in frame.operands)


def _of_a_layer(node: ast.AST | None) -> bool:
    """Whether a size is taken from another layer, ``base.out_features``: it is the taking that is wrong, not the layer."""
    return any(isinstance(part, ast.Attribute) and part.attr in _OF_LAYERS for part in ast.walk(node or ast.Pass()))


def _made_for(run: Run, row: Row, place: Spot, kept: TensorArg) -> bool:
    """Whether a row was made by the statement that set an attribute, in the shape of what is kept there."""
    return bool(row.outputs) and row.outputs[0].last == kept.last and _stands_at(run, row, place, None)


def _counts_mask(of: Side) -> bool:
    """Whether a size is how many entries of the operand, a mask, are true, and not its length."""
    shape = shape_of(of.value)
    masks = of.value is not None and of.value.dtype == "bool"
    seen = any(hop.size_after == of.size for hop in of.hops)  # a factor of its length
    return masks and shape is not None and of.dim is not None and shape[of.dim] != of.size and not seen


def _of_whole_number(run: Run, last: Hop, size: int) -> Location | None:
    """Where the number is written of which a table was counted out in parts that were put together again.

    ``arange(0, dim, 2)`` twice is ``dim`` long: what joined the halves did not choose the size.
    """
    if last.row.kind != "concat" or last.source is None or last.before is None:
        return None
    root = next(
        (hop.row for hop in follow(run, last.source, last.before) if hop.row.op in ("arange", "linspace")), None
    )
    if root is None or root.inputs or size not in [n for n in root.args.values() if type(n) is int]:
        return None
    return written(run, root, size)


def _of_a_longer_count(run: Run, last: Hop, size: int) -> Location | None:
    """Where the number is written from which a few more were counted out than were kept: ``linspace(0, top, bands + 2)[1:-1]``."""
    born = follow(run, last.source, last.before) if last.source is not None and last.before is not None else []
    counted = born[-1].row if born and last.row.op == "getitem" else None
    if (
        counted is None
        or counted.inputs
        or counted.op not in ("linspace", "arange")
        or born[-1].size_before is not None
    ):
        return None
    sites, node = run.chain(counted), parsed_text(run.expression(counted))
    for part in ast.walk(node) if node is not None and sites else ():
        if not isinstance(part, ast.BinOp) or not isinstance(part.op, ast.Add | ast.Sub):
            continue
        for trail in climbs(run.sources, sites, part.left, value=size):
            told = trail.spots[-1].node_text == str(size)
            spot = decided(list(trail.spots)) if told else None
            if spot is not None and spot.line:
                return left_out(run, counted, trail.spots) or run.at(spot)
    return None


def _own_number(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """Where the number is written that the failed op itself was given: ``k`` of ``topk``."""
    named = of.value is None and failed.row is not None and failed.row.args.get(of.label) == of.size
    return written(run, failed.row, of.size) if named and failed.row is not None else None


def _read_from(run: Run, row: Row, size: int, dim: int) -> tuple[TensorArg, int] | None:
    """The tensor, and its dim, whose size an op was given: ``torch.eye(labels.shape[0])``, ``torch.eye(len(self.pairs))``."""
    trail = next(iter(whole_trails(run, row, size, dim)), [])
    sites = run.recording.chains[row.chain].sites
    unpacked = len(trail) == 3 and trail[1].node_text.endswith((".shape", ".size()"))  # `rows, places = x.shape`
    if not (len(trail) == 2 or unpacked) or trail[-1].kind != "data" or not sites:
        return None
    text = trail[-1].node_text
    if not text.replace(".", "_").isidentifier():
        return None
    chain = [run.recording.sites[number] for number in sites]
    named = climbs(run.sources, chain, text, whole=True)
    kind = "assign" if text.isidentifier() else "attribute"
    places = [
        (t.spots[1], sites if kind == "assign" else None) for t in named if len(t.spots) > 1 and t.spots[1].kind == kind
    ]
    # A parameter: as one of the callers made what was handed in.
    handed = (next((spot for spot in t.spots[1:] if spot.kind != "argument"), None) for t in named if len(t.spots) > 2)
    places += [(spot, None) for spot in handed if spot is not None and spot.kind in ("assign", "return") and spot.depth]
    for place, of in places:
        for other in reversed(run.rows[: row.id]):
            if other.outputs and size in other.outputs[0].last and _stands_at(run, other, place, of):
                out = msgspec.structs.replace(other.outputs[0], origin=other.id)
                return out, out.last.index(size)
    return None


def _stands_at(run: Run, row: Row, place: Spot, sites: Sequence[int] | None) -> bool:
    """Whether a row was made by a statement: in the same call of its function, or, for an attribute, at any time."""
    ours = run.recording.chains[row.chain].sites
    if sites is not None:
        return bool(ours) and run.recording.sites[ours[0]].line == place.line and ours[1:] == sites[1:]
    return any((site := run.recording.sites[number]).line == place.line and site.file == place.file for number in ours)


def read_off(run: Run, found: Cause) -> bool:
    """Whether a number is none of the code's, and only read off another tensor: ``arange(k.size(2))``."""
    last = found.side.hops[-1] if found.side.hops else None
    trails = list(whole_trails(run, last.row, found.side.size, last.after)) if last is not None else []
    return bool(trails) and all(trail and trail[-1].kind == "data" for trail in trails)


def read_through(run: Run, of: Side) -> Side:
    """The side with its life before the tensor whose size an op was told."""
    last = of.hops[-1] if of.hops else None
    if last is None or not last.changed or last.size_before is not None or not _is_written_call(run, last.row):
        return of
    read = _read_from(run, last.row, of.size, last.after)
    return of._replace(hops=(*of.hops, *follow(run, *read))) if read is not None else of


def _is_written_call(run: Run, row: Row) -> bool:
    """Whether the op is what the user's expression calls, and not something a library did for it (``torch.load``)."""
    return row.op.strip("_") in run.expression(row)


def statement_here(run: Run) -> Location:
    """The statement that was running in the user's code."""
    frame = run.user_frame or run.inner_frame
    return run.statement_of(frame) if frame is not None else Location("", 0)
