"""The loop by hand does what ``model.generate`` does, token for token, for every family tried."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from shapeguard.reference import decode_loop

PAD, NEW = 0, 12
SIZES: dict[str, Any] = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.5,  # far-apart logits: no ties for rounding to decide
    "bos_token_id": None,
    "eos_token_id": None,
}


def build(family: str) -> Any:
    """A tiny random model of one family."""
    torch.manual_seed(7)
    match family:
        case "llama":
            return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()  # type: ignore[no-untyped-call]
        case "mistral":
            return MistralForCausalLM(MistralConfig(**SIZES, sliding_window=None)).eval()  # type: ignore[no-untyped-call]
        case "mistral-sliding":
            return MistralForCausalLM(MistralConfig(**SIZES, sliding_window=5)).eval()  # type: ignore[no-untyped-call]
        case "qwen2":
            return Qwen2ForCausalLM(Qwen2Config(**SIZES)).eval()  # type: ignore[no-untyped-call]
        case _:
            sizes: dict[str, Any] = {
                "n_embd": 32,
                "n_layer": 2,
                "n_head": 4,
                "n_positions": 64,
                "initializer_range": 0.5,
            }
            ends: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None}
            return GPT2LMHeadModel(GPT2Config(vocab_size=61, **sizes, **ends)).eval()  # type: ignore[no-untyped-call]


def left_padded() -> tuple[torch.Tensor, torch.Tensor]:
    """Four random prompts of 9, 4, 6 and 2 tokens: ids and mask, both (4, 9)."""
    ids = torch.randint(1, 61, (4, 9), generator=torch.Generator().manual_seed(3))
    lengths = torch.tensor([9, 4, 6, 2])
    mask = (torch.arange(9) >= 9 - lengths[:, None]).long()  # (9,) against (4, 1) -> (4, 9)
    return ids.masked_fill(mask == 0, PAD), mask


def by_generate(model: Any, ids: torch.Tensor, mask: torch.Tensor, ends: list[int]) -> list[list[int]]:
    """The new tokens of ``model.generate``, each row cut behind its end token."""
    sequences = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=NEW,
        do_sample=False,
        pad_token_id=PAD,
        eos_token_id=ends or None,
    )
    rows = sequences[:, ids.shape[1] :].tolist()
    cuts = [next((i + 1 for i, token in enumerate(row) if token in ends), len(row)) for row in rows]
    return [row[:cut] for row, cut in zip(rows, cuts, strict=True)]


FAMILIES = ["llama", "mistral", "mistral-sliding", "qwen2", "gpt2"]


@pytest.mark.parametrize("family", FAMILIES)
def test_without_ends_it_equals_generate(family: str) -> None:
    model, (ids, mask) = build(family), left_padded()
    loop = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None)
    assert [len(row) for row in loop] == [NEW] * 4
    assert loop == by_generate(model, ids, mask, [])


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_that_end_early_change_nothing_for_the_others(family: str) -> None:
    model, (ids, mask) = build(family), left_padded()
    free = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None)
    eos, stop = free[1][2], free[3][5]
    loop = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=eos, stop_ids=[stop])
    assert loop == by_generate(model, ids, mask, [eos, stop])
    assert len({len(row) for row in loop}) > 1, "the rows were to end at different steps"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_of_the_batch_equals_the_row_alone(family: str) -> None:
    model, (ids, mask) = build(family), left_padded()
    together = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None)
    for row, tokens in enumerate(together):
        alone = ids[row][mask[row] == 1][None]  # (seq,) -> (length,) -> (1, length)
        expected = decode_loop(model, alone, torch.ones_like(alone), max_new_tokens=NEW, eos_token_id=None)
        assert [tokens] == expected


def test_tokens_mask_positions_and_cache_lose_a_row_together() -> None:
    model, (ids, mask) = build("llama"), left_padded()
    eos = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None)[1][2]
    seen: list[tuple[int, ...]] = []

    def look(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        cache = kwargs["past_key_values"]
        past = cache.get_seq_length()
        rows = len(cache.layers[0].keys) if past else len(kwargs["input_ids"])
        seen.append((len(kwargs["input_ids"]), len(kwargs["attention_mask"]), len(kwargs["position_ids"]), rows))
        assert kwargs["attention_mask"].shape[1] == past + kwargs["input_ids"].shape[1]
        assert torch.equal(kwargs["position_ids"][:, -1], kwargs["attention_mask"].sum(-1) - 1)

    model.register_forward_pre_hook(look, with_kwargs=True)
    decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=eos)
    assert all(len(set(rows)) == 1 for rows in seen)
    assert seen[0][0] == 4
    assert seen[-1][0] < 4


def test_it_stops_when_all_rows_have_ended() -> None:
    model, (ids, mask) = build("llama"), left_padded()
    first = {row[0] for row in decode_loop(model, ids, mask, max_new_tokens=1, eos_token_id=None)}
    assert decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=sorted(first)) == by_generate(
        model, ids, mask, sorted(first)
    )
