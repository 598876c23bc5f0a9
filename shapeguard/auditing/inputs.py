"""The batch's part of an audit: prompts encoded as the tokenizer would, or inputs as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import torch

from shapeguard.capture.preflight.batch import Marks, batch_facts, marks_of, picture, without_marks
from shapeguard.errors import UsageError
from shapeguard.reference.loading import first_line
from shapeguard.values.pipeline import BatchFacts, BatchPicture, ModelFacts, Settings

Rows = list[list[int]]


class Given(NamedTuple):
    """What a generation is to be given."""

    batch: BatchFacts | None = None
    picture: BatchPicture | None = None
    cache: Any = None
    notes: tuple[str, ...] = ()


def given_inputs(inputs: Mapping[str, Any], tokenizer: Any, settings: Settings) -> Given:
    """Inputs as facts.

    Raises:
        UsageError: they are no mapping, or hold no token ids.
    """
    if not isinstance(inputs, Mapping) or ("input_ids" not in inputs and "inputs_embeds" not in inputs):
        raise UsageError(
            f"inputs: expected a mapping with input_ids, as a tokenizer gives it, got {type(inputs).__name__}"
        )
    cache = inputs.get("past_key_values")
    ids = _rows(inputs.get("input_ids"), "input_ids")
    if ids is None:
        return Given(cache=cache, notes=("inputs_embeds are given: nothing is said about token ids",))
    pads, shared = _pads(tokenizer, settings)
    given_mask = inputs.get("attention_mask")
    shape = tuple(getattr(given_mask, "shape", ()))
    mask = _rows(given_mask, "attention_mask") if len(shape) in (0, 2) else None
    marks = marks_of(ids, mask, pads, shared)
    batch = batch_facts(ids, mask, _rows(inputs.get("position_ids"), "position_ids"), marks, _start(tokenizer))
    if len(shape) not in (0, 2):
        batch = msgspec.structs.replace(batch, mask="?", mask_shape=shape)
    if (not pads and mask is None) or batch.mask == "?":
        batch = without_marks(batch)
    return Given(batch, picture(marks), cache)


def encoded(tokenizer: Any, prompts: Sequence[Any] | str, given: Given | None, model: ModelFacts) -> Given:
    """Prompts as the tokenizer makes a batch of them; beside inputs, their lengths alone.

    Raises:
        UsageError: there are no prompts, no tokenizer, or one of them cannot be encoded.
    """
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not texts:
        raise UsageError("prompts: expected one prompt or more, got none")
    if tokenizer is None:
        raise UsageError("prompts: expected a tokenizer to encode them with, got none")
    try:
        rows = _encode(tokenizer, texts)
    except Exception as error:
        raise UsageError(f"prompts: {type(tokenizer).__name__} cannot encode them ({first_line(error)})") from error
    lengths = tuple(map(len, rows))
    if given is not None and given.batch is not None:
        return given._replace(batch=_compared(given.batch, lengths))
    marks, mask, ids = _padded(tokenizer, rows)
    batch = batch_facts(ids, mask, None, marks, _start(tokenizer))
    # A tokenizer without a pad token makes no batch at all; padding.no_pad_token names that.
    return Given(
        msgspec.structs.replace(batch, asked=lengths, ragged=False), picture(marks), given.cache if given else None
    )


def _encode(tokenizer: Any, texts: list[Any]) -> Rows:
    if isinstance(texts[0], str):
        return [list(row) for row in tokenizer(texts, padding=False)["input_ids"]]
    made = (
        tokenizer.apply_chat_template(text, tokenize=True, add_generation_prompt=True, return_dict=True)
        for text in texts
    )
    return [list(one["input_ids"]) for one in made]


def _padded(tokenizer: Any, rows: Rows) -> tuple[Marks, Rows | None, Rows]:
    """Marks, mask and ids of the batch that ``tokenizer(prompts, padding=True)`` makes."""
    width = max(map(len, rows))
    pad = tokenizer.pad_token_id
    if pad is None or min(map(len, rows)) == width:
        return [["token"] * len(row) for row in rows], [[1] * len(row) for row in rows], rows
    left = tokenizer.padding_side == "left"

    def fill(row: list[int], value: int) -> list[int]:
        more = [value] * (width - len(row))
        return more + row if left else row + more

    ids = [fill(row, pad) for row in rows]
    mask = [fill([1] * len(row), 0) for row in rows]
    return [["token" if seen else "pad" for seen in row] for row in mask], mask, ids


def _compared(batch: BatchFacts, lengths: tuple[int, ...]) -> BatchFacts:
    """The batch beside the prompts it was made from: which of its rows were cut."""
    if len(lengths) != batch.rows:
        return msgspec.structs.replace(batch, asked=lengths)
    cut = sum(row < asked for row, asked in zip(batch.lengths, lengths, strict=False))
    return msgspec.structs.replace(batch, asked=lengths, cut=cut)


def _pads(tokenizer: Any, settings: Settings) -> tuple[set[int], set[int]]:
    """Ids that fill rows up, and those that are real tokens as well."""
    pads = {getattr(tokenizer, "pad_token_id", None), settings.pad_token_id}
    real = {getattr(tokenizer, "eos_token_id", None), getattr(tokenizer, "bos_token_id", None)}
    real |= {*settings.ends, settings.bos_token_id}
    return {pad for pad in pads if pad is not None}, {token for token in real if token is not None}


def _start(tokenizer: Any) -> int | None:
    """The token that begins a row, where it is not the one that fills rows up."""
    start: int | None = getattr(tokenizer, "bos_token_id", None)
    return start if start != getattr(tokenizer, "pad_token_id", None) else None


def _rows(value: Any, name: str) -> Rows | None:
    """Ids, mask or positions as rows of numbers.

    Raises:
        UsageError: they are neither a matrix nor nested lists.
    """
    if value is None:
        return None
    if isinstance(value, torch.Tensor) and value.device.type == "meta":
        raise UsageError(f"inputs: {name} is on the meta device and holds nothing")
    listed = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(listed, list) and listed and all(isinstance(row, list) for row in listed):
        return [[int(token) for token in row] for row in listed]
    if isinstance(listed, list) and listed and all(isinstance(token, int) for token in listed):
        return [listed]
    raise UsageError(f"inputs: expected {name} as (batch, seq) of integers, got {type(value).__name__}")
