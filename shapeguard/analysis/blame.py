"""Of two sizes that disagree: where each was decided, and which of them is the suspect.

A size is decided where an op of the user's code changed it (a slice, a squeeze, a concatenation, a view), where it was
written down as a number (an argument, a constant, a config entry: found by climbing the source), where the layer was
built whose weight has it, or where the data came in. The suspect is the side that differs from what this very place saw
when it last passed; else the side that the program changed, else the one that was written down, else the one built.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from shapeguard.analysis.climb import Spot, climb, climbs
from shapeguard.analysis.contents import brought_in, loader_of, mask_of
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.lineage import Hop, follow, steps
from shapeguard.analysis.parting import callers_part, extra_change, only_changed_way, parted, whole_way
from shapeguard.analysis.rounding import rounded_at
from shapeguard.analysis.run import Run
from shapeguard.values.findings import LineageStep, Location
from shapeguard.values.recording import NamedValue, Row, TensorArg

How = Literal["counted", "changed", "written", "built", "data", "here"]
_ORDER: tuple[How, ...] = ("counted", "changed", "written", "built", "data", "here")
DATA = frozenset(
    {"tensor", "as_tensor", "from_numpy", "rand", "randn", "randint", "rand_like", "randn_like", "randperm"}
)
_WRITTEN_KINDS = frozenset(
    {"constant", "entry", "default", "argument", "option", "assign", "attribute", "return", "call"}
)
_BUILDERS = frozenset({"arange", "zeros", "ones", "eye", "full", "empty", "linspace", "zeros_like", "ones_like"})
_PARTS = 64  # rows before a container's construction in which its parts are looked for
_NAMED_KINDS = frozenset({"constant", "entry", "default", "option"})


class Side(NamedTuple):
    """One of the two sizes of a clash: the operand, its dimension, and the events that handed the size on."""

    label: str
    value: NamedValue | TensorArg | None
    dim: int | None
    size: int
    hops: tuple[Hop, ...]


class Cause(NamedTuple):
    """Where a size was decided."""

    location: Location
    how: How
    side: Side

    def lineage(self, run: Run) -> tuple[LineageStep, ...]:
        """The life of the size, oldest first."""
        return steps(run, list(self.side.hops))


def sides(run: Run, failed: FailedOp) -> list[Side]:
    """Left and right of the failed op's clash."""
    clash = failed.clash
    if clash is None:
        return []
    pairs = ((clash.left, clash.left_dim, clash.sizes[0]), (clash.right, clash.right_dim, clash.sizes[1]))
    left, right = (side(run, failed, label, dim, size) for label, dim, size in pairs)
    return list(_unfolded(run, left, right))


def side(run: Run, failed: FailedOp, label: str, dim: int | None, size: int) -> Side:
    """One side by its operand's label (or an argument's name) and dimension."""
    value = failed.operands.get(label)
    shape = _shape(value)
    if dim is None and shape == (size,):
        dim = 0  # the number of elements of a vector
    hops = follow(run, value, dim) if value is not None and dim is not None else []
    return Side(label, value, dim, size, tuple(hops))


def _unfolded(run: Run, left: Side, right: Side) -> tuple[Side, Side]:
    """Both sides followed past a place where both were folded (heads into the batch, say): along the factor that differs."""
    for i, ours in enumerate(left.hops):
        for j, theirs in enumerate(right.hops):
            dims = _folded(run, ours, theirs)
            here, there = (hop.source for hop in (ours, theirs))
            differ = [dim for dim in dims if here and there and here.last[dim] != there.last[dim]]
            if here is not None and there is not None and differ:
                dim = differ[0]
                return _past_fold(run, left, i, here, dim), _past_fold(run, right, j, there, dim)
    return left, right


def _folded(run: Run, ours: Hop, theirs: Hop) -> list[int]:
    """The dimensions that one line of code multiplied into both sizes; a factor of 1 is among them."""
    chains = run.recording.chains
    same_line = chains[ours.row.chain].sites[:1] == chains[theirs.row.chain].sites[:1] and ours.after == theirs.after
    same_rank = ours.source and theirs.source and len(ours.source.last) == len(theirs.source.last)
    dims = sorted({dim for hop in (ours, theirs) for _, dim in hop.merged})
    return dims if same_line and same_rank and len(dims) > 1 else []


def _past_fold(run: Run, of: Side, place: int, tensor: TensorArg, dim: int) -> Side:
    passed = of.hops[: place + 1]
    last = passed[-1]._replace(source=tensor, before=dim, size_before=passed[-1].size_after)
    return of._replace(size=tensor.last[dim], hops=(*passed[:-1], last, *follow(run, tensor, dim)))


def cause(run: Run, failed: FailedOp, of: Side) -> Cause:
    """Where the size of a side was decided; at worst the failing statement itself."""
    last = of.hops[-1] if of.hops else None
    if last is None:
        built = built_at(run, failed, of)
        return Cause(built, "built", of) if built is not None else Cause(_here(run), "here", of)
    location = run.location(last.row) or _here(run)
    if not last.changed:
        return Cause(location, "data", of)
    if (mask := mask_of(last.row)) is not None:
        return Cause(brought_in(run, mask) or location, "counted", of)
    if (made := _by_layer(run, last)) is not None:
        return Cause(made, "built", of)
    if last.size_before is not None:
        natural = len(last.merged) > 1 and failed.clash is not None and failed.clash.role in ("inner", "channel")
        return Cause(location, "data" if natural else "changed", of)
    if last.row.op in DATA or not _is_written_call(run, last.row):
        return Cause(location, "data", of)
    read = _read_from(run, last.row, of.size, last.after)
    if read is not None:
        return cause(run, failed, of._replace(hops=(*of.hops, *follow(run, *read))))
    direct = re.search(rf"(?<![A-Za-z_]){re.escape(last.row.op)}\(", run.expression(last.row)) is not None
    return Cause((written(run, last.row, of.size, last.after) if direct else None) or location, "written", of)


def _read_from(run: Run, row: Row, size: int, dim: int) -> tuple[TensorArg, int] | None:
    """The tensor of the same function, and its dim, whose size an op was given: ``torch.eye(labels.shape[0])``."""
    trail = next(iter(whole_trails(run, row, size, dim)), [])
    sites = run.recording.chains[row.chain].sites
    if len(trail) != 2 or trail[-1].kind != "data" or not trail[-1].node_text.isidentifier() or not sites:
        return None
    chain = [run.recording.sites[number] for number in sites]
    named = climbs(run.sources, chain, trail[-1].node_text, whole=True)
    place = next((t.spots[1] for t in named if len(t.spots) > 1 and t.spots[1].kind == "assign"), None)
    for other in reversed(run.rows[: row.id] if place is not None else ()):
        ours = run.recording.chains[other.chain].sites
        here = run.recording.sites[ours[0]] if ours else None
        made = here is not None and place is not None and here.line == place.line and ours[1:] == sites[1:]
        if made and other.outputs and size in other.outputs[0].last:
            out = msgspec.structs.replace(other.outputs[0], origin=other.id)
            return out, out.last.index(size)
    return None


def _by_layer(run: Run, hop: Hop) -> Location | None:
    """Where the layer was built that changed or made a size: its numbers did it, not the line that calls it."""
    built = run.row(hop.row.owner)
    if hop.row.kind != "module" or built is None or built.kind != "construct":
        return None
    if built.op == "Sequential":
        built = _part(run, built, hop.size_after) or built
    return (written(run, built, hop.size_after) if hop.size_before is None else None) or run.location(built)


def _part(run: Run, container: Row, size: int) -> Row | None:
    """The layer of a container whose output has this size: the last one built before the container for as many."""
    for row in reversed(run.rows[max(0, container.id - _PARTS) : container.id]):
        if row.kind == "construct" and size in (row.args.get("out_channels"), row.args.get("out_features")):
            return row
    return None


def _is_written_call(run: Run, row: Row) -> bool:
    """Whether the op is what the user's expression calls, and not something a library did for it (``torch.load``)."""
    return row.op.strip("_") in run.expression(row)


def suspect(run: Run, failed: FailedOp) -> Cause:
    """The side to blame for the failed op's clash."""
    both = sides(run, failed)
    if not both:
        return Cause(_here(run), "here", Side("", None, None, 0, ()))
    causes = [cause(run, failed, side) for side in both]
    call = _called_rightly_elsewhere(run)
    if call is not None and is_weight(both[0]) != is_weight(both[1]):
        given = both[int(is_weight(both[0]))]
        return Cause(call, "here", given)
    index = _to_blame(run, failed, both, causes)
    ways = parted(run, *both)
    rounded = rounded_at(run, ways[index]) if ways is not None else None
    if rounded is not None:
        return causes[index]._replace(location=rounded, how="changed")
    extra = extra_change(run, *both)
    if extra is not None and extra[0] == index and (place := _by_layer(run, extra[1])) is not None:
        return causes[index]._replace(location=place, how="built")
    return _at_its_caller(run, causes[index], causes[1 - index])


def _to_blame(run: Run, failed: FailedOp, both: list[Side], causes: list[Cause]) -> int:
    """Index of the side to blame."""
    changed = departed(run, failed, both)
    if changed is not None and causes[changed].how in ("data", "changed") and causes[1 - changed].how == "written":
        return 1 - changed  # the data may come in other sizes; the number in the code did not follow
    if changed is not None and _loaded(run, both[changed]) and _counted_out(run, both[1 - changed]):
        return 1 - changed
    if changed is not None and causes[changed].how in ("written", "built") and causes[1 - changed].how == "changed":
        changed = None  # another model was built here before; the program itself changed the other side
    if changed is None:
        changed = only_changed_way(run, *both)
    if changed is None and (extra := extra_change(run, *both)) is not None:
        changed = extra[0]
    if changed is None:
        changed = _swapped(both)
    if changed is not None:
        return changed
    # Of two that were built, the layer that fails is the one that was built wrong: it has no events behind it.
    return min((0, 1), key=lambda i: (_ORDER.index(causes[i].how), len(causes[i].side.hops)))


def _loaded(run: Run, of: Side) -> bool:
    """Whether a size comes from the batches of a loader in the end."""
    way = whole_way(run, of)
    return bool(way) and loader_of(run, way[-1].row) is not None


def _counted_out(run: Run, of: Side) -> bool:
    """Whether a size comes from a tensor that was made from numbers alone."""
    way = whole_way(run, of)
    return bool(way) and way[-1].source is None and not way[-1].row.inputs and way[-1].row.op in _BUILDERS


def _at_its_caller(run: Run, found: Cause, other: Cause) -> Cause:
    """The cause at the call that differs, where one line made both sizes in two calls of its function."""
    if found.how not in ("changed", "data") or not found.side.hops:
        return found
    row = found.side.hops[-1].row
    rows = [hop.row for hop in other.side.hops if hop.row.id != row.id]
    apart = next((place for other_row in rows if (place := callers_part(run, row, other_row)) is not None), None)
    return found._replace(location=apart) if apart is not None else found


def _swapped(both: list[Side]) -> int | None:
    """The input whose dimensions stand in another order: the size a weight wants is there, in another place."""
    for index, of in enumerate(both):
        wanted = both[1 - index]
        shape = _shape(of.value)
        if is_weight(wanted) and not is_weight(of) and of.dim is not None and shape is not None:
            others = [size for dim, size in enumerate(shape) if dim != of.dim % len(shape)]
            if wanted.size in others and wanted.size > 1:
                return index
    return None


def _shape(value: NamedValue | TensorArg | None) -> tuple[int, ...] | None:
    return value.last if isinstance(value, TensorArg) else value.shape if value is not None else None


def is_weight(of: Side) -> bool:
    """Whether a side is a layer's own: a parameter, or a number it was built with."""
    value = of.value
    return (
        value is None or (isinstance(value, NamedValue) and value.type == "Parameter") or of.label in ("weight", "bias")
    )


def departed(run: Run, failed: FailedOp, both: list[Side]) -> int | None:
    """Index of the one side whose size is another than when this place last passed; None where that does not decide."""
    if failed.row is None or failed.row.kind == "module":
        return _departed_input(run, both)
    earlier = passed_before(run, failed.row)
    if earlier is None:
        return None
    shapes = {tensor.label: tensor.last for tensor in earlier.inputs}
    sizes = failed.clash.sizes if failed.clash is not None else ()
    odd = []
    for index, (of, size) in enumerate(zip(both, sizes, strict=True)):
        before = shapes.get(of.label)
        if (
            before is not None
            and of.dim is not None
            and -len(before) <= of.dim < len(before)
            and before[of.dim] != size
        ):
            odd.append(index)
    return odd[0] if len(odd) == 1 else None


def _called_rightly_elsewhere(run: Run) -> Location | None:
    """The call of a layer that failed, where another line called the same layer and passed: it was handed something else."""
    calls = [row for row in run.failed_rows if row.kind == "module" and row.owner is not None and row.inputs]
    if not calls:
        return None
    failed = calls[-1]
    layer = (failed.owner, failed.op, failed.module)
    for row in run.rows[: failed.id]:
        same = row.kind == "module" and not row.error and (row.owner, row.op, row.module) == layer
        other = same and row.inputs and row.inputs[0].last[1:] != failed.inputs[0].last[1:]
        if other and run.recording.chains[row.chain].sites[:1] != run.recording.chains[failed.chain].sites[:1]:
            return run.location(failed)
    return None


def _departed_input(run: Run, both: list[Side]) -> int | None:
    """The input of a layer that was called before and passed: its weights are what they were."""
    calls = [row for row in run.failed_rows if row.kind in ("module", "forward")]
    weights = [is_weight(of) for of in both]
    if weights.count(True) != 1 or not calls:
        return None
    before = passed_before(run, calls[-1])
    same = before is not None and [t.last for t in before.inputs] == [t.last for t in calls[-1].inputs]
    return None if before is None or same else weights.index(False)


def passed_before(run: Run, row: Row) -> Row | None:
    """The latest row of the same op, of the same layer where it is one's, at the same place that did not fail."""
    sites = run.recording.chains[row.chain].sites[:1]
    for other in reversed(run.rows):
        same = other.id != row.id and other.op == row.op and not other.error and other.first_at < row.first_at
        same = same and (other.owner, other.module) == (row.owner, row.module)
        if same and run.recording.chains[other.chain].sites[:1] == sites:
            return other
    return None


def built_at(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """The user's line that decided the size of a layer's weight: the constructor's argument climbed to where it is written."""
    row = _construct_row(run, failed)
    if row is None:
        return None
    return written(run, row, of.size) or run.location(row)


def _construct_row(run: Run, failed: FailedOp) -> Row | None:
    """The row in which the failing layer was built: by the failed call itself, else by the innermost frame that is a layer's."""
    numbers = [failed.row.owner if failed.row is not None else None]
    for frame in reversed(run.frames):
        if frame.user:
            break
        numbers.append(frame.owner)
    rows = (run.row(number) for number in numbers)
    return next((row for row in rows if row is not None and row.kind == "construct"), None)


def written(run: Run, row: Row, size: int, dim: int | None = None) -> Location | None:
    """Where the number that gave a row its size is written: the argument of this size, climbed to its origin."""
    spot = written_spot(run, row, size, dim)
    return run.place(spot.file, spot.line, spot.function) if spot is not None else None


def written_spot(run: Run, row: Row, size: int, dim: int | None = None) -> Spot | None:
    """The place at which the number was decided that gave a row its size."""
    trails = list(written_trails(run, row, size, dim))
    ordered = sorted(trails, key=lambda trail: _says_otherwise(trail, size))
    return next((spot for trail in ordered if (spot := decided(trail)) is not None), None)


def _says_otherwise(trail: list[Spot], size: int) -> bool:
    """Whether a trail ends at another number, with nothing computed on the way: it is not this one's."""
    text = trail[-1].node_text.lstrip("-") if trail else ""
    return text.isdecimal() and int(text) != size and not any(_computes(spot) for spot in trail)


def written_trails(run: Run, row: Row, size: int, dim: int | None = None) -> Iterator[list[Spot]]:
    """Climbs from the arguments that can have given a row its size, each to where its number is at fault."""
    return (without_shared_constant(run, trail) for trail in whole_trails(run, row, size, dim))


def whole_trails(run: Run, row: Row, size: int, dim: int | None = None) -> Iterator[list[Spot]]:
    """Climbs from the arguments that can have given a row its size, each to where its number is written."""
    sites = [run.recording.sites[number] for number in run.recording.chains[row.chain].sites]
    for argument in _arguments(run, row, dim) if sites else ():
        if isinstance(argument, ast.Constant) and argument.value == size:
            yield [Spot(sites[0].file, sites[0].line, sites[0].function, str(size), "constant")]
        elif not isinstance(argument, ast.Constant):
            yield climb(run.sources, sites, argument, value=size)


def without_shared_constant(run: Run, trail: list[Spot]) -> list[Spot]:
    """The trail without a named number at its end that is read in several places: the use is at fault, not the number."""
    if len(trail) < 2 or trail[-1].kind not in _NAMED_KINDS:
        return trail
    if trail[-1].kind == "constant":
        name = _assigned_name(run, trail[-1])
        return trail[:-1] if name is not None and _reads(run, name, True) > 1 else trail
    # What stands behind the place that reads an entry is the life of the object that holds it.
    for place in range(len(trail) - 2, -1, -1):
        name = _read_name(trail[place])
        if name is not None:
            return trail[: place + 1] if _reads(run, name, False) > 1 else trail
    return trail


def _read_name(spot: Spot) -> str | None:
    """The entry that a spot reads: of ``cfg.batch_size`` and ``cfg["batch_size"]`` it is batch_size."""
    try:
        node = ast.parse(spot.node_text, mode="eval").body
    except SyntaxError:
        return None
    match node:
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return None


def _assigned_name(run: Run, spot: Spot) -> str | None:
    """The name that a module's statement gives to a number."""
    tree = run.sources[spot.file].tree
    for statement in tree.body if tree else ():
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.lineno == spot.line:
            names = (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            return next(names, None)
    return None


def _reads(run: Run, name: str, constant: bool) -> int:
    """How many statements of the user's files read a constant, or an entry, of this name."""
    files = (run.sources[file] for file in run.recording.sources)
    return sum((file.names_read if constant else file.entries_read)[name] for file in files)


def decided(trail: list[Spot]) -> Spot | None:
    """The spot of a trail at which a number was decided: where it was computed, else where it is written down.

    A name for the size of something that came in decides nothing; handing that size to somebody does.
    """
    ends: list[Spot] = []
    for spot in trail:
        if spot.kind in _WRITTEN_KINDS:
            ends.append(spot)
        if _computes(spot):
            return ends[-1] if ends else None
    if trail and trail[-1].kind == "data":
        ends = [spot for spot in ends if spot.kind != "assign"]
    return ends[-1] if ends else None


def _computes(spot: Spot) -> bool:
    try:
        return isinstance(ast.parse(spot.node_text, mode="eval").body, ast.BinOp)
    except SyntaxError:
        return False


def _arguments(run: Run, row: Row, dim: int | None) -> Iterator[ast.expr]:
    """The argument expressions of the call a row stands for, literals of nested tuples opened.

    ``dim``: which size of the result is sought; of sizes handed over as one tuple it is this one.
    """
    try:
        node = ast.parse(run.expression(row), mode="eval").body
    except SyntaxError:
        return
    if not isinstance(node, ast.Call):
        return
    whole = (
        dim is not None
        and len(row.outputs[:1]) == 1
        and any(isinstance(value, list) and len(value) == len(row.outputs[0].last) for value in row.args.values())
    )
    if f"size[{dim}]" in row.args and dim is not None and dim < len(node.args):
        yield node.args[dim]
        return
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        if isinstance(argument, ast.Tuple | ast.List):
            yield from argument.elts
        elif whole and isinstance(argument, ast.Name | ast.Attribute):
            yield ast.Subscript(value=argument, slice=ast.Constant(value=dim), ctx=ast.Load())
        else:
            yield argument


def _here(run: Run) -> Location:
    """The statement that was running in the user's code."""
    frame = run.user_frame or run.inner_frame
    return run.statement_of(frame) if frame is not None else Location("", 0)
