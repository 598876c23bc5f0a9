"""Rows of a batch that a function takes: one of them alone, some of them, all of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from shapeguard.errors import UsageError


class Rows:
    """A list of rows, or a tensor, array or mapping of tensors with its rows along dim 0."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.count = self._count()
        if self.count < 2:
            raise UsageError(f"expected at least two rows, got {self.count}: a batch of one is its own row")

    def _count(self) -> int:
        rows = self._rows
        if isinstance(rows, Mapping):
            sizes = {key: len(value) for key, value in rows.items() if hasattr(value, "shape")}
            if not sizes or len(sizes) < len(rows) or len(set(sizes.values())) != 1:
                raise UsageError(f"expected a mapping of tensors with as many rows each, got {sizes or rows!r:.80}")
            return next(iter(sizes.values()))
        if hasattr(rows, "shape") and hasattr(rows, "dtype"):
            return len(rows) if len(rows.shape) else 0
        if isinstance(rows, (str, bytes)) or not isinstance(rows, Sequence):
            raise UsageError(f"expected a list, tensor or mapping of rows, got {type(rows).__name__}")
        return len(rows)

    def take(self, places: Sequence[int]) -> Any:
        """These rows as a batch of their own: copied, for a function may change what it is given."""
        if isinstance(self._rows, Mapping):
            taken = {key: _taken(value, places) for key, value in self._rows.items()}
            kind: Any = type(self._rows)  # a BatchEncoding stays one
            return kind(taken)
        if hasattr(self._rows, "shape"):
            return _taken(self._rows, places)
        return [_copied(self._rows[place]) for place in places]

    def alone(self, row: int) -> Any:
        """One row as a batch of one."""
        return self.take([row])

    def all(self) -> Any:
        """The whole batch."""
        return self.take(range(self.count))

    def longest(self) -> set[int] | None:
        """The longest rows of a list, where lengths differ."""
        if isinstance(self._rows, Mapping) or hasattr(self._rows, "shape"):
            return None
        if not all(hasattr(row, "__len__") for row in self._rows):
            return None
        lengths = [len(row) for row in self._rows]
        return {at for at, length in enumerate(lengths) if length == max(lengths)} if len(set(lengths)) > 1 else None

    def to(self, dtype: torch.dtype) -> Rows:
        """The same rows with all floating-point tensors in this dtype."""
        if isinstance(self._rows, Mapping):
            taken = self.take(range(self.count))
            for key in taken:
                taken[key] = _cast(taken[key], dtype)
            return Rows(taken)
        if hasattr(self._rows, "shape"):
            return Rows(_cast(self._rows, dtype))
        return Rows([_cast(row, dtype) for row in self._rows])


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _taken(value: Any, places: Sequence[int]) -> Any:
    return (
        value[torch.as_tensor(list(places), device=value.device)]
        if isinstance(value, torch.Tensor)
        else value[list(places)]
    )


def _copied(row: Any) -> Any:
    if isinstance(row, torch.Tensor):
        return row.detach().clone().requires_grad_(row.requires_grad)
    return copy.copy(row)
