"""Models that are asked for the next entry and shown it: the targets are the inputs moved on by one, and no mask hides what comes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.graph import ancestors, past
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
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
_TURNS = 4  # of keys, before they are multiplied with the queries
_TURNING = frozenset({"transpose", "permute", "contiguous", "mT", "T"})
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


class Unmasked(NamedTuple):
    """A prompt whose positions all look at each other: the attention, the keys that it leaves behind, and where the mask is passed by."""

    attention: Row
    keys: Row
    location: Location | None


def prompt_unmasked(run: Run) -> Iterator[Unmasked]:
    """Attentions of the user's own that hide what comes from a sequence, and not from a prompt whose keys the later steps are joined to."""
    calls: dict[object, list[Row]] = {}
    for row in run.of_kind("op", "attention"):
        if row.op in ("softmax", "scaled_dot_product_attention") and not row.error:
            calls.setdefault(tuple(run.recording.chains[row.chain].sites[:2]), []).append(row)
    for alike in calls.values():
        hiding = next((mask for row in alike if (mask := _hidden_by(run, row)) is not None), None)
        kept = [one for row in alike if (one := _joined_to(run, row)) is not None]
        for row in alike if kept else ():
            seen = _open(run, row)
            joined = [other for one in kept for other in run.of_kind("concat") if run.at_one_place(other, one)]
            first = {origin for other in joined for origin in (other.inputs[0].origin, other.inputs[0].first_origin)}
            keys = next((made for made in _turned(run, seen[1]) if made.id in first), None) if seen else None
            if keys is not None and hiding is not None:
                yield Unmasked(row, keys, _passed_by(run, hiding) or run.location(row))
                break


def _turned(run: Run, keys: TensorArg) -> Iterator[Row]:
    """The rows that only turned some keys, nearest first, and the one before them."""
    row = run.row(keys.origin)
    for _ in range(_TURNS):
        if row is None:
            return
        yield row
        if row.op not in _TURNING or not row.inputs:
            return
        row = run.row(row.inputs[0].origin)


def _hidden_by(run: Run, row: Row) -> Row | None:
    """The row that hid from a square of positions what comes after each: a causal kernel itself, or what filled a triangle."""
    if row.op == "scaled_dot_product_attention":
        return row if row.args.get("is_causal") is True and row.inputs[0].last[-2] > 1 else None
    filled = past(run, row.inputs[0].origin, lambda made: made.op in _SCALING)
    if filled is None or filled.op not in ("masked_fill", "masked_fill_", "where", "add") or len(filled.inputs) < 2:
        return None
    scores = filled.outputs[0].last if filled.outputs else ()
    square = len(scores) > 2 and scores[-1] == scores[-2] > 1
    triangle = any(made.op in ("tril", "triu") for mask in filled.inputs[1:] for made in ancestors(run, mask))
    return filled if square and triangle else None


def _joined_to(run: Run, row: Row) -> Row | None:
    """The concatenation that made the keys of a step of one position: those before, and its own."""
    if row.op == "softmax":
        product = past(run, row.inputs[0].origin, lambda made: made.op in _SCALING)
        looking = list(product.inputs[:2]) if product is not None and product.op in _PRODUCTS else []
        scores = product.outputs[0].last if product is not None and product.outputs else ()
        single = len(scores) > 2 and scores[-2] == 1 < scores[-1]
    else:
        looking = list(row.inputs[:2])
        single = len(looking) > 1 and looking[0].last[-2] == 1 < looking[1].last[-2]
    joined = past(run, looking[1].origin, lambda made: made.op in _TURNING) if single and len(looking) > 1 else None
    return joined if joined is not None and joined.kind == "concat" and joined.op != "stack" else None


def _passed_by(run: Run, hiding: Row) -> Location | None:
    """The test around the line that hides what comes."""
    place = run.location(hiding)
    for file, node in run.nodes(ast.If):
        inside = place is not None and node.body[0].lineno <= place.line <= (node.body[-1].end_lineno or 0)
        if inside and place is not None and file == place.file and isinstance(node, ast.If):
            return run.place(file, node.lineno, place.function)
    return None


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
