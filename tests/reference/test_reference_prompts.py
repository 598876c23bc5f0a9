"""Pad token, padding side, ids and mask."""

from __future__ import annotations

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import UsageError
from shapeguard.reference import encode, prepare
from shapeguard.reference.prompts import choose_pad_token

PROMPTS = ["The capital of France is", "one", "Monday Tuesday"]


def test_the_tokenizer_comes_as_llamas_does(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.pad_token is None
    assert tokenizer.padding_side == "right"
    assert tokenizer.eos_token == "<|end_of_text|>"
    assert tokenizer("one")["input_ids"][0] == tokenizer.bos_token_id


def test_prepare_takes_the_reserved_token(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    size = len(tokenizer)
    prepare(tokenizer, model)
    assert (tokenizer.padding_side, tokenizer.pad_token) == ("left", "<|finetune_right_pad_id|>")
    assert len(tokenizer) == size, "no token may be added: the model has no row for it"
    prepare(tokenizer, model)
    assert tokenizer.pad_token == "<|finetune_right_pad_id|>"


def test_a_pad_token_of_the_model_is_kept(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.pad_token = "."
    assert choose_pad_token(tokenizer, 640) == "."


def test_a_pad_token_without_a_row_in_the_model_is_replaced(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.add_special_tokens({"pad_token": "<my pad>"})
    assert choose_pad_token(tokenizer, 640) == "<|finetune_right_pad_id|>"


def test_eos_is_the_last_resort(tokenizer: PreTrainedTokenizerBase) -> None:
    assert choose_pad_token(tokenizer, rows=2) == tokenizer.eos_token
    with pytest.raises(UsageError, match="id below 1"):
        choose_pad_token(tokenizer, rows=1)


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
