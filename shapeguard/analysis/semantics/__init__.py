"""What an op asks of its operands' shapes, as pure functions of shapes.

``clash("cat", Call("cat", [("tensors[0]", (3, 8)), ("tensors[1]", (2, 8))], {"dim": 1}))`` says that dim 0 is 3 on the
left and 2 on the right. ``output_shape`` gives the result's shape, ``dim_sources`` the input dims a result's dim is
made of. Importing the families below fills the table.
"""

from __future__ import annotations

from shapeguard.analysis.semantics import (
    attention,
    broadcast,
    collate,
    collective,
    concat,
    conv,
    einsum,
    index,
    loss,
    matmul,
    multihead,
    norm,
    permute,
    pointwise,
    pool,
    reduce,
    reshape,
    rnn,
    split,
    state_dict,
    subscript,
)
from shapeguard.analysis.semantics.base import (
    Call,
    Clash,
    clash,
    dim_sources,
    family,
    known,
    output_shape,
    register,
    registered,
)
from shapeguard.analysis.semantics.loss import CLASS_LOSSES

FAMILIES = (
    attention, broadcast, collate, collective, concat, conv, einsum, index, loss, matmul, multihead, norm, permute,
    pointwise, pool, reduce, reshape, rnn, split, state_dict, subscript,
)  # fmt: skip

__all__ = [
    "CLASS_LOSSES",
    "Call",
    "Clash",
    "clash",
    "dim_sources",
    "family",
    "known",
    "output_shape",
    "register",
    "registered",
]
