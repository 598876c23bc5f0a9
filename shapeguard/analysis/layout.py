"""How tensors of an attention are laid out, as far as the run shows: which dim was split off the features as heads."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.graph import users_of
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.values.recording import NamedValue, Row, TensorArg

_SPLITS = frozenset({"view", "reshape", "unflatten", "rearrange"})
_ELEMENTWISE = frozenset(
    {"add", "sub", "mul", "div", "truediv", "neg", "add_", "sub_", "mul_", "div_", "masked_fill", "masked_fill_", "where", "tanh",
     "float", "to", "half", "clamp", "dropout", "Dropout", "softcap", "contiguous", "clone", "type_as"}
)  # fmt: skip


def split_off(run: Run, tensor: TensorArg | NamedValue, dim: int) -> Hop | None:
    """The view that split this dim off the last dim of its input, as heads are split off the features; else None."""
    shape = tensor.last if isinstance(tensor, TensorArg) else tensor.shape or ()
    hops = follow(run, tensor, dim % len(shape)) if shape else []
    last = hops[-1] if hops else None
    if last is not None and last.row.op in ("chunk", "split") and last.source is not None and last.before is not None:
        return split_off(run, last.source, last.before)  # keys and values were split off together
    if last is None or last.source is None or last.row.op not in _SPLITS or not last.row.outputs:
        return None
    from_features = last.before == len(last.source.last) - 1
    more_dims = len(last.row.outputs[0].last) > len(last.source.last)
    is_inner = last.after < len(last.row.outputs[0].last) - 1
    return last if from_features and more_dims and is_inner and last.changed else None


def next_softmax(run: Run, row: Row) -> tuple[Row, list[Row]] | None:
    """The softmax that a product of queries and keys goes into, and the elementwise ops on the way."""
    waiting: list[tuple[Row, list[Row]]] = [(row, [])]
    seen = {row.id}
    while waiting:
        current, path = waiting.pop(0)
        for user in users_of(run, current):
            if user.id in seen:
                continue
            seen.add(user.id)
            if user.op in ("softmax", "Softmax"):
                return user, path
            if user.op in _ELEMENTWISE and user.inputs and user.inputs[0].origin == current.id:
                waiting.append((user, [*path, user]))
    return None


def along_last(softmax: Row) -> bool:
    """Whether a softmax runs over its last dim."""
    rank = len(softmax.inputs[0].last) if softmax.inputs else 0
    dim = next((softmax.args[name] for name in ("dim", "other", "1") if name in softmax.args), None)
    return dim == -1 or dim == rank - 1


def products(run: Run) -> Iterator[Row]:
    """Rows of matmul-like ops of two tensors of one rank, the possible scores of an attention."""
    for row in run.of_kind("op"):
        if row.op in ("matmul", "bmm", "einsum") and len(row.inputs) == 2 and row.outputs and not row.error:
            yield row
