"""A pad token that the model has a row for: one that is there already, else a new one together with its row."""

from __future__ import annotations

import warnings
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import PadTokenWarning

# Tokens that model makers reserve for padding without always naming them as the tokenizer's pad token.
RESERVED_FOR_PADDING = ("<|finetune_right_pad_id|>", "<|pad|>", "<pad>", "[PAD]", "<|padding|>", "<PAD>")
NEW_PAD_TOKEN = "<|pad|>"


def settle_pad_token(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel | None, wanted: str | None) -> None:
    """Set the pad token to the wanted one, else to the best there is, else to a new one; the model gets a row for it."""
    token = wanted or choose_pad_token(tokenizer, None if model is None else embedding_rows(model))
    token = token or tokenizer.pad_token or NEW_PAD_TOKEN
    added = token not in tokenizer.get_vocab()
    if added:
        tokenizer.add_special_tokens({"pad_token": token})
    else:
        tokenizer.pad_token = token
    if model is not None:
        _give_a_row(model, tokenizer)
    elif added:
        warnings.warn(
            PadTokenWarning(
                f"{token!r} was added with id {tokenizer.pad_token_id}, for which the model may have no row: call "
                "prepare(tokenizer, model), or model.resize_token_embeddings(len(tokenizer)) yourself"
            ),
            stacklevel=3,
        )


def choose_pad_token(tokenizer: PreTrainedTokenizerBase, rows: int | None) -> str | None:
    """The best pad token of the vocabulary, with an id below ``rows`` where they are known; None where there is none."""
    vocabulary = tokenizer.get_vocab()
    own = [tokenizer.pad_token] if tokenizer.pad_token != tokenizer.eos_token else []
    for token in (*own, *RESERVED_FOR_PADDING, tokenizer.eos_token):
        if token in vocabulary and (rows is None or vocabulary[token] < rows):
            return str(token)
    return None


def embedding_rows(model: PreTrainedModel) -> int:
    """How many ids the model has a row for; often more than its tokenizer has tokens."""
    embedding: Any = model.get_input_embeddings()
    return int(embedding.weight.shape[0])  # (vocabulary, hidden)


def _give_a_row(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Make the embedding larger where the pad token's id lies behind it, and never smaller."""
    pad: Any = tokenizer.pad_token_id
    if pad < embedding_rows(model):
        return
    model.resize_token_embeddings(max(pad + 1, len(tokenizer)))  # (vocabulary, hidden) -> (vocabulary + new, hidden)
    model.config.pad_token_id = pad
    if model.generation_config is not None:
        model.generation_config.pad_token_id = pad
