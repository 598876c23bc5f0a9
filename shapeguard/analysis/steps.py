"""The forward passes of a decoding run, one row a pass: ids, mask, positions, cache, and what attention saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.findings import StepRow
from shapeguard.values.recording import Row, TensorArg

MAX_STEPS = 4096
_CACHE = "past_key_values.layers[0].keys"


def decoding_steps(run: Run) -> Iterator[StepRow]:
    """Every forward pass of a model, unfolded from the rows, in the order in which they happened."""
    attention = _Attention(run)
    for number, (at, row, index) in enumerate(_unfolded(run.of_kind("forward"))):
        if number >= MAX_STEPS:
            return
        cache = _shape(row, index, _CACHE)
        query, keys = attention.before(at)
        yield StepRow(
            step=number,
            input_ids=_shape(row, index, "input_ids") or _shape(row, index, "inputs_embeds") or (),
            mask=_shape(row, index, "attention_mask"),
            positions=_shape(row, index, "position_ids"),
            cache_rows=cache[0] if cache else None,
            cache_length=cache[-2] if cache and len(cache) > 1 else (0 if "past_key_values" in row.args else None),
            keys=keys,
            query=query,
            agrees=not row.error,
            remark=row.error[:160],
            location=run.line(row),
        )


def _unfolded(rows: Iterable[Row]) -> list[tuple[float, Row, int]]:
    """(when, row, number of the repetition) of every occurrence; times between first and last are spread evenly."""
    found = []
    for row in rows:
        stride = (row.last_at - row.first_at) / (row.count - 1) if row.count > 1 else 0
        found += [(row.first_at + stride * index, row, index) for index in range(min(row.count, MAX_STEPS))]
    return sorted(found, key=lambda item: item[0])


def at_repetition(tensor: TensorArg, count: int, index: int) -> tuple[int, ...]:
    """A folded tensor's shape at one repetition: it grew by equal steps from the first to the last."""
    if count < 2:
        return tensor.last
    return tuple(a + (b - a) * index // (count - 1) for a, b in zip(tensor.first, tensor.last, strict=True))


def _shape(row: Row, index: int, label: str) -> tuple[int, ...] | None:
    tensor = next((tensor for tensor in row.inputs if tensor.label == label), None)
    return at_repetition(tensor, row.count, index) if tensor is not None else None


class _Attention:
    """Attention rows of the first layer, looked up by time: a forward pass is recorded after its attention."""

    def __init__(self, run: Run) -> None:
        rows = [row for row in run.of_kind("attention") if row.module]
        layers = list(dict.fromkeys(row.module for row in rows))
        self._events = _unfolded(row for row in rows if layers and row.module == layers[0])
        self._next = 0

    def before(self, at: float) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """Query and key shapes of the last attention that happened before a moment and was not asked for yet."""
        found: tuple[tuple[int, ...] | None, tuple[int, ...] | None] = (None, None)
        while self._next < len(self._events) and self._events[self._next][0] <= at:
            _, row, index = self._events[self._next]
            found = (_shape(row, index, "query"), _shape(row, index, "key"))
            self._next += 1
        return found
