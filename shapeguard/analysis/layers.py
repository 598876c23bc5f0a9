"""The parameters of torch's layers by the numbers they were built with: a call of a layer tells only its input's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from shapeguard.analysis.semantics import Call
from shapeguard.analysis.semantics.calls import Argument
from shapeguard.values.shapes import Shape

Args = Mapping[str, Argument]

_CONV = re.compile(r"Conv(Transpose)?([123])d$")


def with_weight(call: Call) -> Call:
    """The call of a linear, convolution or embedding layer with its weight among the operands, where that is known."""
    shape = _weight(call.op, call.args)
    if shape is None or any(label == "weight" for label, _ in call.tensors):
        return call
    return msgspec.structs.replace(call, tensors=[*call.tensors, ("weight", shape)])


def _weight(op: str, args: Args) -> Shape | None:
    if op == "Linear":
        return _sizes(args, "out_features", "in_features")
    if op == "Embedding":
        return _sizes(args, "num_embeddings", "embedding_dim")
    conv = _CONV.match(op)
    if conv is None:
        return None
    channels, kernel = _sizes(args, "in_channels", "out_channels"), args.get("kernel_size")
    groups = args.get("groups", 1)
    spatial = [kernel] * int(conv[2]) if isinstance(kernel, int) else kernel
    if channels is None or not isinstance(spatial, list) or not isinstance(groups, int) or groups < 1:
        return None
    into, out = channels
    first = (into, out // groups) if conv[1] else (out, into // groups)
    return (*first, *(size for size in spatial if isinstance(size, int)))


def _sizes(args: Args, *names: str) -> tuple[int, ...] | None:
    found = tuple(value for name in names if isinstance(value := args.get(name), int))
    return found if len(found) == len(names) else None
