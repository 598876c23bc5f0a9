"""Library layers that expect (length, batch, features) and what shows that they were given (batch, length, features)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.graph import ancestors, users_of
from shapeguard.analysis.lineage import RECURRENT, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.sizing import call_node
from shapeguard.values.recording import Row, TensorArg

LAYERS = frozenset(
    {"MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder", "TransformerDecoderLayer", "TransformerDecoder",
     "Transformer", "LSTM", "GRU", "RNN"}
)  # fmt: skip
_POOLING = frozenset({"mean", "sum", "max", "min", "amax", "amin", "select"})
_KEEPS = frozenset(
    {"add", "mul", "LayerNorm", "Dropout", "ReLU", "GELU", "relu", "gelu", "tanh", "RMSNorm", "dropout", "sub", "div"}
)
MOVES = frozenset({"transpose", "permute", "swapaxes", "movedim"})


class SeqFirst(NamedTuple):
    """A call of such a layer: the row, the tensor given, and the row in which the layout was chosen."""

    call: Row
    given: TensorArg
    built: Row
    evidence: str


def swapped_calls(run: Run) -> Iterator[SeqFirst]:
    """Calls of layers with ``batch_first=False`` whose input has its rows first."""
    for row in run.of_kind("module"):
        if row.op not in LAYERS or row.error or not row.inputs:
            continue
        given = row.inputs[0]
        built = chosen(run, row)
        if built is None or not _length_first(run, built) or len(given.last) != 3:
            continue
        evidence = _evidence(run, row, given)
        if evidence:
            yield SeqFirst(row, given, built, evidence)


def turned_query(run: Run) -> tuple[Row, TensorArg, TensorArg] | None:
    """A failed nn.MultiheadAttention whose square mask has the size of what it reads as the batch: row, query, mask."""
    for row in run.failed_rows:
        by_label = {tensor.label: tensor for tensor in row.inputs}
        mask, query = by_label.get("attn_mask"), by_label.get("query")
        batch_first = row.args.get("batch_first")
        if row.op != "MultiheadAttention" or mask is None or query is None or not isinstance(batch_first, bool):
            continue
        if len(query.last) != 3 or len(mask.last) != 2 or mask.last[0] != mask.last[1]:
            continue
        batch, length = query.last[:2] if batch_first else query.last[1::-1]
        if mask.last[0] == batch != length and (not batch_first or moved_to(run, query) is not None):
            return row, query, mask
    return None


def moved_to(run: Run, tensor: TensorArg) -> Row | None:
    """The transposition behind a tensor of three dimensions."""
    return next((row for row in ancestors(run, tensor) if row.op in MOVES and len(row.inputs[0].last) == 3), None)


def _length_first(run: Run, built: Row) -> bool:
    """Whether a layer was built for (length, batch, features), which is the default.

    A recurrent layer hides its defaults behind ``*args``: there the call must be seen to say nothing of it, and arguments
    that are unpacked into it must have been seen.
    """
    if "batch_first" in built.args or built.op not in RECURRENT:
        return built.args.get("batch_first") is False
    node = call_node(run, built)
    if node is None or len(node.args) > 4 or any(k.arg == "batch_first" for k in node.keywords):
        return False
    unpacked = any(k.arg is None for k in node.keywords) or any(isinstance(arg, ast.Starred) for arg in node.args)
    return not unpacked or "input_size" in built.args


def chosen(run: Run, row: Row) -> Row | None:
    """The row in which ``batch_first`` was decided: the layer's own, or that of the layer a stack was made of."""
    built = run.row(row.owner)
    if built is None or "batch_first" in built.args or built.op in RECURRENT:
        return built
    inner = built.op + "Layer"
    earlier = [other for other in run.of_kind("construct") if other.op == inner and other.first_at < built.first_at]
    same = [other for other in earlier if _function(run, other) == _function(run, built)]
    found = same or earlier
    return found[-1] if found else None


def _function(run: Run, row: Row) -> str:
    place = run.location(row)
    return place.function if place is not None else ""


def _evidence(run: Run, row: Row, given: TensorArg) -> str:
    """Why dim 0 is the batch and dim 1 the sequence; "" where nothing shows it."""
    if given.last[0] == 1 and given.first[0] == 1:
        return ""
    if _counted(run, given):
        return "positions are counted along its dim 1"
    pooled = _read_along(run, row)
    if pooled == 1:
        return "its result is read along dim 1 as the sequence"
    if pooled is None and _from_batch(run, given):
        return "its dim 0 is the batch of the data"
    if pooled is None and _joined_per_row(run, row):
        return "its dims 1 and 2 become one row of features"
    return ""


def _joined_per_row(run: Run, row: Row) -> bool:
    """Whether dims 1 and 2 of the layer's result, its positions and features, are then laid side by side: then dim 0 counts rows."""
    made = row.outputs[0].last if row.outputs else ()
    for user in users_of(run, row) if len(made) == len(("rows", "length", "features")) else ():
        laid = user.outputs[0].last if user.outputs and user.op in ("view", "reshape", "flatten") else ()
        if laid and min(made[1:]) > 1 and laid[-1] == made[1] * made[2] and laid[-1] not in made:
            return True
    return False


def _counted(run: Run, given: TensorArg) -> bool:
    """Whether position embeddings were added along dim 1 and along no other: (length, features), or counted per row."""
    for made in ancestors(run, given):
        if made.op not in ("add", "add_", "iadd") or not made.outputs or made.outputs[0].last != given.last:
            continue
        for operand in made.inputs:
            rank = len(operand.last)
            if rank < 2 or operand.last[-1] != given.last[-1]:
                continue
            hops = follow(run, operand, rank - 2)
            if any(hop.row.op == "arange" for hop in hops):
                return rank == 2 or operand.last[0] in (1, given.last[0])
    return False


def _read_along(run: Run, row: Row) -> int | None:
    """The dim (0 or 1) that is taken out of the layer's result as its sequence; None where that is not to be seen."""
    waiting, seen = [row], {row.id}
    while waiting:
        for user in users_of(run, waiting.pop()):
            if user.id in seen or not user.inputs or len(user.inputs[0].last) != 3:
                continue
            seen.add(user.id)
            if user.op == "getitem":
                dim = _picked(user)
                if dim is not None:
                    return dim
            elif user.op in _POOLING and not user.args.get("keepdim"):
                over = user.args.get("dim", user.args.get("other"))
                if isinstance(over, int) and over in (0, 1, -3, -2):
                    return over % 3
            elif user.op in _KEEPS:
                waiting.append(user)
    return None


def _picked(row: Row) -> int | None:
    """The dim in which an index picks one place of the sequence: ``out[-1]`` is 0, ``out[:, -1]`` is 1."""
    index = row.args.get("index")
    if isinstance(index, int):
        return 0 if index == -1 else None
    if isinstance(index, list) and len(index) >= 2 and index[0] == ":" and index[1] in (-1, 0):
        return 1
    return 0 if isinstance(index, list) and index and index[0] == -1 else None


def _from_batch(run: Run, given: TensorArg) -> bool:
    """Whether dim 0 is that of a batch as a tokenizer or a loader made it."""
    hops = follow(run, given, 0)
    last = hops[-1] if hops else None
    return last is not None and last.row.kind in ("tokenizer", "loader") and last.after == 0
