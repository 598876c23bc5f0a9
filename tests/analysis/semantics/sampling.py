"""Random calls, put to the semantics and to torch itself, on the meta device unless that looks away."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from shapeguard.analysis.semantics import Call, clash, dim_sources, output_shape
from shapeguard.values.shapes import Shape

SIZES = (1, 2, 3, 4)
Tensors = Sequence[tuple[str, Shape]]
Sampled = tuple[Call, Callable[[], Any]]
# What torch raises for shapes that do not fit, from op to op; anything else is an error of the sample itself.
_REFUSALS = (RuntimeError, IndexError, ValueError, AssertionError, NotImplementedError)


class Sampler(random.Random):
    """Draws shapes that fit about half of the time."""

    def shape(self, low: int = 0, high: int = 4, sizes: Sequence[int] = SIZES) -> Shape:
        return tuple(self.choice(sizes) for _ in range(self.randint(low, high)))

    def near(self, shape: Shape, sizes: Sequence[int] = SIZES) -> Shape:
        """The shape itself, or one with a dim changed, dropped or added."""
        parts = list(shape)
        change = self.choice(("same", "same", "same", "size", "size", "one", "drop", "add"))
        if change in ("size", "one") and parts:
            parts[self.randrange(len(parts))] = 1 if change == "one" else self.choice(sizes)
        if change == "drop" and parts:
            del parts[self.randrange(len(parts))]
        if change == "add":
            parts.insert(self.randint(0, len(parts)), self.choice(sizes))
        return tuple(parts)

    def dim(self, rank: int) -> int:
        """Mostly one that the tensor has."""
        return self.randint(-rank - 1, rank) if self.random() < 0.2 else self.randint(-rank, max(rank - 1, -rank))

    def maybe(self, probability: float = 0.5) -> bool:
        return self.random() < probability


def tensor(shape: Shape, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """On the device in force."""
    return torch.zeros(shape, dtype=dtype)


def agrees(call: Call, run: Callable[[], Any]) -> bool:
    """Assert that the semantics clash exactly where torch raises, with equal shapes; True when torch accepted it."""
    try:
        result = run()
        error = None
    except _REFUSALS as refusal:
        result, error = None, refusal
    found = clash(call.op, call)
    told = f"{call}\n  torch: {error!r}\n  found: {found}"
    assert (found is None) == (error is None), told
    result = result[0] if isinstance(result, tuple | list) and result else result
    if isinstance(result, torch.Tensor):
        assert output_shape(call.op, call) == tuple(result.shape), f"{told}\n  shape: {tuple(result.shape)}"
        _sources_exist(call, result.dim())
    return error is None


def _sources_exist(call: Call, rank: int) -> None:
    shapes = dict(call.tensors)
    for dim in range(rank):
        for label, source in dim_sources(call.op, call, dim):
            assert label in shapes, f"{call}: dim {dim} comes from {label}"
            assert 0 <= source < len(shapes[label]), f"{call}: dim {dim} comes from dim {source} of {label}"


def sampled(
    op: str, function: Callable[..., Any], tensors: Tensors, args: Mapping[str, Any] | None = None, **named: Any
) -> Sampled:
    """A call and the same call of torch's, tensors by position and the rest by keyword."""
    args = {**(args or {}), **named}
    call = Call(op, list(tensors), {name: list(v) if isinstance(v, tuple) else v for name, v in args.items()})
    return call, lambda: function(*[tensor(shape) for _, shape in tensors], **args)


def listed(op: str, function: Callable[..., Any], shapes: Sequence[Shape], **args: Any) -> Sampled:
    """A call that takes a list of tensors."""
    tensors = [(f"tensors[{number}]", shape) for number, shape in enumerate(shapes)]
    return Call(op, tensors, args), lambda: function([tensor(shape) for shape in shapes], **args)


def put_to_torch(make: Callable[[Sampler], Sampled], seed: str, device: str = "meta", count: int = 300) -> None:
    """Many samples of one op; both answers must occur, or the sample says nothing."""
    sampler = Sampler(seed)
    with torch.device(device):
        accepted = sum(agrees(*make(sampler)) for _ in range(count))
    assert 0 < accepted < count, f"{seed}: torch accepted {accepted} of {count}"
