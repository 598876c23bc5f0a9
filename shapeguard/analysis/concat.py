"""A failed concatenation: which operands do not fit, and what the disagreeing dimension is."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.lineage import Hop, birth, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import Clash
from shapeguard.values.recording import NamedValue, TensorArg

CONCAT = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"})


class FailedConcat(NamedTuple):
    """The failed call, its clash, and the concatenation dim (counted from 0)."""

    failed: FailedOp
    clash: Clash
    dim: int

    @property
    def others(self) -> list[tuple[str, NamedValue | TensorArg]]:
        """The operands with the clashing ones first."""
        return list(self.failed.operands.items())

    @property
    def odd_dims(self) -> list[int]:
        """Dims in which operands of equal rank differ, the concatenated one left out."""
        shapes = self.shapes
        if len({len(shape) for shape in shapes}) != 1:
            return []
        return [d for d in range(len(shapes[0])) if d != self.dim and len({shape[d] for shape in shapes}) > 1]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The operands' shapes in order."""
        return [shape for _, shape in self.failed.call.tensors]

    @property
    def fits_along(self) -> int | None:
        """Another dim along which the operands could be joined as they are."""
        odd = self.odd_dims
        if len(odd) != 1 or self.failed.op in ("stack", "dstack", "column_stack"):
            return None
        equal_here = len({shape[self.dim] for shape in self.shapes}) == 1
        return odd[0] if equal_here else None


def failed_concat(run: Run) -> FailedConcat | None:
    """The concatenation that failed in the user's code or for it; None where something else did."""
    if run.failed_row("cache") is not None:  # the cache joined them, and more is known about that
        return None
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.op not in CONCAT:
        return None
    rank = max((len(shape) for _, shape in failed.call.tensors), default=0)
    dim = failed.call.args.get("dim", failed.call.args.get("1", 0))
    place = dim if isinstance(dim, int) else 0
    return FailedConcat(failed, failed.clash, place % max(rank, 1))


class Odd(NamedTuple):
    """The operand suspected of the wrong size, and the life of that size."""

    label: str
    hops: list[Hop]


def odd_one(run: Run, concat: FailedConcat, dim: int) -> Odd | None:
    """The operand whose size at ``dim`` is the odd one out: the minority, else the one whose size was changed on the way."""
    sizes = {label: _shape(value)[dim] for label, value in concat.others if len(_shape(value)) > dim}
    values = list(sizes.values())
    lives = {
        label: follow(run, value, dim) for label, value in concat.others if label in sizes
    }
    rare = [label for label, size in sizes.items() if values.count(size) == min(map(values.count, values))]
    changed = [
        label
        for label in (rare if len(rare) < len(sizes) else sizes)
        if (made := birth(lives[label])) is not None and made.size_before is not None
    ]
    label = next(iter(changed or rare), None)
    return Odd(label, lives[label]) if label is not None else None


def _shape(value: NamedValue | TensorArg) -> tuple[int, ...]:
    return value.last if isinstance(value, TensorArg) else value.shape or ()


def is_batch_dim(concat: FailedConcat) -> bool:
    """Whether the clash is in dim 0 while another dim is joined: rows against rows."""
    return concat.clash.dim == 0 and (concat.dim != 0 or concat.failed.op == "stack")
