"""Layers of torch's own that are given padded rows and not told of the padding: steps that are padding, and what looks at it."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.final_states import (
    hides_nothing,
    over_padding,
    pooled_steps,
    steps_of_padding,
    unmasked_memory,
)
from shapeguard.analysis.run import Run
from shapeguard.analysis.sees_ahead import Unmasked, causal_mask, prompt_unmasked, shown_ahead
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape


def padded_layers(run: Run, code: str, name: str) -> Iterator[Finding]:
    """Each place once; what mixes the padding in is told only where no step of it is read."""
    steps = list(once(_last_step(run, row, code, name) for row in steps_of_padding(run)))
    steps = steps or list(once(_mixed_in(run, row, code, name) for row in over_padding(run)))
    yield from steps or once(_pooled(run, row, code, name) for row in pooled_steps(run))
    yield from once(_ahead(run, row, code, name) for row in shown_ahead(run))
    yield from once(_memory(run, row, code, name) for row in unmasked_memory(run))
    yield from once(_prompt(run, found, code, name) for found in prompt_unmasked(run))


def _pooled(run: Run, row: Row, code: str, name: str) -> Finding:
    return Finding(
        code,
        name,
        Severity.WARNING,
        f"`{row.op}` takes the padding at the end of the shorter rows in with the rest: what a row comes to depends on how long its "
        "neighbours are.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(
            "Weigh with the mask of the real tokens: `(states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)`."
        ),
    )


def _ahead(run: Run, row: Row, code: str, name: str) -> Finding:
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"`{row.op}` has no causal mask, and the loss asks at each position for the entry after it: it is shown what it is to foretell. The loss falls, and what is generated later is noise.",
        location=run.location(row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(_hide_ahead(row)),
    )


def _memory(run: Run, row: Row, code: str, name: str) -> Finding:
    memory = next(tensor for tensor in row.inputs if tensor.label == "memory")
    return Finding(
        code,
        name,
        Severity.WARNING,
        f"The encoder was told which of its positions are padding, and the {row.op} that looks at what came of them, "
        f"{format_shape(memory.last)}, is not: a row depends on how long its neighbours are.",
        location=run.location(row),
        operands=(run.tensor(memory),),
        fix=Fix(
            "Hand the same mask on: `memory_key_padding_mask=...`, as the encoder has it in `src_key_padding_mask`."
        ),
    )


def _prompt(run: Run, found: Unmasked, code: str, name: str) -> Finding:
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"`{found.attention.op}` hides what comes from other sequences, and not from this prompt of {found.keys.outputs[0].last[-2]} tokens, "
        "whose keys are kept for the steps after it: its states are those of tokens that looked ahead.",
        location=found.location,
        operands=(run.tensor(found.attention.inputs[0]),),
        fix=Fix("Hide what comes wherever there is more than one new token, with a cache and without one."),
    )


def _last_step(run: Run, row: Row, code: str, name: str) -> Finding:
    layer = run.row(row.inputs[0].origin)
    called = layer.op if layer is not None else "layer"
    return Finding(
        code,
        name,
        Severity.WARNING,
        f"The {called} is given rows that are padded at the end and not their lengths: the last step, which is read here, is that "
        "of padding for all but the longest row, and depends on how long the neighbours are.",
        location=run.location(layer if layer is not None and row.op == "unbind" else row),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(
            "Read each row at its own last step (`lengths - 1`), or pack the rows "
            "(`pack_padded_sequence(x, lengths, enforce_sorted=False)`)."
        ),
    )


def _mixed_in(run: Run, row: Row, code: str, name: str) -> Finding:
    """A layer of torch's own that lets positions look at each other, the padding among them."""
    transformer = row.op.startswith("Transformer")
    blank = next((made for t in row.inputs if "mask" in t.label and (made := hides_nothing(run, t)) is not None), None)
    return Finding(
        code,
        name,
        Severity.WARNING,
        f"The {row.op} is given rows that are padded at the end and "
        + (
            f"{'no mask of the padding' if blank is None else 'a mask that is true nowhere'}: every token looks at it."
            if transformer
            else "not their lengths: its backward direction begins in the padding."
        )
        + " What a row comes to depends on how long its neighbours are.",
        location=run.location(row if blank is None else blank),
        operands=(run.tensor(row.inputs[0]),),
        fix=Fix(
            "Tell it which positions are padding: `src_key_padding_mask=ids == pad_id`, (batch, length)."
            if transformer
            else "Pack the rows before it: `pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)`."
        ),
    )


def _hide_ahead(row: Row) -> str:
    if row.op == "scaled_dot_product_attention":
        return "Hide what comes after each position: `is_causal=True`."
    if row.op in ("softmax", "Softmax"):
        return (
            "Hide what comes after each position before the softmax: `ahead = torch.ones(n, n, dtype=torch.bool).triu(1)`, then "
            '`scores.masked_fill(ahead, float("-inf"))`.'
        )
    return (
        "Hide what comes after each position: `mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))`, given as "
        f"`{causal_mask(row)}=mask`."
    )
