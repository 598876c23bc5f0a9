"""Models that are asked for the next entry and shown it: the targets are the inputs moved on by one, and no mask hides what comes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.graph import ancestors, past
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.source import parsed_text
from shapeguard.values.recording import Row, TensorArg

# The input in which each of torch's layers looks around, and the mask that keeps it from looking ahead.
_LOOKING = {
    "TransformerEncoder": ("src", "mask"),
    "TransformerEncoderLayer": ("src", "src_mask"),
    "TransformerDecoder": ("tgt", "tgt_mask"),
    "TransformerDecoderLayer": ("tgt", "tgt_mask"),
    "Transformer": ("tgt", "tgt_mask"),
    "MultiheadAttention": ("query", "attn_mask"),
}

_PRODUCTS = frozenset({"matmul", "bmm", "einsum", "baddbmm"})
_SCALING = frozenset({"mul", "div", "truediv", "float", "to", "contiguous", "dropout", "Dropout", "mul_", "div_"})


def shown_ahead(run: Run) -> Iterator[Row]:
    """Calls of torch's attention layers without a mask, on inputs whose next entries are what the loss then asks for."""
    for loss in run.rows:
        target = next((tensor for tensor in loss.inputs if tensor.label == "target"), None)
        scores = loss.inputs[0] if loss.inputs else None
        if loss.error or family(loss.op) != "loss" or target is None or scores is None:
            continue
        cut = next((row for row in ancestors(run, target) if row.op == "getitem"), None)
        if cut is not None and cut.inputs[0].origin is not None:
            behind = list(ancestors(run, scores))
            whole = any(_ends_of(row) == ":-1" and len(row.inputs[0].last) > 2 for row in behind)
            for row in behind:
                seen = _open(run, row)
                if seen and all(_reads(run, tensor, cut, whole) for tensor in seen):
                    yield row


def causal_mask(row: Row) -> str:
    """What the layer calls the mask that keeps it from looking ahead."""
    return _LOOKING.get(row.op, ("", "attn_mask"))[1]


def _ends_of(row: Row) -> str:
    """What a slice left of the positions, (batch, seq, ...): "1:" of all but the first, ":-1" of all but the last."""
    index = row.args.get("index")
    items = index if isinstance(index, list) and row.op == "getitem" and row.inputs else []
    if items[:1] == ["..."]:
        items = [*[":"] * (len(row.inputs[0].last) - len(items) + 1), *items[1:]]
    return str(items[1]) if len(items) > 1 and items[0] == ":" else ""


def _open(run: Run, row: Row) -> list[TensorArg]:
    """What the positions of a layer, or of an attention of the user's own, all look at; none where a mask hides some of it."""
    if row.error:
        return []
    if row.op == "scaled_dot_product_attention":
        query, key, *_ = row.inputs
        hidden = any(tensor.label == "attn_mask" for tensor in row.inputs) or row.args.get("is_causal") is True
        return [query, key] if not hidden and query.last == key.last else []
    if row.op in ("softmax", "Softmax"):
        product = past(run, row.inputs[0].origin, lambda made: made.op in _SCALING)
        scores = product.outputs[0].last if product is not None and product.op in _PRODUCTS and product.outputs else ()
        square = len(scores) > 2 and scores[-1] == scores[-2] > 1
        return list(product.inputs[:2]) if product is not None and square else []
    looks, mask = _LOOKING.get(row.op, ("", ""))
    given = {tensor.label: tensor for tensor in row.inputs}
    if row.kind != "module" or looks not in given or mask in given or row.args.get("is_causal") is True:
        return []
    seen = [given[looks]] + ([given["key"]] if row.op == "MultiheadAttention" and "key" in given else [])
    return seen if len(given[looks].last) == 3 else []


def _reads(run: Run, given: TensorArg, targets: Row, whole: bool) -> bool:
    """Whether what is looked at is made of the series of which the targets are the next entries: whole, or without its last.

    Whole only where the scores were cut: a model that encodes a series and decodes it again may look at all of it.
    """
    series, next_ones = targets.inputs[0], _ends_of(targets) == "1:"
    for made in ancestors(run, given):
        if made.op == "getitem" and made.inputs:
            before = _ends_of(made) == ":-1" if next_ones else _one_before(run, made, targets)
            return before and _same(made.inputs[0], series)
        if whole and next_ones and made.op == "Embedding" and any(_same(tensor, series) for tensor in made.inputs):
            return True
    return False


def _one_before(run: Run, row: Row, targets: Row) -> bool:
    """Whether a slice begins one before another one as it is written: ``data[i : i + n]`` and ``data[i + 1 : i + n + 1]``."""
    match parsed_text(run.expression(row)), parsed_text(run.expression(targets)):
        case ast.Subscript(slice=ast.Slice(lower=ast.expr() as ours)), ast.Subscript(
            slice=ast.Slice(lower=ast.BinOp(left=theirs, op=ast.Add(), right=ast.Constant(value=1)))
        ):
            return ast.unparse(ours) == ast.unparse(theirs)
    return False


def _same(one: TensorArg, other: TensorArg) -> bool:
    return (one.origin, one.last, one.dtype) == (other.origin, other.last, other.dtype)
