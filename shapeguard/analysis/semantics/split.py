"""chunk, split and what else cuts a tensor into pieces. The result's axes are those of the first piece."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import Axes, Axis, Operand, Side, at_least_rank, must_divide, refuse, wrap
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("chunk", "unsafe_chunk", params="input chunks= dim=")
def chunk(call: Bound) -> Axes:
    """torch may return fewer chunks than asked for; it clashes only with ``values["pieces"]``, what is expected."""
    return _pieces(call, "chunks", chunk_sizes(_size(call), call.number("chunks")))


@register("split", "unsafe_split", "split_with_sizes", params="input split_size_or_sections= dim=")
def split(call: Bound) -> Axes:
    name = next((n for n in ("split_size", "split_sizes", "sections") if call.has(n)), "split_size_or_sections")
    sizes = call.numbers(name)
    if not isinstance(call.args[name], list):
        return _pieces(call, name, split_sizes(_size(call), sizes[0]))
    given, dim = _cut(call)
    if sum(sizes) != given.shape[dim]:
        text = f"the pieces sum to {sum(sizes)}, dim {dim} of {given.label} is {given.shape[dim]}"
        refuse("count", Side(name, None, sum(sizes)), given.side(dim), text)
    return _pieces(call, name, sizes)


@register("tensor_split", params="input indices_or_sections= dim=")
def tensor_split(call: Bound) -> Axes:
    name = next((n for n in ("sections", "indices") if call.has(n)), "indices_or_sections")
    numbers, size = call.numbers(name), _size(call)
    if isinstance(call.args[name], list):
        ends = [max(0, min(size, end + size if end < 0 else end)) for end in numbers] + [size]
        pieces = [max(0, end - start) for start, end in zip([0, *ends], ends, strict=False)]
    else:
        pieces = even_sizes(size, numbers[0])
    return _pieces(call, name, pieces)


@register("hsplit", params="input indices_or_sections=")
def hsplit(call: Bound) -> Axes:
    return _even(call, 0 if call.tensor("input").rank == 1 else 1)


@register("vsplit", params="input indices_or_sections=")
def vsplit(call: Bound) -> Axes:
    return _even(call, 0, 2)


@register("dsplit", params="input indices_or_sections=")
def dsplit(call: Bound) -> Axes:
    return _even(call, 2, 3)


@register("unbind", params="input dim=")
def unbind(call: Bound) -> Axes:
    given, dim = _cut(call)
    _expected(call, given, dim, given.shape[dim])
    return [*given.axes[:dim], *given.axes[dim + 1 :]]


def chunk_sizes(size: int, chunks: int) -> list[int]:
    """At most ``chunks`` pieces of ceil(size / chunks), the last one smaller: 6 in 4 gives only 2, 2, 2."""
    return split_sizes(size, -(-size // chunks)) if chunks > 0 and size else [0] * max(chunks, 1)


def split_sizes(size: int, step: int) -> list[int]:
    """Pieces of ``step``, the last one smaller."""
    return [min(step, size - start) for start in range(0, size, step)] if size and step > 0 else [size]


def even_sizes(size: int, sections: int) -> list[int]:
    """Exactly ``sections`` pieces that differ by one at most, the larger first."""
    small, more = divmod(size, max(sections, 1))
    return [small + (number < more) for number in range(sections)]


def _cut(call: Bound) -> tuple[Operand, int]:
    given = call.tensor("input")
    at_least_rank(given, 1)
    return given, wrap(call.number("dim", 0), given.rank, given.label)


def _size(call: Bound) -> int:
    given, dim = _cut(call)
    return given.shape[dim]


def _pieces(call: Bound, label: str, sizes: Sequence[int]) -> Axes:
    given, dim = _cut(call)
    _expected(call, given, dim, len(sizes))
    axes = given.axes
    axes[dim] = Axis(sizes[0] if sizes else 0, axes[dim].sources)
    return axes


def _expected(call: Bound, given: Operand, dim: int, count: int) -> None:
    wanted = call.value("pieces")
    if wanted is not None and wanted != count:
        text = f"{wanted} pieces are expected, dim {dim} of {given.label} ({given.shape[dim]}) gives {count}"
        refuse("count", Side("pieces", None, wanted), Side(given.label, dim, count), text, dim=dim)


def _even(call: Bound, dim: int, rank: int = 1) -> Axes:
    given = call.tensor("input")
    at_least_rank(given, rank)
    if isinstance(call.args.get("indices_or_sections"), list):
        return given.axes
    sections = call.number("indices_or_sections")
    must_divide(given.side(dim), Side("indices_or_sections", None, sections))
    axes = given.axes
    axes[dim] = Axis(axes[dim].size // sections, axes[dim].sources)
    return axes
