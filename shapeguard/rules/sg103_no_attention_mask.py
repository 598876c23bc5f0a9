"""SG103 no-attention-mask

Padded rows go into a model without a mask that hides the padding.

## What it is

Without a mask every position is a token like any other: real tokens attend to padding, and positions are counted from the
first pad token on.

## Why it goes wrong

A tokenizer returns the mask beside the ids, and it is easy to pass on only the ids. ``generate`` can work the mask out only
where the pad token is not the end token as well. Nothing crashes: a row's answer depends on how long its neighbours are.
A mask can also be the wrong way round: ``scaled_dot_product_attention`` attends where it is true, ``key_padding_mask`` leaves
out where it is true. And the mean over the positions of a padded batch needs the mask as much as the attention does.
``nn.TransformerEncoder`` wants to be told the padding (``src_key_padding_mask``), and a recurrent layer of both directions the
lengths: its backward direction begins in the padding otherwise; a decoder that looks at an encoder's states wants the encoder's mask
again (``memory_key_padding_mask``). An attention by hand that leaves the causal mask out wherever there is a cache lets the tokens of a
prompt look ahead. A decoding loop by hand has to pass the mask at every step, not
only with the prompt; labels that are the ids as they are count the padding in the loss; and a mask made by comparing with a pad
id that also ends a turn hides the ends of turns.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, eos_token_id=0)).eval()
rows = [[5, 6, 7, 8], [9, 9]]
width = max(map(len, rows))
ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
model.generate(ids, max_new_tokens=4)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, eos_token_id=0)).eval()
rows = [[5, 6, 7, 8], [9, 9]]
width = max(map(len, rows))
ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
model.generate(ids, attention_mask=mask, max_new_tokens=4)
```
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from shapeguard.analysis.batch import Padding, inputs_of, made_by, padding_of
from shapeguard.analysis.caches import named
from shapeguard.analysis.contents import loader_of, of_call
from shapeguard.analysis.encodings import encoding_name
from shapeguard.analysis.generation import generations
from shapeguard.analysis.mask_laid import masked_late
from shapeguard.analysis.models import built_model, config_of
from shapeguard.analysis.padded import (
    crossed_padding,
    forgotten_mask,
    hidden_past,
    labels_of_padding,
    masked_ends,
    masks_another_id,
    open_to_padding,
    padded_source,
    padded_waves,
    past_of_ones,
    pooled_over_padding,
    read_positions,
)
from shapeguard.analysis.polarity import Inverted, inverted_masks, plain_padding
from shapeguard.analysis.run import Run
from shapeguard.rules.base import once
from shapeguard.rules.padded_layers import padded_layers
from shapeguard.values.findings import Finding, Fix, Location, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG103", "no-attention-mask"
_ENCODERS = re.compile(r"bert|electra|mpnet|longformer|bigbird|xlmroberta|Encoder|^(T5|Bart|MT5)", re.IGNORECASE)


def check(run: Run) -> Iterator[Finding]:
    """Padded rows that go into a model with no mask, or with a mask of ones over the padding."""
    started = {row.id: row for row in generations(run)}
    for row in started.values():
        padding = padding_of(run, row)
        if padding.unmasked and not _worked_out(row, padding):
            yield _finding(run, row, padding)
        elif (made := masked_ends(run, row)) is not None:
            yield _ends(run, row, made)
    for row in run.of_kind("forward"):
        if row.id not in started and not row.error:
            yield from _scored(run, row)
    yield from once(_beside(run, started))
    yield from padded_layers(run, CODE, NAME)


def _beside(run: Run, started: Collection[int]) -> Iterator[Finding]:
    """Padding that is seen although the model's own mask may be right, and masks that say the opposite."""
    for row in run.of_kind("forward"):
        if row.error:
            continue
        if padding_of(run, row).padded and (pooled := pooled_over_padding(run, row)) is not None:
            yield _pooled(run, row, pooled)
        if row.id not in started and (made := masked_ends(run, row)) is not None:
            yield _ends(run, row, made)
        if (other := masks_another_id(run, row)) is not None:
            yield _another_id(run, row, *other)
        if (ones := past_of_ones(run, row)) is not None:
            yield _seen_again(run, row, ones)
        if (made := open_to_padding(run, row)) is not None:
            yield _open(run, row, made)
        if (filled := forgotten_mask(run, row)) is not None:
            yield _forgotten(run, row, filled)
        if (copied := labels_of_padding(run, row)) is not None:
            yield _labelled(run, row, copied)
        if (waves := padded_waves(run, row)) is not None:
            yield _waves(run, row, waves)
        if (side := crossed_padding(run, row)) is not None:
            yield _crossed(run, row, side)
        if (zeros := hidden_past(run, row)) is not None:
            yield _hidden(run, row, zeros)
    yield from (_inverted(run, found) for found in inverted_masks(run))
    yield from once(_numbers(run, found) for found in plain_padding(run))
    yield from (_late(run, row) for row in masked_late(run))


def _late(run: Run, row: Row) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{row.op}` sets the weights of the padded keys to 0 after the softmax: they have taken their share of it, and what is left for "
        "the real ones no longer sums to one.",
        location=run.location(row),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs),
        fix=Fix('Hide the keys before the softmax: `scores.masked_fill(~mask, float("-inf")).softmax(-1)`.'),
    )


def _another_id(run: Run, row: Row, made: Row, pad: int) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask of {row.op} leaves out id {made.args['other']}, and the rows are padded with {pad}: real tokens see the padding, and "
        f"tokens of id {made.args['other']} are hidden.",
        location=run.location(made),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs if tensor.label == "attention_mask"),
        fix=Fix("Compare with the pad id of the model in use: `ids != model.config.pad_token_id`."),
    )


def _forgotten(run: Run, row: Row, filled: Row) -> Finding:
    place = run.location(filled)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{row.op} goes on with what was made of rows padded on the {filled.args['mask padded']}, and is given no attention mask: the "
        f"call that made it{f' (line {place.line})' if place is not None else ''} had one, these tokens see the padding.",
        location=run.location(row),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs if tensor.label == "input_ids"),
        fix=Fix(
            "Give every step the mask of all that is cached and new: the prompt's, with a column of ones more each step."
        ),
    )


def _seen_again(run: Run, row: Row, ones: Row) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask of {row.op} has ones for all {ones.outputs[0].last[1]} cached positions, and the rows that were cached are padded on "
        "the left: the new tokens see the padding.",
        location=run.location(ones),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs if tensor.label == "attention_mask"),
        fix=Fix("Go on with the mask of what is cached: `torch.cat([past_mask, new_mask], dim=1)`."),
    )


def _open(run: Run, row: Row, made: Row) -> Finding:
    mask = named(row, "attention_mask")
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask of {row.op}, {format_shape(mask.last if mask is not None else ())}, is made of sizes alone (`{made.op}`), and the rows "
        f"are padded on the {row.args['ids padded']}: real tokens see the padding.",
        location=run.location(made),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs if tensor.label == "attention_mask"),
        fix=Fix(
            "Close the columns of the padding: `mask.masked_fill(attention_mask[:, None, None, :] == 0, torch.finfo(mask.dtype).min)`."
        ),
    )


def _ends(run: Run, row: Row, made: Row) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"The mask of {row.op} has holes between real tokens: it leaves out id {made.args['other']}, which is the padding's and "
        "also the one that ends a text or a turn. Ends that stand within the rows are hidden with the padding.",
        location=run.location(made),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs if tensor.label == "attention_mask"),
        fix=Fix("Make the mask from the lengths of the rows, as a tokenizer does, or pad with an id of its own."),
    )


def _labelled(run: Run, row: Row, copied: Row) -> Finding:
    mask = "the tokenizer's mask" if padding_of(run, row).unmasked else "the attention mask"
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"The labels of {row.op} are its ids as they are, and the rows are padded on the {padding_of(run, row).side}: the loss counts "
        "the padding as text to be learnt.",
        location=run.location(copied),
        operands=tuple(run.tensor(tensor) for tensor in row.inputs if tensor.label == "labels"),
        fix=Fix(f"Leave the padding out of the loss, by {mask}: `labels.masked_fill(attention_mask == 0, -100)`."),
    )


def _pooled(run: Run, row: Row, pooled: Row) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"`{pooled.op}` over the positions of {row.op}'s states takes the padding of the shorter rows with it: their vectors "
        "depend on how long their neighbours are.",
        location=run.location(pooled),
        operands=(run.tensor(pooled.inputs[0], "", ("batch", "seq", "features")),),
        fix=Fix("Weigh with the mask: `(states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)`."),
    )


def _waves(run: Run, row: Row, waves: Row) -> Finding:
    made = run.location(waves)
    where = f" (line {made.line})" if made is not None else ""
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        f"Waves of unequal length are padded{where} and go into {row.op} with no mask: it listens to the silence behind the shorter "
        "ones, and what it says of them depends on the longest.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0], "", ("batch", "samples")),),
        fix=Fix("Pass `attention_mask`, ones for the samples of each wave and zeros behind them."),
    )


def _crossed(run: Run, row: Row, side: str) -> Finding:
    states = named(row, "encoder_hidden_states")
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{row.op} looks at states of rows that are padded on the {side}, and is given no mask for them: its cross attention "
        "takes the padding for text.",
        location=run.location(row),
        operands=(run.tensor(states, "", ("batch", "seq", "features")),) if states is not None else (),
        fix=Fix('Pass the encoder\'s mask on: `encoder_attention_mask=batch["attention_mask"]`.'),
    )


def _hidden(run: Run, row: Row, zeros: Row) -> Finding:
    keys = named(row, "past_key_values.layers[0].keys")
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The mask has zeros where {keys.last[2] if keys is not None else 'the'} positions are cached: zero means hidden, so "
        "nothing sees them.",
        location=run.location(zeros),
        operands=(run.tensor(keys),) if keys is not None else (),
        fix=Fix("Let the mask begin with ones for what is cached: `new_ones`."),
    )


def _inverted(run: Run, found: Inverted) -> Finding:
    attends = found.row.op == "scaled_dot_product_attention"
    given = "true on the padding" if attends else "true on the tokens"
    meant = "take part" if attends else "are left out"
    sees = "it attends to the padding alone" if found.certain else "it attends to the padding alone, if that id is its"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if found.certain else Severity.WARNING,
        f"The mask is {given}, and `{found.row.op}` reads it as the positions that {meant}: {sees}.",
        location=run.location(found.made) or run.location(found.row),
        operands=(run.tensor(found.mask),),
        fix=Fix("Turn the mask round (`~mask`), or compare the other way (`!=` for `==`)."),
    )


def _numbers(run: Run, found: Inverted) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{found.row.op}` leaves out where a mask of truth values is true; one of numbers {format_shape(found.mask.last)} it adds to the "
        "scores, and ones and zeros hide nothing: the padding is read.",
        location=run.location(found.made),
        operands=(run.tensor(found.mask),),
        fix=Fix("Make the mask of truth values, true on the padding: `dtype=torch.bool`, or `mask.bool()`."),
    )


def _worked_out(row: Row, padding: Padding) -> bool:
    """Whether ``generate`` makes the mask itself: it can where the pad token is a token of its own."""
    pad, eos = row.args.get("pad_token_id"), row.args.get("eos_token_id")
    ends = eos if isinstance(eos, list) else [eos]
    return row.kind == "generate" and padding.mask == "absent" and pad is not None and pad not in ends


def _scored(run: Run, row: Row) -> Iterator[Finding]:
    """A forward pass whose results are read: real tokens saw the padding in front of them or, without a causal mask, any."""
    padding = padding_of(run, row)
    if padding.mask not in ("absent", "none") or not _is_first(row):
        return
    told = padded_source(run, row)
    sides = {padding.ids} if told is None else {told}
    seen = {"left", "right", "both"} if _sees_all(row) else {"left", "both"}
    if not sides & seen or not read_positions(run, row):
        return
    certain = told is not None or _pad_is_its_own(run, row)
    yield _finding(run, row, Padding(told or padding.ids, padding.mask, padding.tokenizer), certain)


def _is_first(row: Row) -> bool:
    """Whether nothing is cached yet and the call is one of a batch of rows."""
    ids = inputs_of(row)
    cached = any(tensor.label.startswith("past_key_values") for tensor in row.inputs)
    return ids is not None and len(ids.last) == 2 and min(ids.last) > 1 and not cached


def _sees_all(row: Row) -> bool:
    """Whether real tokens also see what stands behind them: encoders do, decoders have a causal mask."""
    decodes = "Causal" in row.op or "LMHead" in row.op
    return row.args.get("encoder-decoder") is True or (bool(_ENCODERS.search(row.op)) and not decodes)


def _pad_is_its_own(run: Run, row: Row) -> bool:
    """Whether the pad id of the config is no token that real text may begin or end with."""
    config = config_of(run, built_model(run, row))
    if config is None:
        return False
    pad = config.args.get("pad_token_id")
    return pad is not None and pad not in (config.args.get("eos_token_id"), config.args.get("bos_token_id"))


def _finding(run: Run, row: Row, padding: Padding, certain: bool = True) -> Finding:
    ids = inputs_of(row)
    given = "no attention mask" if padding.mask == "absent" else "an attention mask of ones only"
    batch = encoding_name(run, padding.tokenizer) if padding.tokenizer is not None else ""
    written = f'attention_mask={batch}["attention_mask"]' if batch else "attention_mask=..."
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if certain else Severity.WARNING,
        f"{row.op} is given rows padded on the {padding.ids} and {given}: real tokens attend to the padding.",
        location=_mask_made(run, row, padding) or run.location(row),
        operands=(run.tensor(ids, "", ("batch", "seq")),) if ids is not None else (),
        fix=Fix(f"Pass the mask that hides the padding: `{written}` (as the tokenizer returns it beside the ids)."),
    )


def _mask_made(run: Run, row: Row, padding: Padding) -> Location | None:
    """Where a mask of ones was made, when an op of the program's made it."""
    mask = named(row, "attention_mask") if padding.mask == "none" else None
    made = made_by(run, mask)
    if made is not None and made.kind == "concat" and made.inputs and loader_of(run, made) is not None:
        made = run.row(made.inputs[0].origin)  # of the samples that a loader stacked
    if made is None or made.kind not in ("op", "concat"):
        return None
    return of_call(run, made) or run.location(made)
