"""Padding side, ids and mask."""

from __future__ import annotations

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import UsageError
from shapeguard.reference import encode, mask_of, prepare

PROMPTS = ["The capital of France is", "one", "Monday Tuesday"]


def test_the_tokenizer_comes_as_llamas_does(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.pad_token is None
    assert tokenizer.padding_side == "right"
    assert tokenizer.eos_token == "<|end_of_text|>"
    assert tokenizer("one")["input_ids"][0] == tokenizer.bos_token_id


def test_rows_are_padded_on_the_left_and_masked(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    prepare(tokenizer, model)
    batch = encode(tokenizer, PROMPTS)
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    for prompt, ids, mask in zip(PROMPTS, batch["input_ids"], batch["attention_mask"], strict=True):
        alone = tokenizer(prompt)["input_ids"]
        padding = len(ids) - len(alone)
        assert ids.tolist() == [tokenizer.pad_token_id] * padding + alone
        assert mask.tolist() == [0] * padding + [1] * len(alone)


def test_a_tokenizer_that_was_not_prepared_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(UsageError, match="call prepare"):
        encode(tokenizer, PROMPTS)
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(UsageError, match="padding_side='right'"):
        encode(tokenizer, PROMPTS)


@pytest.mark.parametrize("prompts", [[], "one prompt"])
def test_what_is_no_list_of_prompts_is_refused(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[str]
) -> None:
    prepare(tokenizer, model)
    with pytest.raises(UsageError, match="at least one prompt"):
        encode(tokenizer, prompts)


def test_a_prompt_without_tokens_is_named(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    prepare(tokenizer, model)
    backend = tokenizer.backend_tokenizer
    backend.post_processor = TemplateProcessing(single="$A", special_tokens=[])  # no bos in front
    with pytest.raises(UsageError, match="prompt 2 of 3"):
        encode(tokenizer, ["one", "", "two"])


def test_a_mask_is_taken_as_it_is_given() -> None:
    ids, mask = torch.tensor([[9, 5], [6, 7]]), torch.tensor([[0, 1], [1, 1]])
    assert mask_of(ids, mask, pad_token_id=9, end_ids=[9]) is mask, "eos may pad where the mask says so"


def test_a_mask_is_made_only_of_a_pad_token_that_is_no_end() -> None:
    ids = torch.tensor([[9, 5], [6, 7]])
    assert mask_of(ids, pad_token_id=9, end_ids=[2]).tolist() == [[0, 1], [1, 1]]
    with pytest.raises(UsageError, match="the pad token 9 also ends a text"):
        mask_of(ids, pad_token_id=9, end_ids=[2, 9])
    with pytest.raises(UsageError, match="there is no pad token"):
        mask_of(ids)


def test_a_mask_that_does_not_fit_is_refused() -> None:
    ids = torch.tensor([[5, 9], [6, 7]])
    with pytest.raises(UsageError, match=r"shape \(2, 2\), got \(2, 3\)"):
        mask_of(ids, torch.ones(2, 3))
    with pytest.raises(UsageError, match="got row 0 with padding at its end"):
        mask_of(ids, pad_token_id=9)
