"""Ops whose result has the shape of the first operand, and those whose shape is written down."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import Axes, Axis
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

_SAME = """
abs neg positive sign sgn exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin cos tan tanh sinh cosh
asin acos atan sigmoid logit erf erfc floor ceil round trunc frac nan_to_num isnan isinf isfinite logical_not
bitwise_not invert relu relu6 gelu silu mish elu selu celu leaky_relu softplus softsign hardtanh hardswish
hardsigmoid logsigmoid log_sigmoid threshold tanhshrink ReLU GELU SiLU Tanh Sigmoid LeakyReLU Dropout Identity dropout alpha_dropout
feature_dropout contiguous clone detach to type float half double bfloat16 int long short bool byte cuda cpu
pin_memory zero zeros_like ones_like rand_like randn_like randint_like empty_like full_like fill
bernoulli tril triu alias type_as data real imag conj
"""


@register(_SAME, params="input")
def same(call: Bound) -> Axes:
    return call.tensor("input").axes


@register("zeros", "ones", "rand", "randn", "empty", params="*size=")
def created(call: Bound) -> Axes:
    return [Axis(size) for size in call.numbers("size")]


@register("new_zeros", "new_ones", "new_empty", params="input *size=")
def created_like(call: Bound) -> Axes:
    """Only dtype and device come from the operand."""
    return [Axis(size) for size in call.numbers("size")]


@register("full", params="size= fill_value=")
def full(call: Bound) -> Axes:
    return [Axis(size) for size in call.numbers("size")]
