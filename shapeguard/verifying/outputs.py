"""What a function gives for a batch, taken apart by rows and compared with what it gives for a row alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from shapeguard.verifying.compare import Tolerance, difference

_PLAIN = (str, bytes, bool, int, float, complex, type(None))


class Pair(NamedTuple):
    """One part of a row's output: in the batch, and alone."""

    path: str  # "", "logits", "[1]"
    batch: Any
    alone: Any
    misfit: str = ""  # why there is no such row


class Compared(NamedTuple):
    """How a row's output in the batch compares with what it is alone."""

    passed: bool
    difference: float | None
    tolerance: float
    first_other: int | None = None
    expected: str = ""
    got: str = ""
    remark: str = ""
    misfit: bool = False  # there is no such row, or it has another shape: nothing could be subtracted


def pairs(batch: Any, alone: Any, row: int, count: int, path: str = "") -> Iterator[Pair]:
    """The parts of one row's output that can be compared; ``batch`` is of ``count`` rows, ``alone`` of one.

    A tensor or array has its rows along dim 0. A list is one of rows where it is as long as the batch, and of length
    one for one row; else it is one of parts, as a tuple of outputs is. Other objects, such as caches, are left out.
    """
    if isinstance(batch, Mapping) and isinstance(alone, Mapping):
        for key in batch:
            yield from pairs(batch[key], alone.get(key), row, count, f"{path}.{key}" if path else str(key))
    elif _is_array(batch):
        yield _tensor_rows(path, _tensor(batch), alone, row, count)
    elif isinstance(batch, (list, tuple)) and isinstance(alone, (list, tuple)):
        if len(batch) == count and len(alone) == 1:
            yield from _parts(batch[row], alone[0], path)
        elif len(batch) != len(alone):
            yield Pair(path, batch, alone, f"{len(batch)} for {count} rows, {len(alone)} for one")
        else:
            for at, (left, right) in enumerate(zip(batch, alone, strict=True)):
                yield from pairs(left, right, row, count, f"{path}[{at}]")
    elif isinstance(batch, _PLAIN):
        yield Pair(path, batch, alone)


def _tensor_rows(path: str, batch: torch.Tensor, alone: Any, row: int, count: int) -> Pair:
    """The row of a batch's tensor and the one row of the other."""
    single = _tensor(alone) if _is_array(alone) else None
    if batch.ndim == 0 or batch.shape[0] != count:
        return Pair(path, batch, alone, f"{tuple(batch.shape)} for {count} rows: expected them along dim 0")
    if single is None or single.ndim == 0 or single.shape[0] != 1:
        got = type(alone).__name__ if single is None else tuple(single.shape)
        wanted = ", ".join(map(str, (1, *batch.shape[1:]))) + ("," if batch.ndim == 1 else "")
        return Pair(path, batch, alone, f"{got} for one row: expected ({wanted})")
    return Pair(path, batch[row], single[0])


def _parts(left: Any, right: Any, path: str) -> Iterator[Pair]:
    """The parts of a row that is a list, a mapping or a tensor of its own."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in left:
            yield from _parts(left[key], right.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(left, (list, tuple)) and not all(isinstance(each, _PLAIN) for each in left):
        others = right if isinstance(right, (list, tuple)) else ()
        if len(left) != len(others):
            yield Pair(path, left, right, f"{len(left)} parts in the batch, {len(others)} alone")
            return
        for at, (one, other) in enumerate(zip(left, others, strict=True)):
            yield from _parts(one, other, f"{path}[{at}]")
    elif _is_array(left) or isinstance(left, (list, tuple, *_PLAIN)):
        yield Pair(path, left, right)


def compare(pair: Pair, asked_for: float | None) -> Compared:
    """One part of a row."""
    left, right = pair.batch, pair.alone
    if pair.misfit:
        return Compared(False, None, 0.0, remark=pair.misfit, misfit=True)
    if _is_array(left) and _is_array(right):
        return _tensors(_tensor(left), _tensor(right), asked_for)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return _sequences(left, right)
    if isinstance(left, float) and isinstance(right, float):
        return _tensors(torch.tensor(left, dtype=torch.float64), torch.tensor(right, dtype=torch.float64), asked_for)
    if type(left) is type(right) and left == right:
        return Compared(True, 0.0, 0.0)
    expected, got = (type(side).__name__ if _is_array(side) else f"{side!r:.60}" for side in (right, left))
    return Compared(False, None, 0.0, None, expected, got)


def compared(batch: Any, alone: Any, row: int, count: int, asked_for: float | None) -> Compared:
    """A row of a batch of ``count`` against the row alone: of all parts the one that is furthest beyond its tolerance."""
    found = [(pair.path, compare(pair, asked_for)) for pair in pairs(batch, alone, row, count)]
    if not found:
        return Compared(False, None, 0.0, remark=f"{type(batch).__name__}: nothing in it that can be compared")
    path, part = max(found, key=lambda each: _excess(each[1]))
    where = f"in {path}" if path and not part.passed else ""
    return part._replace(remark=" ".join(word for word in (part.remark, where) if word))


def leaves(output: Any) -> Iterator[Any]:
    """Tensors and plain values in an output, in order."""
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        for part in output:
            yield from leaves(part)
    elif _is_array(output):
        yield _tensor(output)
    elif isinstance(output, _PLAIN):
        yield output


def equal(left: Any, right: Any, asked_for: float | None) -> bool:
    """Whether two whole outputs agree."""
    parts, others = list(leaves(left)), list(leaves(right))
    return len(parts) == len(others) and all(
        compare(Pair("", a, b), asked_for).passed for a, b in zip(parts, others, strict=True)
    )


def _excess(part: Compared) -> tuple[bool, float]:
    over = math.inf if part.difference is None else part.difference - part.tolerance
    return not part.passed, over


def _tensors(left: torch.Tensor, right: torch.Tensor, asked_for: float | None) -> Compared:
    cut, remark = _same_shape(left, right)
    if cut is None:
        return Compared(False, None, 0.0, remark=remark, misfit=True)
    found = difference(cut, right)
    scale = float(right.detach().abs().double().nan_to_num(0.0, 0.0, 0.0).max()) if right.numel() else 0.0
    allowed = Tolerance(right.dtype, fixed=asked_for, final=True).of(scale)
    passed = found is not None and found <= allowed
    other = None
    if not passed and right.ndim == 1 and not right.dtype.is_floating_point:  # token ids
        other = int((cut != right).nonzero()[0])
    expected, got = ("", "") if other is None else (str(right[other].item()), str(cut[other].item()))
    return Compared(passed, found, allowed, other, expected, got, remark)


def _same_shape(left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor | None, str]:
    """The part of a row in the batch that is to equal the row alone: without padding, which stands at either end of a dim."""
    if left.shape == right.shape:
        return left, ""
    shapes = f"{tuple(left.shape)} in the batch, {tuple(right.shape)} alone"
    longer = [dim for dim in range(min(left.ndim, right.ndim)) if left.shape[dim] != right.shape[dim]]
    if left.ndim != right.ndim or len(longer) != 1 or not left.shape[longer[0]] > right.shape[longer[0]] > 0:
        return None, shapes
    dim, size = longer[0], right.shape[longer[0]]
    first, last = left.narrow(dim, 0, size), left.narrow(dim, left.shape[dim] - size, size)
    ends = {side: difference(part, right) for side, part in (("first", first), ("last", last))}
    side = min(ends, key=lambda name: math.inf if ends[name] is None else ends[name] or 0.0)
    told = f"the {side} {size} of {left.shape[dim]} along dim {dim} compared"
    return (first if side == "first" else last), told


def _sequences(left: Sequence[Any], right: Sequence[Any]) -> Compared:
    """Lists of plain things, such as token ids: equal or not."""
    if list(left) == list(right):
        return Compared(True, 0.0, 0.0)
    at = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    expected, got = (f"{side[at]!r:.40}" if at < len(side) else "the end" for side in (right, left))
    return Compared(False, None, 0.0, at, expected, got)


def _is_array(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or (hasattr(value, "__array_interface__") and hasattr(value, "dtype"))


def _tensor(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
