"""Indexing ops that take a dim: select, narrow, index_select, gather, scatter, index_copy_, embedding."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    at_least_rank,
    broadcast,
    index_fits,
    must_equal,
    must_have_rank,
    product,
    refuse,
    same_rank,
    wrap,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("select", params="input dim= index=")
def select(call: Bound) -> Axes:
    given = call.tensor("input")
    dim = wrap(call.number("dim"), given.rank, given.label)
    index_fits(call.number("index"), given.side(dim))
    return [*given.axes[:dim], *given.axes[dim + 1 :]]


@register("narrow", params="input dim= start= length=")
def narrow(call: Bound) -> Axes:
    given, length = call.tensor("input"), call.number("length")
    dim = wrap(call.number("dim"), given.rank, given.label)
    size = given.shape[dim]
    start = call.number("start") + (size if call.number("start") < 0 else 0)
    if not 0 <= start <= size - length:
        text = f"{start} + {length} is beyond a dimension of size {size}"
        refuse("index", Side("length", None, start + length), given.side(dim), text)
    axes = given.axes
    axes[dim] = Axis(length, axes[dim].sources)
    return axes


@register("index_select", params="input dim= index")
def index_select(call: Bound) -> Axes:
    given, index = call.tensor("input"), call.tensor("index")
    dim = wrap(call.number("dim"), given.rank, given.label)
    _flat(index)
    if not given.rank:
        _as_many(index, _as_row(given), 0)
        return []
    values_fit(call, index, given.side(dim))
    axes = given.axes
    axes[dim : dim + 1] = index.axes or [Axis(1)]
    return axes


@register("gather", params="input dim= index")
def gather(call: Bound) -> Axes:
    given, index = call.tensor("input"), call.tensor("index")
    dim = wrap(call.number("dim"), given.rank, given.label)
    if 0 in index.shape:
        return index.axes
    _same_rank_as(given, index)
    _not_larger(index, given, dim)
    _values_fit_in(call, index, given, dim)
    return index.axes


@register("take_along_dim", params="input indices dim=")
def take_along_dim(call: Bound) -> Axes:
    """Like gather, the other dims broadcast."""
    given, index = call.tensor("input"), call.tensor("indices")
    if not call.has("dim"):
        return [Axis(index.axes[0].size, index.axes[0].sources)] if index.rank == 1 else [Axis(product(index.shape))]
    same_rank(given, index)
    dim = wrap(call.number("dim"), given.rank, given.label)
    _values_fit_in(call, index, given, dim)
    axes = given.axes
    axes[dim : dim + 1] = [Axis(1)] if given.rank else []
    stretched = index.axes
    stretched[dim : dim + 1] = [Axis(1)] if index.rank else []
    result = broadcast([axes, stretched])
    result[dim : dim + 1] = index.axes[dim : dim + 1]
    return result


@register("scatter", "scatter_add", "scatter_reduce", params="input dim= index src")
def scatter(call: Bound) -> Axes:
    """The index may be no larger than ``src``, nor than the input outside ``dim``."""
    given, index, source = call.tensor("input"), call.tensor("index"), call.find("src", "value")
    dim = wrap(call.number("dim"), given.rank, given.label)
    if 0 in index.shape:
        return given.axes
    _same_rank_as(given, index)
    _not_larger(index, given, dim)
    if source is not None and (source.rank or source.label != "value"):
        _same_rank_as(source, index)
        _not_larger(index, source, None)
    _values_fit_in(call, index, given, dim)
    return given.axes


@register("index_copy", "index_add", params="input dim= index source")
def index_copy(call: Bound) -> Axes:
    """One slice of ``source`` for each index."""
    given, index, source = call.tensor("input"), call.tensor("index"), call.tensor("source")
    dim = wrap(call.number("dim"), given.rank, given.label)
    _flat(index)
    if given.rank and (source.rank or call.name == "index_add"):
        same_rank(given, source)
        for place in range(given.rank):
            if place != dim:
                must_equal(given.side(place), source.side(place))
    _as_many(index, _as_row(source), dim)
    if given.rank:
        values_fit(call, index, given.side(dim))
    return given.axes


@register("index_fill", params="input dim= index value")
def index_fill(call: Bound) -> Axes:
    given, index = call.tensor("input"), call.tensor("index")
    dim = wrap(call.number("dim"), given.rank, given.label)
    _flat(index)
    if given.rank:
        values_fit(call, index, given.side(dim))
    return given.axes


@register("embedding", "Embedding", params="input weight")
def embedding(call: Bound) -> Axes:
    """ids (...) with weight (rows, features) -> (..., features)."""
    return _embed(call, call.tensor("input"), call.tensor("weight"))


@register("torch.embedding", params="weight input")
def embedding_weight_first(call: Bound) -> Axes:
    return _embed(call, call.tensor("input", "indices"), call.tensor("weight"))


def _embed(call: Bound, ids: Operand, weight: Operand) -> Axes:
    must_have_rank(weight, 2)
    values_fit(call, ids, weight.side(0), negative=False)
    return [*ids.axes, weight.axes[1]]


@register("embedding_bag", "EmbeddingBag", params="input weight offsets")
def embedding_bag(call: Bound) -> Axes:
    """ids (bags, length), or ids (all,) with offsets (bags,), -> (bags, features)."""
    ids, weight, offsets = call.tensor("input"), call.tensor("weight"), call.find("offsets")
    must_have_rank(weight, 2)
    must_have_rank(ids, 1, 2)
    values_fit(call, ids, weight.side(0), negative=False)
    at_least_rank(offsets or ids, 1)
    return [(offsets or ids).axes[0], weight.axes[1]]


@register("one_hot", params="input num_classes=")
def one_hot(call: Bound) -> Axes | None:
    given, classes = call.tensor("input"), call.number("num_classes", -1)
    if classes < 0:
        return None
    values_fit(call, given, Side("num_classes", None, classes), negative=False)
    return [*given.axes, Axis(classes)]


@register("multinomial", params="input num_samples= replacement=")
def multinomial(call: Bound) -> Axes:
    """Without replacement no more can be drawn than there are."""
    given, drawn = call.tensor("input"), call.number("num_samples")
    if not call.flag("replacement") and drawn > given.shape[-1]:
        text = f"{drawn} are drawn without replacement from {given.shape[-1]}"
        refuse("index", Side("num_samples", None, drawn), given.side(-1), text)
    return [*given.axes[:-1], Axis(drawn)]


@register("take", params="input index")
def take(call: Bound) -> Axes:
    given, index = call.tensor("input"), call.tensor("index")
    values_fit(call, index, Side(given.label, None, product(given.shape)))
    return index.axes


def values_fit(call: Bound, index: Operand, size: Side, negative: bool = True) -> None:
    """The extreme values of an index, where they are known, against the dimension it points into."""
    low, high = call.value("index_min"), call.value("index_max")
    if high is not None and high >= size.size:
        refuse("index", Side(index.label, None, high), size)
    if low is not None and low < (-size.size if negative else 0):
        refuse("index", Side(index.label, None, low), size)


def _values_fit_in(call: Bound, index: Operand, given: Operand, dim: int) -> None:
    if given.rank:
        values_fit(call, index, given.side(dim), negative=False)


def _same_rank_as(given: Operand, index: Operand) -> None:
    """As same_rank, a number counting as a tensor of one dim."""
    if max(given.rank, 1) != max(index.rank, 1):
        same_rank(given, index)


def _not_larger(index: Operand, limit: Operand, free: int | None) -> None:
    index, limit = _as_row(index), _as_row(limit)
    for dim in range(min(index.rank, limit.rank)):
        if dim != free and index.shape[dim] > limit.shape[dim]:
            text = f"dim {dim}: {index.label} has {index.shape[dim]}, {limit.label} only {limit.shape[dim]}"
            refuse("dim", limit.side(dim), index.side(dim), text)


def _as_row(operand: Operand) -> Operand:
    """A number as a tensor of one dim."""
    return operand if operand.rank else Operand(operand.label, (1,))


def _flat(index: Operand) -> None:
    must_have_rank(index, 0, 1)


def _as_many(index: Operand, source: Operand, dim: int) -> None:
    count = index.shape[0] if index.rank else 1
    must_equal(Side(index.label, 0 if index.rank else None, count), source.side(dim), "length", dim)
