"""A failed view of features as heads: (batch, length, features) as (batch, length, heads, head_dim)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shapeguard.analysis.climb import Spot, chain_of_frames, climbs
from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.heads import configs, query_heads
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.parting import only_failing_call
from shapeguard.analysis.reshapes import written_location, wrong_size
from shapeguard.analysis.run import Run
from shapeguard.analysis.sizing import call_node, located, size_argument
from shapeguard.analysis.written import decided, parsed, written
from shapeguard.values.findings import FactValue, Location
from shapeguard.values.recording import NamedValue, Row
from shapeguard.values.shapes import numel

_VIEWS = frozenset({"view", "reshape", "unflatten"})
_WIDTHS = ("hidden_size", "n_embd", "d_model", "embed_dim", "dim")


class HeadSplit(NamedTuple):
    """What was asked: ``width`` features as ``heads`` times ``head_dim``; ``source`` is the shape of the input."""

    failed: FailedOp
    source: tuple[int, ...]
    width: int
    heads: int
    head_dim: int
    location: Location | None
    wrong_call: Location | None = None  # the same line split another projection and passed; this call never did

    @property
    def heads_there(self) -> int | None:
        """How many heads of this size the features are, where that comes out even."""
        return self.width // self.head_dim if self.width % self.head_dim == 0 else None

    @property
    def rounded(self) -> bool:
        """Whether head_dim is the width divided by heads that do not divide it."""
        return self.width % self.heads != 0 and self.width // self.heads == self.head_dim


def failed_split(run: Run) -> HeadSplit | None:
    """The failed op as a split into heads; None where it is another reshape."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.op not in _VIEWS:
        return None
    asked = _asked(failed)
    source = failed.call.tensors[0][1] if failed.call.tensors else ()
    place = run.location(failed.row) if failed.row is not None else run.failed_at
    text = run.expression(failed.row) if failed.row is not None else failed.frame.expression if failed.frame else ""
    if asked is None or not _is_split(source, asked) or not _speaks_of_heads(run, place, text):
        return None
    heads, head_dim = asked[-2], asked[-1]
    lead = len(source) - 1
    per = numel(asked[lead:]) // (heads * head_dim)
    width = source[-1] // per if per and source[-1] % per == 0 else source[-1]
    if failed.row is None:  # in a callback that a library's code called
        wrong = wrong_size(run, failed)
        where = written_location(run, wrong) if wrong is not None else None
        return HeadSplit(failed, source, width, heads, head_dim, where)
    split = HeadSplit(failed, source, width, heads, head_dim, None, only_failing_call(run, failed.row))
    return split._replace(location=_location(run, split, len(asked)))


class HeadMerge(NamedTuple):
    """The heads that were to be folded into ``width`` features, and are another number."""

    failed: FailedOp
    row: Row
    heads: int
    head_dim: int
    width: int


def failed_merge(run: Run) -> HeadMerge | None:
    """The failed op as heads, (batch, length, heads, head_dim), to be folded into a model's width; None where it is another reshape."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.op not in _VIEWS or failed.row is None:
        return None
    asked = _asked(failed) or []
    source = failed.call.tensors[0][1] if failed.call.tensors else ()
    folds = len(source) == len(asked) + 1 >= 4 and tuple(asked[:-1]) == source[:-2]
    if not folds or not _speaks_of_heads(run, run.location(failed.row), run.expression(failed.row)):
        return None
    wrong = wrong_size(run, failed)
    told = written_location(run, wrong) if wrong is not None else None
    kept = told is not None and told.function.endswith("__init__")  # a width of the model's: this use of it is wrong
    return HeadMerge(failed, failed.row, source[-2], source[-1], asked[-1]) if kept else None


def _asked(failed: FailedOp) -> list[int] | None:
    sizes = failed.call.args.get("size", failed.call.args.get("sizes"))
    numbers = [size for size in sizes if isinstance(size, int)] if isinstance(sizes, list) else []
    return numbers if len(numbers) >= 2 and all(size > 0 for size in numbers) else None


def _is_split(source: tuple[int, ...], asked: list[int]) -> bool:
    """Whether only the last dim is split: the sizes before it stay, two or three come of it."""
    lead = len(source) - 1
    return lead >= 1 and tuple(asked[:lead]) == source[:-1] and 2 <= len(asked) - lead <= 3


def _speaks_of_heads(run: Run, place: Location | None, text: str) -> bool:
    """Whether the code of the view, its function or its class is about heads or attention."""
    text += place.source + place.function if place is not None else ""
    if re.search(r"head|att(e)?n", text, re.IGNORECASE) is not None:
        return True
    around = run.sources[place.file].class_at(place.line) if place is not None else None
    return around is not None and re.search(r"heads\b|attention|attn", ast.unparse(around), re.IGNORECASE) is not None


def _location(run: Run, split: HeadSplit, rank: int) -> Location | None:
    row = split.failed.row
    assert row is not None
    if split.rounded:
        return _written(run, row, rank - 2, split.heads) or run.location(row)
    if split.wrong_call is not None:
        return split.wrong_call
    if (wider := _wider_than_before(run, split)) is not None:
        return wider
    value = split.failed.operands.get("input")
    hops = follow(run, value, len(split.source) - 1) if value is not None else []
    last = hops[-1] if hops else None
    if (
        last is not None
        and last.source is not None
        and last.changed
        and last.row.kind == "op"
        and not _in_equal_parts(run, last)
    ):
        return run.location(last.row)
    replaced = _replaced_at(run, hops)
    if replaced is None and split.heads_there is not None and _splits_wider(run, row):
        # The heads are right for the projection before: this one has fewer, and needs its own count.
        return run.helper_call(row) or run.location(row)
    if split.width % split.heads == 0 and split.width % split.head_dim:
        return _computed(run, row, rank - 1, split.head_dim) or run.location(row)
    told = replaced or _written(run, row, rank - 2, split.heads) or _projected(run, hops)
    return told or run.helper_call(row) or run.location(row)


def _in_equal_parts(run: Run, hop: Hop) -> bool:
    """Whether an op only took a fused projection apart: queries, keys and values as wide as what was projected."""
    made = run.row(hop.source.origin) if hop.source is not None else None
    wide = made is not None and made.kind == "module" and made.inputs and made.inputs[0].last[-1:] == (hop.size_after,)
    return bool(wide) and hop.row.op in ("chunk", "split", "tensor_split")


def _wider_than_before(run: Run, split: HeadSplit) -> Location | None:
    """Where the width is written, if features of as many as the heads make were split by this very line before."""
    earlier = passed_before(run, split.failed.row) if split.failed.row is not None else None
    value = split.failed.operands.get("input")
    if earlier is None or value is None or earlier.inputs[0].last[-1:] != (split.heads * split.head_dim,):
        return None
    hops = follow(run, value, len(split.source) - 1)
    layer = run.row(hops[0].row.owner) if hops and hops[0].row.kind == "module" else None
    if layer is None or layer.kind != "construct":
        return None
    return written(run, layer, split.width) or (
        _recounted(run) if layer.args.get("out_features") != split.width else None
    )


def _recounted(run: Run) -> Location | None:
    """The one place outside of a constructor where the program sets a count of heads of an object's, having cut its projections."""
    found = [(file, node.lineno) for file, node in run.nodes(ast.Assign) if any(map(_counts_heads, node.targets))]
    return run.place(*found[0]) if len(found) == 1 else None


def _counts_heads(target: ast.expr) -> bool:
    """Whether an attribute of an object that is not ``self`` is a count of heads."""
    match target:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return owner != "self" and re.search(r"(^|_)n?_?heads$", name) is not None
    return False


def _splits_wider(run: Run, row: Row) -> bool:
    """Whether such a view split another projection just before, in the same call of the module: queries, then keys."""
    before = next((other for other in reversed(run.rows[: row.id]) if other.op == row.op), None)
    ways = [run.recording.chains[one.chain].sites[1:] for one in (row, before) if one is not None]
    same = (
        before is not None
        and before.args == row.args
        and ways[0] == ways[1]
        and _function(run, before) == _function(run, row)
    )
    ours, theirs = (run.row(one.inputs[0].origin) if one is not None and one.inputs else None for one in (row, before))
    return (
        same
        and ours is not None
        and theirs is not None
        and ours.kind == theirs.kind == "module"
        and ours.id != theirs.id
    )


def _function(run: Run, row: Row) -> str:
    place = run.location(row)
    return place.function if place is not None else ""


def _computed(run: Run, row: Row, dim: int, size: int) -> Location | None:
    """Where a size of the view was computed from other numbers; else where it is written."""
    argument = size_argument(run, row, dim) or _from_end(run, row, dim)
    trails = climbs(run.sources, run.chain(row), ast.unparse(argument), value=size) if argument is not None else []
    spot = decided(list(trails[0].spots)) if trails else None
    return located(run, spot) if spot is not None else None


def _projected(run: Run, hops: list[Hop]) -> Location | None:
    """Where the projection was built whose features are split."""
    built = next((run.row(hop.row.owner) for hop in hops if hop.changed and hop.row.kind == "module"), None)
    return run.location(built) if built is not None else None


def _written(run: Run, row: Row, dim: int, size: int) -> Location | None:
    """Where the size of a dim of the view is written."""
    argument = size_argument(run, row, dim) or _from_end(run, row, dim)
    if argument is None:
        return None
    for trail in climbs(run.sources, run.chain(row), ast.unparse(argument), value=size):
        spot = trail.spots[-1]
        if any(spot.kind == "loop" for spot in trail.spots):
            return None  # one of many numbers that are tried: each is as good as the others
        if (divided := next((spot for spot in trail.spots[1:] if _divides(spot)), None)) is not None:
            return located(run, divided)
        if spot.kind not in ("outside", "parameter", "data", "use") and spot.node_text != "None":
            return located(run, spot)
    return None


def _divides(spot: Spot) -> bool:
    """Whether a count of heads was worked out from two other numbers of a config, ``cfg.hidden_size // cfg.head_dim``."""
    match parsed(spot):
        case ast.BinOp(left=ast.Attribute(), op=ast.FloorDiv(), right=ast.Attribute()):
            return bool(spot.line)
    return False


def _from_end(run: Run, row: Row, dim: int) -> ast.expr | None:
    """The size's argument counted from the end, for ``view(*shape, heads, dim)``."""
    node = call_node(run, row)
    sizes = sum(1 for name in row.args if name.startswith("size["))
    back = dim - sizes
    return node.args[back] if node is not None and sizes and len(node.args) >= -back > 0 else None


def _replaced_at(run: Run, hops: list[Hop]) -> Location | None:
    """Where the projection was put in place of the one the module was built with: built outside of any constructor."""
    layer = next(
        (run.row(hop.row.owner) for hop in hops if hop.row.kind == "module" and hop.row.owner is not None), None
    )
    if layer is None:
        return None
    for step, site in enumerate(run.chain(layer)):
        if site.function.rpartition(".")[2] == "__init__":
            return None
        if _keeps(run, site.file, site.line):
            return run.location(layer, step)
    return None


def _keeps(run: Run, file: str, line: int) -> bool:
    """Whether a statement stores what it makes as an attribute of an object."""
    statement = run.sources[file].statement(line)
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="setattr"))):
            return True
    return isinstance(statement, ast.Assign) and any(isinstance(target, ast.Attribute) for target in statement.targets)


def _refuses(kind: str) -> bool:
    """Whether an exception of this type is a refusal of values: the validation of configs has a type of its own."""
    return kind in ("ValueError", "AssertionError") or kind.endswith("ValidationError")


def refused_heads(run: Run) -> tuple[int, int, Location | None] | None:
    """(width, heads, where written) of a layer or model that refused its number of heads when it was built."""
    failure, inner = run.failure, run.inner_frame
    if failure is None or inner is None or inner.user or not _refuses(failure.exception.type):
        return None
    text = failure.exception.message.lower()
    if "head" not in text or not ("divisible" in text or "multiple" in text):
        return None
    for row, width, heads in _candidates(run):
        if heads > 0 and width % heads:
            where = _of_call(run, row, heads)
            told = _width_told(run, row, width) if where is None or where == run.location(row) else None
            return width, heads, told or where or run.failed_at
    numbers = {value.label or value.expression: value.value for value in _call_numbers(run)}
    pair = _pair(numbers)
    return (*pair, _of_frame(run, pair[1])) if pair is not None else None


def _candidates(run: Run) -> Iterator[tuple[Row, int, int]]:
    for row in reversed(configs(run)):
        width = next((value for name in _WIDTHS if isinstance(value := row.args.get(name), int)), None)
        heads = query_heads(row)
        if width is not None and heads is not None:
            yield row, width, heads


def _width_told(run: Run, row: Row, width: int) -> Location | None:
    """Where the width is written that a call was told which states the heads itself."""
    place = written(run, row, width)
    return place if place is not None and place != run.location(row) else None


def _of_call(run: Run, row: Row, size: int) -> Location | None:
    node = call_node(run, row)
    named = (
        [keyword.value for keyword in node.keywords if keyword.arg and "head" in keyword.arg]
        if node is not None
        else []
    )
    for argument in named:
        spots = [trail.spots[-1] for trail in climbs(run.sources, run.chain(row), ast.unparse(argument), value=size)]
        written: Spot | None = next(
            (spot for spot in spots if spot.kind not in ("outside", "parameter", "data", "use")), None
        )
        if written is not None:
            return located(run, written)
    return run.location(row)


def _call_numbers(run: Run) -> list[NamedValue]:
    frame = run.user_frame
    return [value for value in frame.operands if isinstance(value.value, int)] if frame is not None else []


def _pair(numbers: Mapping[str, FactValue]) -> tuple[int, int] | None:
    """(width, heads) of a layer's constructor, by the names or the places of its arguments."""
    width = next((numbers[name] for name in (*_WIDTHS, "0") if name in numbers), None)
    heads = next((numbers[name] for name in ("num_heads", "nhead", "n_head", "1") if name in numbers), None)
    return (width, heads) if isinstance(width, int) and isinstance(heads, int) and heads > 0 else None


def _of_frame(run: Run, heads: int) -> Location | None:
    """Where the number of heads in the failing constructor call is written."""
    frame = run.user_frame
    if frame is None:
        return None
    given = next(
        (v for v in frame.operands if v.value == heads and v.label in ("num_heads", "nhead", "n_head", "1")), None
    )
    found = climbs(run.sources, chain_of_frames(run, frame), given.expression, value=heads) if given is not None else []
    spot = next((t.spots[-1] for t in found if t.spots[-1].kind not in ("outside", "parameter", "data", "use")), None)
    return located(run, spot) or run.statement_of(frame)
