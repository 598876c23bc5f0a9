"""Matrix products and linear layers. ``inner`` is the dimension that is summed away."""

from __future__ import annotations

from itertools import pairwise

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    UnknownCallError,
    at_least_rank,
    broadcast,
    broadcast_into,
    must_equal,
    must_have_rank,
    refuse,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("matmul", params="input other")
def matmul(call: Bound) -> Axes:
    return product_of(call.tensor("input"), call.tensor("other"))


@register("rmatmul", params="input other")
def rmatmul(call: Bound) -> Axes:
    return product_of(call.tensor("other"), call.tensor("input"))


def product_of(left: Operand, right: Operand) -> Axes:
    """Any ranks: (..., n, k) @ (..., k, m), with a vector on either side."""
    for operand in (left, right):
        at_least_rank(operand, 1)
    must_equal(left.side(-1), right.side(-2 if right.rank > 1 else 0), "inner")
    batch = broadcast([left.axes[:-2], right.axes[:-2]], ["batch"])
    return [*batch, *left.axes[-2:-1][: left.rank - 1], *(right.axes[-1:] if right.rank > 1 else [])]


@register("mm", params="input mat2")
def mm(call: Bound) -> Axes:
    return _ranked(call.tensor("input"), call.tensor("mat2"), 2, 2)


@register("mv", params="input vec")
def mv(call: Bound) -> Axes:
    return _ranked(call.tensor("input"), call.tensor("vec"), 2, 1)


@register("dot", "vdot", params="input other")
def dot(call: Bound) -> Axes:
    return _ranked(call.tensor("input"), call.tensor("other"), 1, 1)


@register("bmm", params="input mat2")
def bmm(call: Bound) -> Axes:
    return _batched(call.tensor("input"), call.tensor("mat2"))


@register("outer", "ger", params="input vec2")
def outer(call: Bound) -> Axes:
    left, right = call.tensor("input"), call.tensor("vec2")
    must_have_rank(left, 1)
    must_have_rank(right, 1)
    return [*left.axes, *right.axes]


@register("inner", params="input other")
def inner(call: Bound) -> Axes:
    left, right = call.tensor("input"), call.tensor("other")
    if not left.rank or not right.rank:
        return [*left.axes, *right.axes]
    must_equal(left.side(-1), right.side(-1), "inner")
    return [*left.axes[:-1], *right.axes[:-1]]


@register("addmm", params="input mat1 mat2")
def addmm(call: Bound) -> Axes:
    return _added(call, _ranked(call.tensor("mat1"), call.tensor("mat2"), 2, 2))


@register("addmv", params="input mat vec")
def addmv(call: Bound) -> Axes:
    return _added(call, _ranked(call.tensor("mat"), call.tensor("vec"), 2, 1))


@register("baddbmm", params="input batch1 batch2")
def baddbmm(call: Bound) -> Axes:
    return _added(call, _batched(call.tensor("batch1"), call.tensor("batch2")))


@register("addbmm", params="input batch1 batch2")
def addbmm(call: Bound) -> Axes:
    return _added(call, _batched(call.tensor("batch1"), call.tensor("batch2"))[1:])


@register("linear", "Linear", "NonDynamicallyQuantizableLinear", params="input weight bias")
def linear(call: Bound) -> Axes:
    """(..., in) with weight (out, in) and bias (out,) -> (..., out)."""
    given, weight, bias = call.tensor("input"), call.tensor("weight"), call.find("bias")
    must_have_rank(weight, 1, 2)
    at_least_rank(given, 1)
    must_equal(given.side(-1), weight.side(-1), "inner")
    axes = [*given.axes[:-1], *weight.axes[:-1]]
    if bias is not None:
        broadcast_into(axes, bias.axes, roles=[""] * (len(axes) - 1) + ["feature"])
    return axes


@register("bilinear", "Bilinear", params="input1 input2 weight bias")
def bilinear(call: Bound) -> Axes:
    """(..., in1) and (..., in2) with weight (out, in1, in2) -> (..., out)."""
    one, other, weight = call.tensor("input1"), call.tensor("input2"), call.tensor("weight")
    must_have_rank(weight, 3)
    must_have_rank(other, one.rank)
    for dim in range(one.rank - 1):
        must_equal(one.side(dim), other.side(dim), "batch")
    must_equal(one.side(-1), weight.side(1), "inner")
    must_equal(other.side(-1), weight.side(2), "inner")
    bias = call.find("bias")
    if bias is not None:
        must_equal(weight.side(0), bias.side(0), "feature")
    return [*one.axes[:-1], weight.axes[0]]


@register("cdist", "pairwise_cdist", params="x1 x2")
def cdist(call: Bound) -> Axes:
    """(..., p, m) and (..., r, m) -> (..., p, r)."""
    one, other = call.tensor("x1"), call.tensor("x2")
    for operand in (one, other):
        at_least_rank(operand, 2)
    must_equal(one.side(-1), other.side(-1), "feature")
    return [*broadcast([one.axes[:-2], other.axes[:-2]], ["batch"]), one.axes[-2], other.axes[-2]]


@register("linalg_solve", "solve", params="input other")
def solve(call: Bound) -> Axes:
    """A (..., n, n) and B (..., n, k), or (n,), of A X = B."""
    left, right = call.tensor("input"), call.tensor("other")
    at_least_rank(left, 2)
    must_equal(left.side(-1), right.side(-2 if right.rank > 1 else 0), "inner")
    return right.axes


@register("linalg_multi_dot", "multi_dot", params="*tensors")
def multi_dot(call: Bound) -> Axes:
    if len(call.all) < 2:
        raise UnknownCallError("multi_dot of fewer than two")
    for operand in call.all:
        at_least_rank(operand, 1)
    for left, right in pairwise(call.all):
        must_equal(left.side(-1), right.side(0), "inner")
    return [*call.all[0].axes[:-1], *call.all[-1].axes[1:]]


@register("tensordot", params="input other dims=")
def tensordot(call: Bound) -> Axes:
    """``dims`` as a number: the last dims of the left with the first of the right."""
    left, right, count = call.tensor("input"), call.tensor("other"), call.number("dims", 2)
    for operand in (left, right):
        if operand.rank < count:
            refuse("rank", Side("dims", None, count), Side(operand.label, None, operand.rank))
    for dim in range(count):
        if 1 not in (left.shape[left.rank - count + dim], right.shape[dim]):
            must_equal(left.side(dim - count), right.side(dim), "inner")
    return [*left.axes[: left.rank - count], *right.axes[count:]]


def _ranked(left: Operand, right: Operand, left_rank: int, right_rank: int) -> Axes:
    must_have_rank(left, left_rank)
    must_have_rank(right, right_rank)
    return product_of(left, right)


def _batched(left: Operand, right: Operand) -> Axes:
    """(batch, n, k) @ (batch, k, m): the batch is not broadcast."""
    must_have_rank(left, 3)
    must_have_rank(right, 3)
    must_equal(left.side(2), right.side(1), "inner")  # first: where the batch differs too, dims have changed places
    must_equal(left.side(0), right.side(0), "batch")
    return [Axis(left.shape[0], left.axes[0].sources + right.axes[0].sources), left.axes[1], right.axes[2]]


def _added(call: Bound, axes: Axes) -> Axes:
    broadcast_into(axes, call.tensor("input").axes)
    return axes
