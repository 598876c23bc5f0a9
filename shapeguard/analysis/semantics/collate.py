"""Rows put together into a batch: torch.tensor of lists, default collation, datasets."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Side,
    UnknownCallError,
    at_least_rank,
    must_equal,
    refuse,
    same_rank,
    same_shape,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register(
    "tensor", "as_tensor", "LongTensor", "FloatTensor", "IntTensor", "BoolTensor", "asarray", "array", params="data"
)
def tensor_of_rows(call: Bound) -> Axes | None:
    """``args["lengths"]``: the lengths of the rows of a list of lists; ``data`` may be that of one flat list, too."""
    if not call.has("lengths"):
        _even(call.numbers("data"), "data")
        return None
    lengths = call.numbers("lengths")
    _even(lengths, "data")
    return [Axis(len(lengths)), *([Axis(lengths[0])] if lengths else [])]


@register("default_collate", "collate_tensor_fn", "default_convert", params="*batch")
def default_collate(call: Bound) -> Axes:
    """Samples are stacked; lists in them must be of one length (``args["lengths"]``)."""
    if call.has("lengths"):
        _even(call.numbers("lengths"), "batch")
    if not call.all:
        raise UnknownCallError("default_collate without tensors")
    first = call.all[0]
    for sample in call.all[1:]:
        same_shape(first, sample)
    return [Axis(len(call.all)), *first.axes]


def _even(lengths: list[int], label: str) -> None:
    for number, length in enumerate(lengths):
        if length != lengths[0]:
            text = f"row 0 has {lengths[0]} items, row {number} has {length}"
            refuse(
                "dim",
                Side(f"{label}[0]", 0, lengths[0]),
                Side(f"{label}[{number}]", 0, length),
                text,
                dim=1,
                role="length",
            )


@register("pad_sequence", params="*sequences batch_first=")
def pad_sequence(call: Bound) -> Axes:
    """(length, ...) each, only the first dim may differ -> (length, batch, ...)."""
    first = call.all[0] if call.all else call.tensor("sequences")
    for sequence in call.all[1:]:
        same_rank(first, sequence)
        for dim in range(1, first.rank):
            must_equal(first.side(dim), sequence.side(dim), "feature")
    at_least_rank(first, 1)
    longest = max(sequence.shape[0] for sequence in call.all)
    length = Axis(longest, tuple((sequence.label, 0) for sequence in call.all))
    lead = [Axis(len(call.all)), length] if call.flag("batch_first") else [length, Axis(len(call.all))]
    return [*lead, *first.axes[1:]]


@register("TensorDataset", params="*tensors")
def tensor_dataset(call: Bound) -> None:
    """All tensors have as many rows."""
    for tensor in call.all:
        at_least_rank(tensor, 1)
        must_equal(call.all[0].side(0), tensor.side(0), "batch")
