"""Differences of numbers, and how great rounding alone may make them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

# Kernels keep the sums of 16-bit numbers in float32, so only results are rounded; wider dtypes round along the sums too.
# (where something wider can be asked afterwards, where this is the last word): a leak is greater than rounding by far.
_LONG, _SHORT = (8.0, 64.0), (1.0, 3.0)
_UNKNOWN_DEPTH = 16  # layers of a function that nothing is known of


class Tolerance(NamedTuple):
    """The greatest difference that rounding explains: ``factor · eps(dtype)``, relative to the greatest number.

    Each layer rounds anew, and independent errors add up like a random walk: with the square root of their number.
    """

    dtype: torch.dtype
    layers: int = _UNKNOWN_DEPTH
    fixed: float | None = None
    final: bool = False

    @property
    def factor(self) -> float:
        return self._times * math.sqrt(max(self.layers, 4))

    @property
    def _times(self) -> float:
        short = self.dtype in (torch.float16, torch.bfloat16)
        return (_SHORT if short else _LONG)[self.final]

    def of(self, scale: float) -> float:
        """For numbers of which the greatest is ``scale``."""
        if self.fixed is not None:
            return self.fixed
        if not (self.dtype.is_floating_point or self.dtype.is_complex):
            return 0.0  # whole numbers are not rounded
        return self.factor * torch.finfo(self.dtype).eps * scale

    def told(self, what: str) -> str:
        """The derivation in a phrase."""
        if self.fixed is not None:
            return f"{self.fixed:.3g}, as asked for"
        if not (self.dtype.is_floating_point or self.dtype.is_complex):
            return "0: whole numbers are not rounded"
        root = f"√{max(self.layers, 4)}"
        factor = root if self._times == 1.0 else f"{self._times:.0f} · {root}"
        return f"{factor} · eps({name(self.dtype)}) · greatest |{what}| of the row"


def name(dtype: torch.dtype) -> str:
    """``float32``."""
    return str(dtype).removeprefix("torch.")


def difference(left: torch.Tensor, right: torch.Tensor) -> float | None:
    """The greatest absolute difference of two tensors of one shape; None where one has NaN and the other has not."""
    if left.numel() == 0:
        return 0.0
    wide = torch.complex128 if left.is_complex() or right.is_complex() else torch.float64
    left, right = left.detach().cpu().to(wide), right.detach().cpu().to(wide)
    same = (left == right) | (left.isnan() & right.isnan())  # equal infinities have no difference, but NaN for one
    found = float((left - right).abs().masked_fill(same, 0.0).max())
    return found if math.isfinite(found) else None


def by_step(left: torch.Tensor, right: torch.Tensor) -> tuple[float | None, ...]:
    """The greatest difference at each step of (steps, vocab); None where the row alone gives NaN: nothing is proved."""
    return tuple(None if bool(b.isnan().any()) else difference(a, b) for a, b in zip(left, right, strict=True))


def first_other(left: torch.Tensor, right: torch.Tensor) -> int | None:
    """The first step of (steps, vocab) whose greatest logit is another token's."""
    apart = (left.argmax(-1) != right.argmax(-1)).nonzero()  # (steps,) -> (found, 1)
    return int(apart[0]) if len(apart) else None


def within(differences: tuple[float | None, ...], tolerance: float) -> bool:
    """Whether all are numbers and none is greater."""
    return all(found is not None and found <= tolerance for found in differences)
