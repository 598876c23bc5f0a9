"""Names of the positional parameters of torch functions that carry no signature of their own (they are C functions)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from typing import Any

_BINARY = ("input", "other")
_NAMES: dict[str, tuple[str, ...]] = {
    "cat": ("tensors", "dim"),
    "stack": ("tensors", "dim"),
    "safe_cat": ("tensors", "dim"),
    "safe_stack": ("tensors", "dim"),
    "hstack": ("tensors",),
    "vstack": ("tensors",),
    "dstack": ("tensors",),
    "column_stack": ("tensors",),
    "getitem": ("input", "index"),
    "setitem": ("input", "index", "value"),
    "view": ("input", "*size"),
    "reshape": ("input", "*size"),
    "expand": ("input", "*size"),
    "repeat": ("input", "*repeats"),
    "permute": ("input", "*dims"),
    "transpose": ("input", "dim0", "dim1"),
    "flatten": ("input", "start_dim", "end_dim"),
    "unflatten": ("input", "dim", "sizes"),
    "squeeze": ("input", "dim"),
    "unsqueeze": ("input", "dim"),
    "linear": ("input", "weight", "bias"),
    "matmul": _BINARY,
    "mm": _BINARY,
    "bmm": _BINARY,
    "baddbmm": ("input", "batch1", "batch2"),
    "addmm": ("input", "mat1", "mat2"),
    "einsum": ("equation", "*operands"),
    "gather": ("input", "dim", "index"),
    "scatter": ("input", "dim", "index", "src"),
    "scatter_": ("input", "dim", "index", "src"),
    "scatter_add": ("input", "dim", "index", "src"),
    "scatter_add_": ("input", "dim", "index", "src"),
    "scatter_reduce": ("input", "dim", "index", "src"),
    "scatter_reduce_": ("input", "dim", "index", "src"),
    "index_add": ("input", "dim", "index", "source"),
    "index_add_": ("input", "dim", "index", "source"),
    "index_copy": ("input", "dim", "index", "source"),
    "index_copy_": ("input", "dim", "index", "source"),
    "take_along_dim": ("input", "indices", "dim"),
    "index_select": ("input", "dim", "index"),
    "select": ("input", "dim", "index"),
    "narrow": ("input", "dim", "start", "length"),
    "repeat_interleave": ("input", "repeats", "dim"),
    "chunk": ("input", "chunks", "dim"),
    "split": ("input", "split_size", "dim"),
    "masked_fill": ("input", "mask", "value"),
    "masked_fill_": ("input", "mask", "value"),
    "masked_scatter": ("input", "mask", "source", "mask_count"),  # the last is told by us
    "masked_scatter_": ("input", "mask", "source", "mask_count"),
    "masked_select": ("input", "mask"),
    "tril": ("input", "diagonal"),
    "triu": ("input", "diagonal"),
    "where": ("condition", "input", "other"),
    "embedding": ("input", "weight"),
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv3d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "scaled_dot_product_attention": ("query", "key", "value", "attn_mask", "dropout_p", "is_causal"),
    "copy_": ("input", "src"),
    "sum": ("input", "dim"),
    "mean": ("input", "dim"),
    "softmax": ("input", "dim"),
    "argmax": ("input", "dim"),
    "max": ("input", "dim"),
    "topk": ("input", "k", "dim"),
    "zeros": ("*size",),
    "ones": ("*size",),
    "empty": ("*size",),
    "randn": ("*size",),
    "rand": ("*size",),
    "full": ("size", "fill_value"),
    "randint": ("low", "high", "size"),
    "arange": ("start", "end", "step"),
    "tensor": ("data",),
}


def known_names(op: str) -> tuple[str, ...]:
    """Names for the positional arguments of a torch function; none where it is not in our table."""
    return _NAMES.get(op, ())


def parameter_names(op: str, function: Callable[..., Any] | None = None) -> tuple[str, ...]:
    """Names for the positional arguments of ``op``, best known first: our table, the function's signature, ``input``."""
    if op in _NAMES:
        return _NAMES[op]
    if inspect.isfunction(function):
        parameters = inspect.signature(function).parameters.values()
        return tuple(
            f"*{p.name}" if p.kind is p.VAR_POSITIONAL else p.name
            for p in parameters
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
        )
    return ("input", "other")


def positional(names: Sequence[str], index: int) -> str:
    """The parameter at a place of a call, "" where it is not known; a starred one, ``*size``, takes all that follow."""
    if index < len(names) and not names[index].startswith("*"):
        return names[index]
    return f"{names[-1][1:]}[{index - len(names) + 1}]" if names and names[-1].startswith("*") else ""


def parameter(names: Sequence[str], index: int, operand: ast.expr) -> str:
    """The same for an operand in the code: a starred parameter's only item stands for all of them."""
    call = getattr(operand, "parent", None)
    last = isinstance(call, ast.Call) and bool(call.args) and call.args[-1] is operand
    name = positional(names, index)
    return name.removesuffix("[0]") if last and index == len(names) - 1 else name
