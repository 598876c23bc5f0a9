"""The pad token: one that is there, or a new one together with its row in the embedding."""

from __future__ import annotations

import warnings

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shapeguard import reference
from shapeguard.errors import PadTokenWarning, UsageError
from shapeguard.reference import encode, generate, prepare
from shapeguard.reference.pad_token import choose_pad_token, embedding_rows

PROMPTS = ["The capital of France is", "one", "Monday Tuesday"]


@pytest.fixture
def own_model(demo_folder: str) -> PreTrainedModel:
    """A model of the test's own, because its embedding may be changed."""
    return reference.load(demo_folder)[0]


def test_the_reserved_token_is_taken(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    size = len(tokenizer)
    prepare(tokenizer, model)
    assert (tokenizer.padding_side, tokenizer.pad_token) == ("left", "<|finetune_right_pad_id|>")
    assert len(tokenizer) == size, "no token may be added where there is one"
    prepare(tokenizer, model)
    assert tokenizer.pad_token == "<|finetune_right_pad_id|>"


def test_no_model_is_needed_for_a_token_that_is_there(tokenizer: PreTrainedTokenizerBase) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(tokenizer)
    assert (tokenizer.padding_side, tokenizer.pad_token) == ("left", "<|finetune_right_pad_id|>")


def test_a_pad_token_of_the_model_is_kept(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.pad_token = "."
    assert choose_pad_token(tokenizer, 640) == choose_pad_token(tokenizer, None) == "."


def test_a_pad_token_without_a_row_in_the_model_is_replaced(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.add_special_tokens({"pad_token": "<my pad>"})
    assert choose_pad_token(tokenizer, 640) == "<|finetune_right_pad_id|>"


def test_eos_is_the_last_that_is_there(tokenizer: PreTrainedTokenizerBase) -> None:
    assert choose_pad_token(tokenizer, rows=2) == tokenizer.eos_token
    assert choose_pad_token(tokenizer, rows=1) is None


def test_a_new_token_gets_its_row(own_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = embedding_rows(own_model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PadTokenWarning)
        prepare(tokenizer, own_model, pad_token="<my pad>")
    assert tokenizer.pad_token_id == len(tokenizer) - 1 == rows
    assert embedding_rows(own_model) == rows + 1
    assert own_model.config.pad_token_id == tokenizer.pad_token_id
    answers = generate(own_model, tokenizer, PROMPTS, max_new_tokens=8)
    assert answers == [generate(own_model, tokenizer, [prompt], max_new_tokens=8)[0] for prompt in PROMPTS]
    assert answers[0].startswith(" Paris")


def test_an_embedding_with_rows_to_spare_stays_as_large(
    own_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    own_model.resize_token_embeddings(embedding_rows(own_model) + 60)
    rows = embedding_rows(own_model)
    prepare(tokenizer, own_model, pad_token="<my pad>")
    assert tokenizer.pad_token == "<my pad>"
    assert embedding_rows(own_model) == rows


def test_without_a_model_a_new_token_is_warned_of(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.warns(PadTokenWarning, match=r"'<my pad>' was added with id \d+, .*resize_token_embeddings") as caught:
        prepare(tokenizer, pad_token="<my pad>")
    assert caught[0].filename == __file__
    assert tokenizer.pad_token == "<my pad>"


def test_a_token_is_added_where_there_is_none(
    own_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shapeguard.reference.pad_token.RESERVED_FOR_PADDING", ())
    tokenizer.eos_token = None
    rows = embedding_rows(own_model)
    prepare(tokenizer, own_model)
    assert tokenizer.pad_token == "<|pad|>"
    assert tokenizer.pad_token_id == rows == embedding_rows(own_model) - 1


def test_eos_pads_with_a_mask_and_not_without(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    prepare(tokenizer, model, pad_token=tokenizer.eos_token)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    batch = encode(tokenizer, PROMPTS)
    answers = generate(model, tokenizer, batch, max_new_tokens=8)
    assert answers == generate(model, tokenizer, PROMPTS, max_new_tokens=8)
    assert answers[0].startswith(" Paris")
    with pytest.raises(UsageError, match="expected an attention mask, got none"):
        generate(model, tokenizer, {"input_ids": batch["input_ids"]}, max_new_tokens=8)


def test_a_pad_token_of_its_own_needs_no_mask(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    prepare(tokenizer, model)
    ids: torch.Tensor = encode(tokenizer, PROMPTS)["input_ids"]
    answers = generate(model, tokenizer, {"input_ids": ids}, max_new_tokens=8)
    assert answers == generate(model, tokenizer, PROMPTS, max_new_tokens=8)
