"""Entries that a view puts in other places: dims that change their places in its sizes, and not in memory, where a transpose was meant."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from shapeguard.analysis.graph import ancestors, users_of
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import CLASS_LOSSES, family
from shapeguard.analysis.seq_first import LAYERS
from shapeguard.values.recording import Row, TensorArg

_NEAR = 80  # rows behind a view among which its rows were repeated
_VIEWS = frozenset({"view", "reshape", "view_as", "reshape_as"})
_DRAWN = frozenset(
    {"randn", "rand", "randint", "arange", "linspace", "zeros", "ones", "empty", "full", "eye", "randperm"}
)
_REDUCED = frozenset({"mean", "std", "sum", "max", "min", "amax", "amin", "var", "median"})


_ATTENDING = frozenset({"softmax", "scaled_dot_product_attention", "Softmax"})


class Turned(NamedTuple):
    """A view of sizes in another order than they have: before, and after; dims of size 1 left out."""

    row: Row
    before: tuple[int, ...]
    after: tuple[int, ...]
    merged: Row | None = None  # where the dims were made into one, in the order that is not asked for


def turned_views(run: Run) -> Iterator[Turned]:
    """Views to the sizes of their tensor in another order, (batch, height, width, 3) as (batch, 3, height, width)."""
    for row in run.of_kind("op"):
        if row.op not in _VIEWS or row.error or not row.inputs or not row.outputs:
            continue
        source, result = row.inputs[0], row.outputs[0]
        made = run.row(source.origin)
        if made is None or (made.op in _DRAWN and not made.inputs):
            continue  # of numbers that were drawn or counted out each place is as good as another
        before, after = _wide(source.last), _wide(result.last)
        if len(before) > 1 and before != after and sorted(before) == sorted(after):
            yield Turned(row, before, after)


def viewed_for_layers(run: Run) -> list[Turned]:
    """Views of (rows, length, features) as (length, rows, features), or back, beside a layer that tells the one from the other."""
    return [
        view
        for view in turned_views(run)
        if len(view.before) == 3 and _swaps_rows(view) and _beside_layer(run, view.row)
    ]


def unfolded_heads(run: Run) -> list[Turned]:
    """Views after an attention that take heads and rows apart in another order than they were folded into one dim before it."""
    return [
        view for view in split_apart(run) if view.merged is not None and _attends_between(run, view.merged, view.row)
    ]


def _attends_between(run: Run, folded: Row, view: Row) -> bool:
    return any(row.op in _ATTENDING for row in run.rows[folded.id + 1 : view.id])


def _swaps_rows(view: Turned) -> bool:
    return view.before == (view.after[1], view.after[0], view.after[2])


def _beside_layer(run: Run, view: Row) -> bool:
    """Whether a view's result goes straight into such a layer, or what it views comes straight out of one."""
    made = run.row(view.inputs[0].origin)
    return any(row.kind == "module" and row.op in LAYERS for row in (*users_of(run, view), made) if row is not None)


def folded_classes(run: Run) -> Iterator[Turned]:
    """Scores (batch, classes, height, width) flattened to rows of as many numbers as there are classes, and taken for them."""
    for row in run.of_kind("op"):
        if row.op not in ("view", "reshape") or row.error or not row.inputs or not row.outputs:
            continue
        before, after = row.inputs[0].last, row.outputs[0].last
        if len(before) < 3 or len(after) != 2 or not 1 < after[1] == before[1] != before[-1] or prod(before[2:]) < 2:
            continue
        if any(_over_classes(user) and user.inputs[0].origin == row.id for user in users_of(run, row)):
            yield Turned(row, before, after)


def channels_as_last(run: Run) -> Iterator[Turned]:
    """Maps (batch, channels, height, width) viewed as (batch, height * width, channels): a place holds entries of one channel."""
    for row in run.of_kind("op"):
        if row.op not in ("view", "reshape") or row.error or not row.inputs or not row.outputs:
            continue
        before, after = row.inputs[0].last, row.outputs[0].last
        if len(before) != 4 or len(after) != 3 or after != (before[0], before[2] * before[3], before[1]):
            continue
        if 1 not in after[1:] and before[1] not in (after[1], before[3]):  # else it may be rows of features
            yield Turned(row, before[1:], after[1:])


def merged_across(run: Run) -> Iterator[Turned]:
    """Maps (batch, channels, height, width) viewed as (batch, width, channels * height): two dims made one that do not lie side by side."""
    for row in run.of_kind("op"):
        if row.op not in ("view", "reshape") or row.error or not row.inputs or not row.outputs:
            continue
        before, after = row.inputs[0].last, _wide(row.outputs[0].last)
        if len(before) != 4 or len(after) != 3 or before[0] != after[0] or 1 in before:
            continue
        _, channels, height, width = before
        across = [(channels * width, height), (width, channels * height), (height, channels * width)]
        aside = [(channels * height, width), (channels, height * width)]
        if after[1:] in across and after[1:] not in aside and not _laid_back(run, row):
            yield Turned(row, before[1:], after[1:])


def _laid_back(run: Run, view: Row) -> bool:
    """Whether a view gives its entries the sizes back that they had before another view, or of entries that were drawn."""
    for row in (run.row(view.inputs[0].origin), *ancestors(run, view.inputs[0])):
        if row is None or (row.op in _DRAWN and not row.inputs):
            return True
        if not row.inputs or not row.outputs or prod(row.inputs[0].last) != prod(row.outputs[0].last):
            return False
        if family(row.op) == "permute" or row.kind == "module":
            return False
        if row.inputs[0].last == view.outputs[0].last:
            return True
    return False


def _over_classes(row: Row) -> bool:
    """Whether an op takes the last of two dims for the classes."""
    return row.op in CLASS_LOSSES or (row.op in ("softmax", "log_softmax") and row.args.get("dim") in (1, -1))


def split_apart(run: Run) -> Iterator[Turned]:
    """Views that split what was laid out as (batch, fields), or as (prompts, answers), in the other order."""
    for row in run.of_kind("op"):
        if row.op not in ("view", "reshape", "unflatten") or row.error or not row.inputs or not row.outputs:
            continue
        source, result = row.inputs[0], row.outputs[0].last
        if len(source.last) < 1 or len(result) < 2 or result[0] * result[1] != source.last[0] or 1 in result[:2]:
            continue
        fold = next((hop for hop in follow(run, source, 0) if _merged(hop.merged)), None)
        orders = {_merged(fold.merged)} if fold is not None else set(_repeated(run, source))
        if orders == {result[1::-1]} and result[0] != result[1]:
            yield Turned(row, result[1::-1], result[:2], fold.row if fold is not None else None)


def _repeated(run: Run, tensor: TensorArg) -> Iterator[tuple[int, int]]:
    """The sizes, outer and inner, in which rows of a tensor were laid out by ops that repeated each of them, or all of them."""
    rows, seen, open_ = tensor.last[0], {tensor.origin}, [tensor.origin]
    while open_ and len(seen) < _NEAR:
        made = run.row(open_.pop())
        if made is None or all(out.last[:1] != (rows,) for out in made.outputs):
            continue
        before = made.inputs[0].last[:1] if made.inputs else ()
        if made.op in ("repeat_interleave", "repeat", "tile") and before and rows > before[0] > 1:
            times = rows // before[0]
            yield (before[0], times) if made.op == "repeat_interleave" else (times, before[0])
            continue
        more = {given.origin for given in made.inputs if given.last[:1] == (rows,)} - seen
        seen |= more
        open_ += sorted(origin for origin in more if origin is not None)


def _merged(parts: tuple[tuple[TensorArg, int], ...]) -> tuple[int, ...]:
    """The sizes of the dims of one tensor that were made into one, in their order."""
    tensors = {id(tensor) for tensor, _ in parts}
    dims = [dim for _, dim in parts]
    sizes = tuple(tensor.last[dim] for tensor, dim in parts if tensor.last[dim] > 1)
    return sizes if len(tensors) == 1 and dims == sorted(dims) and len(sizes) == 2 else ()


def _wide(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size > 1)


def crossed_targets(run: Run) -> Iterator[tuple[Row, TensorArg, TensorArg]]:
    """Losses of a prediction and a target that were flattened with their first two dims in another order: (loss, one, other)."""
    for row in run.rows:
        if row.error or len(row.inputs) < 2:
            continue
        prediction, target = (_flattened(run, tensor) for tensor in row.inputs[:2])
        if prediction is None or target is None or family(row.op) != "loss":
            continue
        ours, theirs = prediction.last[:2], target.last[:2]
        if ours == theirs[::-1] and ours[0] != ours[1]:
            yield row, prediction, target


def _flattened(run: Run, tensor: TensorArg) -> TensorArg | None:
    """The tensor of whose first two dims another's first one was made."""
    made = run.row(tensor.origin)
    if made is None or made.op not in ("view", "reshape", "flatten") or not made.inputs or not tensor.last:
        return None
    source = made.inputs[0]
    whole = len(source.last) > 1 and source.last[0] * source.last[1] == tensor.last[0]
    return source if whole and source.last[2:] in (tensor.last[1:], ()) else None


def repeated_apart(run: Run) -> Iterator[tuple[Row, int, int]]:
    """``rewards.view(-1, group).mean(1).repeat(group)``: (repeat, groups, members), where each is to stand beside its own members."""
    for row in run.of_kind("op"):
        if row.op not in ("repeat", "tile") or row.error or not row.inputs or not row.outputs:
            continue
        given, made = row.inputs[0], run.row(row.inputs[0].origin)
        if (
            made is None
            or made.op not in _REDUCED
            or not made.inputs
            or len(given.last) != 1
            or len(row.outputs[0].last) != 1
        ):
            continue
        groups, grouped = given.last[0], made.inputs[0]
        members = row.outputs[0].last[0] // groups if groups else 0
        split = run.row(grouped.origin)
        if (
            grouped.last != (groups, members)
            or min(groups, members) < 2
            or split is None
            or split.op not in ("view", "reshape")
        ):
            continue
        beside = (tensor for user in users_of(run, row) for tensor in user.inputs)
        if any(tensor.last == split.inputs[0].last and tensor.origin != row.id for tensor in beside if split.inputs):
            yield row, groups, members
