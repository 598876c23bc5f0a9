"""For random shapes the semantics refuse exactly what torch refuses, and tell the same result shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from shapeguard.analysis.semantics import Call
from tests.analysis.semantics.sampling import Sampled, Sampler, listed, put_to_torch, sampled, tensor

Make = Callable[[Sampler], Sampled]


def _joined(op: str, dims: bool) -> Make:
    def make(s: Sampler) -> Sampled:
        first = s.shape(0, 3, (0, 1, 2, 3)) if op == "cat" else s.shape(0, 3)
        shapes = [first, *(s.near(first) for _ in range(s.randint(0, 2)))]
        args = {"dim": s.dim(len(first) + (op == "stack"))} if dims else {}
        return listed(op, getattr(torch, op), shapes, **args)

    return make


def _binary(op: str, function: Callable[..., Any]) -> Make:
    def make(s: Sampler) -> Sampled:
        left = s.shape()
        return sampled(op, function, [("input", left), ("other", s.near(left))])

    return make


def _ternary(op: str, function: Callable[..., Any], *labels: str) -> Make:
    def make(s: Sampler) -> Sampled:
        left = s.shape(0, 3)
        return sampled(op, function, [(label, s.near(left) if n else left) for n, label in enumerate(labels)])

    return make


def _masked(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape = s.shape()
        call, _ = sampled(op, torch.add, [("input", shape), ("mask", s.near(shape))])
        mask = call.tensors[1][1]
        return call, lambda: getattr(tensor(shape), op)(tensor(mask, torch.bool), 0.0)

    return make


def _matmul(s: Sampler) -> Sampled:
    left = s.shape()
    right = s.near((*left[:-2], left[-1], s.choice((2, 3)))) if len(left) > 1 else s.shape(0, 3)
    return sampled("matmul", torch.matmul, [("input", left), ("other", right)])


def _ranked(op: str, *shapes: tuple[str, str]) -> Make:
    """Operands given as letters: ``("input", "nk")``."""

    def make(s: Sampler) -> Sampled:
        sizes = {letter: s.choice((1, 2, 3)) for letter in "bnkm"}
        tensors = [(label, s.near(tuple(sizes[letter] for letter in letters))) for label, letters in shapes]
        return sampled(op, getattr(torch, op), tensors)

    return make


def _linear(s: Sampler) -> Sampled:
    given = s.shape(1, 3)
    weight = s.near((s.choice((2, 3)), given[-1])) if s.maybe() else (3, given[-1])
    weight = weight if len(weight) == 2 else (3, given[-1])
    tensors = [("input", given), ("weight", weight)]
    if s.maybe():
        tensors.append(("bias", (weight[0] if s.maybe(0.8) else 2,)))
    return sampled("linear", F.linear, tensors)


def _bilinear(s: Sampler) -> Sampled:
    lead = s.shape(1, 2)
    one, other = s.near((*lead, 3)), s.near((*lead, 2))
    tensors = [("input1", one or (3,)), ("input2", other or (2,)), ("weight", (4, 3, 2))]
    return sampled("bilinear", F.bilinear, tensors)


_EQUATIONS = (
    "ij,jk->ik",
    "bij,bjk->bik",
    "...ij,...jk->...ik",
    "bhqd,bhkd->bhqk",
    "ii->i",
    "i,j->ij",
    "ij,ij",
    "b...,b->b...",
)


def _einsum(s: Sampler) -> Sampled:
    equation = s.choice(_EQUATIONS)
    sizes = {letter: s.choice((1, 2, 3)) for letter in "ijkbhqd"}
    shapes = []
    for part in equation.split("->")[0].split(","):
        exact = [sizes[letter] for letter in part if letter != "."]
        hidden = list(s.shape(0, 2)) if "." in part else []
        at = part.replace("...", ".").find(".")
        shapes.append(s.near(tuple(exact[: max(at, 0)] + hidden + exact[max(at, 0) :])))
    return sampled_list("einsum", lambda *operands: torch.einsum(equation, *operands), shapes, equation=equation)


def sampled_list(op: str, function: Callable[..., Any], shapes: list[tuple[int, ...]], **args: Any) -> Sampled:
    call, _ = listed(op, function, shapes, **args)
    return call, lambda: function(*[tensor(shape) for shape in shapes])


def _sizes(s: Sampler, total: int) -> list[int]:
    """Some sizes of that product, spoilt at times, one left open at times."""
    sizes: list[int] = []
    while total > 1 and len(sizes) < 3:
        part = s.choice([n for n in range(1, total + 1) if total % n == 0])
        sizes.append(part)
        total //= part
    sizes.append(total)
    if s.maybe(0.3):
        sizes[s.randrange(len(sizes))] = s.choice((2, 3, 5))
    if s.maybe(0.4):
        sizes[s.randrange(len(sizes))] = -1
    return sizes


def _reshape(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape = s.shape(0, 4, (1, 2, 3, 4, 6))
        size = _sizes(s, tensor(shape).numel())
        call, _ = sampled(op, torch.add, [("input", shape)], size=size)
        return call, lambda: getattr(tensor(shape), op)(size)

    return make


def _strided_view(s: Sampler) -> Sampled:
    given = tensor(s.shape(1, 4, (1, 2, 3)))
    for _ in range(s.randint(1, 2)):
        given = given.transpose(s.randrange(given.dim()), s.randrange(given.dim()))
    if s.maybe(0.3):
        given = given[..., : s.choice((1, 2))]
    size = _sizes(s, given.numel())
    call = Call("view", [("input", tuple(given.shape))], {"size": size}, {"stride": list(given.stride())})
    return call, lambda: given.view(size)


def _with_dims(op: str, *names: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape = s.shape()
        spread = len(shape) + (op == "unsqueeze" and s.maybe(0.2))
        return sampled(op, getattr(torch, op), [("input", shape)], {name: s.dim(spread) for name in names})

    return make


def _unflatten(s: Sampler) -> Sampled:
    shape = s.shape(1, 3, (2, 4, 6))
    dim = s.dim(len(shape))
    sizes = _sizes(s, shape[dim] if -len(shape) <= dim < len(shape) else 2)
    return sampled("unflatten", torch.unflatten, [("input", shape)], dim=dim, sizes=sizes)


def _expand(s: Sampler) -> Sampled:
    shape = s.shape(0, 3)
    size = list(s.near(tuple(s.choice((2, n)) if n == 1 else n for n in shape)))
    if s.maybe(0.3) and len(size) >= len(shape) > 0:
        size[-1] = -1
    call, _ = sampled("expand", torch.add, [("input", shape)], size=size)
    return call, lambda: tensor(shape).expand(size)


def _repeat(s: Sampler) -> Sampled:
    shape = s.shape(0, 3)
    times = [s.choice((1, 2, 3)) for _ in range(s.randint(max(len(shape) - 1, 0), 4))]
    call, _ = sampled("repeat", torch.add, [("input", shape)], repeats=times)
    return call, lambda: tensor(shape).repeat(times)


def _permute(s: Sampler) -> Sampled:
    shape = s.shape(0, 4)
    dims = s.sample(range(len(shape)), len(shape))
    dims = dims[:-1] if s.maybe(0.2) and dims else dims
    return sampled("permute", torch.permute, [("input", shape)], dims=dims)


def _index_shape(s: Sampler, shape: tuple[int, ...]) -> tuple[int, ...]:
    return s.near(tuple(s.randint(1, n) for n in shape))


def _gather(s: Sampler) -> Sampled:
    shape = s.shape(0, 3)
    index, dim = _index_shape(s, shape), s.dim(len(shape))
    call, _ = sampled("gather", torch.add, [("input", shape), ("index", index)], dim=dim)
    return call, lambda: torch.gather(tensor(shape), dim, tensor(index, torch.int64))


def _scatter(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape = s.shape(0, 3)
        index, dim = _index_shape(s, shape), s.dim(len(shape))
        source = s.near(index)
        call, _ = sampled(op, torch.add, [("input", shape), ("index", index), ("src", source)], dim=dim)
        return call, lambda: getattr(torch, op)(tensor(shape), dim, tensor(index, torch.int64), tensor(source))

    return make


def _index_select(s: Sampler) -> Sampled:
    shape, index = s.shape(0, 3), s.shape(0, 1) if s.maybe(0.8) else (2, 2)
    dim = s.dim(len(shape))
    call, _ = sampled("index_select", torch.add, [("input", shape), ("index", index)], dim=dim)
    return call, lambda: torch.index_select(tensor(shape), dim, tensor(index, torch.int64))


def _index_op(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape = s.shape(1, 3)
        dim = s.dim(len(shape))
        count = s.choice((1, 2, 3))
        place = dim % len(shape) if -len(shape) <= dim < len(shape) else 0
        source = s.near((*shape[:place], count, *shape[place + 1 :]))
        call, _ = sampled(op, torch.add, [("input", shape), ("index", (count,)), ("source", source)], dim=dim)
        return call, lambda: getattr(torch, op)(tensor(shape), dim, tensor((count,), torch.int64), tensor(source))

    return make


def _take_along(s: Sampler) -> Sampled:
    shape = s.shape(1, 3)
    index, dim = s.near(shape), s.dim(len(shape))
    call, _ = sampled("take_along_dim", torch.add, [("input", shape), ("indices", index)], dim=dim)
    return call, lambda: torch.take_along_dim(tensor(shape), tensor(index, torch.int64), dim)


def _select(s: Sampler) -> Sampled:
    shape = s.shape(1, 3)
    return sampled("select", torch.select, [("input", shape)], dim=s.dim(len(shape)), index=s.randint(-3, 3))


def _narrow(s: Sampler) -> Sampled:
    shape = s.shape(1, 3)
    args = {"dim": s.dim(len(shape)), "start": s.randint(0, 3), "length": s.randint(0, 3)}
    return sampled("narrow", torch.narrow, [("input", shape)], args)


def _split(s: Sampler) -> Sampled:
    shape = s.shape(0, 3)
    dim = s.dim(len(shape))
    size = shape[dim] if -len(shape) <= dim < len(shape) else 2
    sections = s.choice((s.randint(1, 3), [size], [1, size - 1], [2, 1]))
    if isinstance(sections, list) and min(sections) < 0:
        sections = [size]
    call, _ = sampled("split", torch.add, [("input", shape)], split_size_or_sections=sections, dim=dim)
    return call, lambda: torch.split(tensor(shape), sections, dim)


def _cut(op: str, name: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape, pieces = s.shape(0, 3), s.randint(1, 4)
        dim = s.dim(len(shape))
        call, _ = sampled(op, torch.add, [("input", shape)], {name: pieces, "dim": dim})
        return call, lambda: getattr(torch, op)(tensor(shape), pieces, dim)

    return make


def _evenly(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape, sections = s.shape(0, 3), s.randint(1, 3)
        call, _ = sampled(op, torch.add, [("input", shape)], indices_or_sections=sections)
        return call, lambda: getattr(torch, op)(tensor(shape), sections)

    return make


def _reduced(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        shape = s.shape()
        return sampled(op, getattr(torch, op), [("input", shape)], dim=s.dim(len(shape)), keepdim=s.maybe())

    return make


def _topk(s: Sampler) -> Sampled:
    shape = s.shape(1, 3)
    return sampled("topk", torch.topk, [("input", shape)], k=s.randint(1, 3), dim=s.dim(len(shape)))


CASES: dict[str, Make] = {
    **{op: _joined(op, dims=True) for op in ("cat", "stack")},
    **{op: _joined(op, dims=False) for op in ("hstack", "vstack", "dstack", "column_stack")},
    **{op: _binary(op, getattr(torch, op)) for op in ("add", "mul", "pow", "maximum", "eq", "lt", "remainder")},
    **{op: _binary(op, getattr(torch.Tensor, op)) for op in ("__add__", "__rsub__", "__iadd__", "mul_", "__ge__")},
    "where": _ternary("where", lambda c, x, y: torch.where(c > 0, x, y), "condition", "input", "other"),
    "lerp": _ternary("lerp", torch.lerp, "input", "end", "weight"),
    "addcmul_": _ternary("addcmul_", torch.Tensor.addcmul_, "input", "tensor1", "tensor2"),
    "masked_fill": _masked("masked_fill"),
    "masked_fill_": _masked("masked_fill_"),
    "copy_": _binary("copy_", torch.Tensor.copy_),
    "expand_as": _binary("expand_as", torch.Tensor.expand_as),
    "view_as": _binary("view_as", torch.Tensor.view_as),
    "matmul": _matmul,
    "mm": _ranked("mm", ("input", "nk"), ("mat2", "km")),
    "bmm": _ranked("bmm", ("input", "bnk"), ("mat2", "bkm")),
    "mv": _ranked("mv", ("input", "nk"), ("vec", "k")),
    "dot": _ranked("dot", ("input", "n"), ("other", "n")),
    "outer": _ranked("outer", ("input", "n"), ("vec2", "m")),
    "inner": _ranked("inner", ("input", "bnk"), ("other", "mk")),
    "addmm": _ranked("addmm", ("input", "nm"), ("mat1", "nk"), ("mat2", "km")),
    "baddbmm": _ranked("baddbmm", ("input", "bnm"), ("batch1", "bnk"), ("batch2", "bkm")),
    "addbmm": _ranked("addbmm", ("input", "nm"), ("batch1", "bnk"), ("batch2", "bkm")),
    "cdist": _ranked("cdist", ("x1", "bnk"), ("x2", "bmk")),
    "linear": _linear,
    "bilinear": _bilinear,
    "einsum": _einsum,
    "view": _reshape("view"),
    "reshape": _reshape("reshape"),
    "view of strides": _strided_view,
    "flatten": _with_dims("flatten", "start_dim", "end_dim"),
    "unflatten": _unflatten,
    "expand": _expand,
    "repeat": _repeat,
    "permute": _permute,
    "transpose": _with_dims("transpose", "dim0", "dim1"),
    "movedim": _with_dims("movedim", "source", "destination"),
    "squeeze": _with_dims("squeeze", "dim"),
    "unsqueeze": _with_dims("unsqueeze", "dim"),
    "unbind": _with_dims("unbind", "dim"),
    "softmax": _with_dims("softmax", "dim"),
    "cumsum": _with_dims("cumsum", "dim"),
    "t": _with_dims("t"),
    "gather": _gather,
    "scatter": _scatter("scatter"),
    "scatter_add": _scatter("scatter_add"),
    "index_select": _index_select,
    "index_copy": _index_op("index_copy"),
    "index_add": _index_op("index_add"),
    "take_along_dim": _take_along,
    "select": _select,
    "narrow": _narrow,
    "split": _split,
    "chunk": _cut("chunk", "chunks"),
    "tensor_split": _cut("tensor_split", "indices_or_sections"),
    "hsplit": _evenly("hsplit"),
    "vsplit": _evenly("vsplit"),
    **{op: _reduced(op) for op in ("sum", "mean", "amax", "argmax", "max")},
    "topk": _topk,
}


# the meta device looks away where the CPU does not
ON_CPU = frozenset({"addmm", "linear", "softmax", "index_select", "index_add"})


@pytest.mark.parametrize("op", CASES)
def test_refuses_what_torch_refuses(op: str) -> None:
    put_to_torch(CASES[op], op, "cpu" if op in ON_CPU else "meta")
