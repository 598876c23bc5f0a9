"""Batches made of padded rows: what stands behind the ids of a call, and whether its results are read."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.batch import inputs_of, made_by, padding_of
from shapeguard.analysis.caches import named
from shapeguard.analysis.graph import COUNTING_OUT, ancestors, past, users_of
from shapeguard.analysis.models import config_of
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_BEFORE = 512  # rows before a call among which that is looked for which filled its cache
_FEW = 8
_SIDES = ("left", "right", "both")
_JOINING = frozenset({"cat", "concat", "concatenate", "hstack"})
_KEEPING = frozenset(
    {"to", "cuda", "cpu", "long", "int", "clone", "detach", "contiguous", "pin_memory", "getitem", "repeat_interleave"}
)


def padded_source(run: Run, row: Row) -> str | None:
    """The side on which a tokenizer padded the rows that the ids of a call begin with; None where no tokenizer says so.

    Behind a concatenation along the sequence the padding of the first part stays where it is when it is on the left, and lies
    between prompt and answer when it was on the right.
    """
    ids = inputs_of(row)
    source = run.row(ids.origin) if ids is not None else None
    for _ in range(12):
        if source is None or not source.inputs:
            break
        joined = (
            source.op in _JOINING
            and source.args.get("dim", 0) in (1, -1)
            and source.inputs[0].last[0] == source.outputs[0].last[0]
        )
        if not joined and source.op not in _KEEPING:
            return None
        source = run.row(source.inputs[0].origin)
    if source is None or source.kind != "tokenizer":
        return None
    told = str(source.args.get("padded", "?"))
    return told if told in ("left", "right", "both") else None


def read_positions(run: Run, row: Row) -> bool:
    """Whether the user's code goes on with the results of a call, or the model itself took a loss over all positions or one result a row."""
    scored = any(tensor.label == "labels" and len(tensor.last) > 1 for tensor in row.inputs)
    ids = inputs_of(row)
    pooled = ids is not None and row.outputs and len(row.outputs[0].last) == 2 and row.outputs[0].last[0] == ids.last[0]
    return scored or bool(pooled) or any(user.kind in ("op", "concat", "module") for user in users_of(run, row))


def pooled_over_padding(run: Run, row: Row) -> Row | None:
    """The mean (or maximum) over the positions of padded rows that the user's code takes of a model's states as they are."""
    ids = inputs_of(row)
    if ids is None or len(ids.last) != 2 or ids.last[0] < 2:
        return None
    users = users_of(run, row)
    sums = [user for user in users if user.op in _TOGETHER and all(tensor.origin == row.id for tensor in user.inputs)]
    for user in (*users, *(further for added in sums for further in users_of(run, added))):
        over = user.args.get("dim", user.args.get("other"))
        states = user.inputs[0].last if user.inputs else ()
        if user.op in _POOLING and len(states) == 3 and over in (1, -2, [1], [-2]) and states[1] == ids.last[1] > 1:
            return user
    return None


def past_of_ones(run: Run, row: Row) -> Row | None:
    """What made a mask of ones for all that is cached, joined with that of the new tokens, where the cached rows are padded."""
    mask, keys = named(row, "attention_mask"), named(row, "past_key_values.layers[0].keys")
    joined = run.row(mask.origin) if mask is not None and keys is not None and len(mask.last) == 2 else None
    first = joined.inputs[0] if joined is not None and joined.kind == "concat" and joined.inputs else None
    if first is None or keys is None or first.last != (keys.last[0], keys.last[-2]):
        return None
    made = run.row(first.origin)
    if made is None or made.op not in ("ones", "ones_like", "new_ones", "full"):
        return None
    before = next(filling(run, row, keys), None)
    return made if before is not None and before.args.get("mask padded") in ("left", "both") else None


def filling(run: Run, row: Row, keys: TensorArg) -> Iterator[Row]:
    """The calls of the same model at the place that filled the cache of a call, latest first."""
    filled = run.row(keys.origin if keys.first_origin is None else keys.first_origin)
    for other in reversed(run.rows[max(0, row.id - _BEFORE) : row.id]):
        if (
            filled is not None
            and other.kind == "forward"
            and other.owner == row.owner
            and run.at_one_place(filled, other)
        ):
            yield other


def open_to_padding(run: Run, row: Row) -> Row | None:
    """What made the mask of scores (batch, 1, query, key) that a call with padded rows is given, if it was made of sizes alone.

    Such a mask cannot know of the padding: one of zeros hides nothing, a triangle nothing that stands on the left.
    """
    mask, side = named(row, "attention_mask"), row.args.get("ids padded")
    made = run.row(mask.origin) if mask is not None and len(mask.last) == 4 else None
    if mask is None or made is None or side not in _SIDES or mask.last[-1] != mask.last[-2]:
        return None
    behind = list(ancestors(run, mask))
    if any(not past.inputs and past.op not in COUNTING_OUT for past in behind) or len(behind) > _FEW:
        return None
    nothing = made.op in ("zeros", "zeros_like", "new_zeros") and mask.dtype != "bool"
    return made if nothing or (side != "right" and made.op in ("triu", "tril", "triu_")) else None


def forgotten_mask(run: Run, row: Row) -> Row | None:
    """The call that filled a cache with padded rows and their mask, where a later one on it is given no mask at all."""
    ids, keys = inputs_of(row), named(row, "past_key_values.layers[0].keys")
    states = named(row, "encoder_outputs.last_hidden_state") if named(row, "attention_mask") is None else None
    for encoded in (run.row(states.first_origin), run.row(states.origin)) if states is not None else ():
        if encoded is not None and encoded.kind == "forward" and encoded.args.get("mask padded") in _SIDES:
            return encoded
    if (
        ids is None
        or keys is None
        or named(row, "attention_mask") is not None
        or row.args.get("encoder-decoder") is True
    ):
        return None
    for other in filling(run, row, keys):
        first, held = inputs_of(other), named(other, "past_key_values.layers[0].keys")
        if first is not None and first.last[:1] == ids.last[:1] and held is None:
            return other if other.args.get("mask padded") in _SIDES else None
    return None


def masked_ends(run: Run, row: Row) -> Row | None:
    """What made a mask that has holes where rows end a turn: it hides the padding by its id, and that is the end's id too."""
    ids, mask = inputs_of(row), named(row, "attention_mask")
    config = config_of(run, run.row(row.owner)) if row.kind == "forward" else row
    made, source = made_by(run, mask), made_by(run, ids)
    tokenizer = source if source is not None and source.kind == "tokenizer" else None
    pad, ends = (
        next((value for told in (config, tokenizer) if told and (value := told.args.get(name)) is not None), None)
        for name in ("pad_token_id", "eos_token_id")
    )
    if row.args.get("mask padded") != "holes" or pad is None or pad not in (ends if isinstance(ends, list) else [ends]):
        return None
    compared = (
        made is not None and made.op in ("ne", "not_equal") and made.args.get("other") == pad and bool(made.inputs)
    )
    return made if compared and made is not None and ids is not None and made.inputs[0].origin == ids.origin else None


def masks_another_id(run: Run, row: Row) -> tuple[Row, int] | None:
    """(comparison, pad id) where a mask leaves out an id that is not the one the rows are padded with, which stays in."""
    ids, made = inputs_of(row), made_by(run, named(row, "attention_mask"))
    config = config_of(run, run.row(row.owner)) if row.kind == "forward" else row
    pad = config.args.get("pad_token_id") if config is not None else None
    if made is None or ids is None or made.op not in ("ne", "not_equal") or not made.inputs or type(pad) is not int:
        return None
    other = made.args.get("other")
    side = row.args.get("ids padded")
    padded = side in ("right", "left", "both") and side != row.args.get("mask padded")
    of_them = made.inputs[0].origin == ids.origin and type(other) is int and other != pad
    return (made, pad) if padded and of_them else None


def labels_of_padding(run: Run, row: Row) -> Row | None:
    """What made the labels of a padded batch, where they are its ids as they are: the loss counts the padding too."""
    padding, ids = padding_of(run, row), inputs_of(row)
    labels = named(row, "labels")
    made = made_by(run, labels)
    if not padding.padded or labels is None or ids is None:
        return None
    if made is None or made is not made_by(run, ids) or labels.last != ids.last:
        return None
    step = run.row(labels.origin)
    first = step
    while step is not None and step.id != made.id:
        if any(user.op == "setitem" or user.op.endswith("_") for user in users_of(run, step)):
            return None  # something is written over what was copied
        step = run.row(step.inputs[0].origin)
    return first if first is not None and first.id != made.id else row


_POOLING = frozenset({"mean", "max", "amax", "nanmean"})
_TOGETHER = frozenset({"add", "mul", "div", "stack"})  # of the states of several layers


def crossed_padding(run: Run, row: Row) -> str | None:
    """The side on which the states that a decoder looks at are padded, where it is given no mask for them."""
    labels = {tensor.label: tensor for tensor in row.inputs}
    states = labels.get("encoder_hidden_states")
    source = run.row(states.origin) if states is not None else None
    if "encoder_attention_mask" in labels or source is None or source.kind != "forward" or states is None:
        return None
    told = padded_source(run, source)
    return told if told is not None and len(states.last) == 3 and states.last[0] > 1 else None


def hidden_past(run: Run, row: Row) -> Row | None:
    """The zeros that stand in a mask where the cache has its positions: nothing of what is cached is seen."""
    labels = {tensor.label: tensor for tensor in row.inputs}
    mask, keys = labels.get("attention_mask"), labels.get("past_key_values.layers[0].keys")
    joined = run.row(mask.origin) if mask is not None else None
    if joined is None or keys is None or joined.op not in _JOINING or not joined.inputs or len(keys.last) != 4:
        return None
    zeros = run.row(joined.inputs[0].origin)
    cached = joined.inputs[0].last[-1:] == keys.last[2:3] and keys.last[2] > 0
    return zeros if cached and zeros is not None and zeros.op in ("zeros", "new_zeros", "zeros_like") else None


def behind(run: Run, row: Row, kind: str) -> bool:
    """Whether an event of this kind stands behind the ids of a call."""
    ids = inputs_of(row)
    return ids is not None and any(source.kind == kind for source in ancestors(run, ids))


def padded_waves(run: Run, row: Row) -> Row | None:
    """What put waves of unequal length side by side that a model is given with no mask, although it was made for one.

    Of the wav2vec family the models whose features are normalised by layer want a mask; those with a group norm were trained
    without one (as the documentation of transformers says of `attention_mask` in `Wav2Vec2Model.forward`).
    """
    waves = named(row, "input_values")
    model = run.row(row.owner)
    config = config_of(run, model)
    by_layer = config is not None and config.args.get("feat_extract_norm") == "layer"
    if waves is None or named(row, "attention_mask") is not None or not by_layer or waves.last[0] < 2:
        return None
    joined = past(run, waves.origin, lambda made: made.op in _KEEPING)
    if joined is None or (joined.kind != "concat" and joined.op != "pad_sequence"):
        return None
    if joined.op == "pad_sequence":
        return joined if len({tensor.last for tensor in joined.inputs}) > 1 else None
    parts = [run.row(tensor.origin) for tensor in joined.inputs]
    before = {part.inputs[0].last for part in parts if part is not None and part.op == "pad" and part.inputs}
    return joined if len(before) > 1 else None
