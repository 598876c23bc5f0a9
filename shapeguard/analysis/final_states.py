"""Final states of a recurrent layer, (layers * directions, batch, features): viewed as if the batch stood first, or of padding.

``batch_first`` moves the batch of a layer's input and output, not that of its states. A layer that is given padded rows and
not told their lengths goes on over the padding: its last step is that of the longest row only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from shapeguard.analysis.graph import users_of
from shapeguard.analysis.lineage import RECURRENT
from shapeguard.analysis.run import Run
from shapeguard.analysis.seq_first import chosen
from shapeguard.values.recording import Row, TensorArg

_TRANSFORMERS = frozenset({"TransformerEncoder", "TransformerEncoderLayer"})
_DECODERS = frozenset({"TransformerDecoder", "TransformerDecoderLayer"})
_MEMORY_MASKS = frozenset({"memory_key_padding_mask", "memory_mask"})
_ZEROS = frozenset({"zeros", "zeros_like", "new_zeros"})
_POOLING = frozenset({"mean", "max", "amax", "sum", "nanmean"})
_VIEWS = frozenset({"view", "reshape"})
_BETWEEN = frozenset(
    {
        "Dropout",
        "dropout",
        "LayerNorm",
        "Embedding",
        "Dropout1d",
        "Dropout2d",
        "relu",
        "float",
        "contiguous",
        "add",
        "mul",
    }
)


def mixed_states(run: Run) -> Iterator[Row]:
    """Views of final states that put several layers or directions of different rows side by side."""
    for row in run.of_kind("op"):
        if row.op not in _VIEWS or row.error or not row.inputs or not row.outputs:
            continue
        states, result = row.inputs[0].last, row.outputs[0].last
        made = run.row(row.inputs[0].origin)
        if made is None or made.op not in RECURRENT or len(states) != 3 or len(result) < 2:
            continue
        layers, batch, features = states
        is_state = any(out.last == states for out in made.outputs[1:]) and made.outputs[0].last != states
        if is_state and layers > 1 and batch > 1 and result[0] == batch != layers and result[1] == layers * features:
            yield row


def steps_of_padding(run: Run) -> Iterator[Row]:
    """Selections of the last step, or of the final state, of a layer whose input is padded at the end and not packed."""
    for layer, time in _on_padding(run, RECURRENT):
        steps, states = layer.outputs[0].last, [out.last for out in layer.outputs[1:]]
        for user in users_of(run, layer):
            taken = user.inputs[0].last if user.op == "getitem" and user.inputs else ()
            last = _index_of(user, time) if taken == steps else _index_of(user, 0) if taken in states else ""
            if last == "-1" and taken:
                yield user
            elif user.op == "unbind" and user.inputs[0].last in states and user.inputs[0].last != steps:
                yield user  # each layer's, or direction's, own final state


def pooled_steps(run: Run) -> Iterator[Row]:
    """Means and maxima over all positions of what such a layer, or one that was told of the padding, makes of padded rows."""
    for layer, time in _on_padding(run, RECURRENT | _TRANSFORMERS):
        for user in users_of(run, layer):
            over = user.args.get("dim", user.args.get("other"))
            states = user.inputs[0].last if user.inputs else ()
            whole = states == layer.outputs[0].last and over in (time, time - 3, [time], [time - 3])
            if user.op in _POOLING and whole:
                yield user


def _on_padding(run: Run, layers: Collection[str]) -> Iterator[tuple[Row, int]]:
    """(call, dim of the positions) of layers whose input is known to be padded at the end."""
    for layer in run.of_kind("module"):
        if layer.op not in layers or layer.error or not layer.inputs or not layer.outputs:
            continue
        time = 1 if _batch_first(run, layer) else 0
        if len(layer.inputs[0].last) == 3 and _padded_at_end(run, layer, time):
            yield layer, time


def over_padding(run: Run) -> Iterator[Row]:
    """Calls of layers that mix positions, on rows that are padded at the end: transformers with no mask of the padding, and
    recurrent layers of both directions, whose backward one begins in the padding."""
    for layer in run.of_kind("module"):
        if layer.error or not layer.inputs or len(layer.inputs[0].last) != 3:
            continue
        built = run.row(layer.owner)
        both_ways = layer.op in RECURRENT and built is not None and built.args.get("bidirectional") is True
        masks = [tensor for tensor in layer.inputs if "mask" in tensor.label]
        unmasked = layer.op in _TRANSFORMERS and all(hides_nothing(run, mask) is not None for mask in masks)
        if (both_ways or unmasked) and _padded_at_end(run, layer, 1 if _batch_first(run, layer) else 0):
            yield layer


def hides_nothing(run: Run, mask: TensorArg) -> Row | None:
    """What made a mask of zeros, true nowhere, into which nothing was written since."""
    made = run.row(mask.origin)
    if made is None or made.op not in _ZEROS or mask.dtype != "bool":
        return None
    return None if any(user.op == "setitem" or user.op.endswith("_") for user in users_of(run, made)) else made


def _batch_first(run: Run, layer: Row) -> bool:
    built = chosen(run, layer)
    return built is not None and built.args.get("batch_first") is True


def _padded_at_end(run: Run, layer: Row, time: int) -> bool:
    """Whether the ids behind a layer's input are known to have padding at the end of this dim."""
    row = run.row(layer.inputs[0].origin)
    for _ in range(6):
        if row is None or row.op not in _BETWEEN or not row.inputs:
            return False
        ends = row.args.get("padded at the end")
        if row.op == "Embedding":
            return isinstance(ends, list) and time in ends
        row = run.row(row.inputs[0].origin)
    return False


def _index_of(row: Row, dim: int) -> str:
    """What a selection is told for a dim."""
    index = row.args.get("index")
    items = index if isinstance(index, list) else [index]
    return str(items[dim]) if dim < len(items) and "..." not in items and "None" not in items else ""


def unmasked_memory(run: Run) -> Iterator[Row]:
    """Calls of a decoder that looks at what an encoder made of rows whose padding it was told of, and is not told of it itself."""
    for row in run.of_kind("module"):
        given = {tensor.label: tensor for tensor in row.inputs}
        memory = given.get("memory")
        if row.error or row.op not in _DECODERS or memory is None or _MEMORY_MASKS & given.keys():
            continue
        encoder = run.row(memory.origin)
        masks = [t for t in encoder.inputs if t.label == "src_key_padding_mask"] if encoder is not None else []
        whole = encoder is not None and bool(encoder.outputs) and encoder.outputs[0].last == memory.last
        if whole and memory.last[:1] != (1,) and any(hides_nothing(run, mask) is None for mask in masks):
            yield row
