"""Language models that are asked for the token they were just given: the targets are the inputs, not the tokens after them.

A causal model's output at a position is its guess at the next token. A loss that compares it with the ids as they went in is
soon very small, and the model has learnt to copy.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from math import prod
from typing import NamedTuple

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import CLASS_LOSSES
from shapeguard.analysis.source import parsed_text
from shapeguard.values.recording import Row, TensorArg

_LAID_OUT = frozenset(
    {
        "view",
        "reshape",
        "flatten",
        "transpose",
        "permute",
        "contiguous",
        "float",
        "long",
        "to",
        "cuda",
        "clone",
        "detach",
    }
)
_LEFT_OUT = frozenset(
    {"masked_fill", "where", "log_softmax", "div", "truediv"}
)  # scaled, or some entries taken out of the loss
_CAUSAL = ("ForCausalLM", "LMHeadModel")
_TRIANGLES = frozenset({"triu", "tril", "generate_square_subsequent_mask"})
_RANDOM = ("rand", "next", "sample", "choice", "shuffle", "augment")
_NEAR = 300  # rows behind the predictions among which the ids are looked for


class Unshifted(NamedTuple):
    """A loss whose targets are the ids of the model that made its predictions, and what made them, if apart from the ids."""

    loss: Row
    ids: TensorArg
    copy: Row | None


def unshifted(run: Run) -> Iterator[Unshifted]:
    """Losses of a causal model's predictions, all of them, against the very ids that went in."""
    asked: set[int] = set()
    for loss in run.rows:
        if loss.op not in CLASS_LOSSES or loss.error or len(loss.inputs) < 2 or loss.chain in asked:
            continue
        asked.add(loss.chain)
        predicted, target = (_before(run, tensor, _LAID_OUT | _LEFT_OUT) for tensor in loss.inputs[:2])
        if len(predicted.last) != 3 or target.last != predicted.last[:2] or target.last[1] < 2 or target.origin is None:
            continue
        ids = next(_ids(run, predicted, target.last), None)
        copy = run.row(target.origin)
        if ids is None or copy is None:
            continue
        if ids.origin == copy.id:
            yield Unshifted(loss, ids, None)
        elif _same_again(run, run.row(ids.origin), copy):
            yield Unshifted(loss, ids, copy)


def _before(run: Run, tensor: TensorArg, ops: frozenset[str]) -> TensorArg:
    """The tensor of which these ops made this one, as many entries in another layout."""
    seen = set[int]()  # a row that a loop was folded into may be its own origin
    while (made := run.row(tensor.origin)) is not None and made.op in ops and made.id not in seen:
        seen.add(made.id)
        source = next((given for given in made.inputs if prod(given.last) == prod(tensor.last)), None)
        if source is None:
            break
        tensor = source
    return tensor


def _ids(run: Run, predicted: TensorArg, shape: tuple[int, ...]) -> Iterator[TensorArg]:
    """The ids of this shape from which a causal model made its predictions."""
    made = run.row(predicted.origin)
    if made is not None and made.kind == "forward":
        ids = inputs_of(made)
        if ids is not None and made.op.endswith(_CAUSAL) and ids.last == shape:
            yield _before(run, ids, _LAID_OUT)
        return
    rows = list(islice(ancestors(run, predicted), _NEAR))
    if any(row.op in _TRIANGLES for row in rows):
        for row in rows:
            if row.op in ("Embedding", "embedding") and row.inputs and row.inputs[0].last == shape:
                yield _before(run, row.inputs[0], _LAID_OUT)


def _same_again(run: Run, ids: Row | None, copy: Row) -> bool:
    """Whether targets were made by the words that made the ids, in the same function: ``data[i : i + n]`` twice."""
    if ids is None or ids.op != copy.op or ids.outputs[:1] != copy.outputs[:1]:
        return False
    ours, theirs = run.location(ids), run.location(copy)
    text = run.expression(ids)
    known = parsed_text(text)
    if ours is None or theirs is None or ours.function != theirs.function or ours.line == theirs.line or known is None:
        return False
    drawn = any(
        word in ast.unparse(node.func) for node in ast.walk(known) if isinstance(node, ast.Call) for word in _RANDOM
    )
    return text == run.expression(copy) and not drawn
