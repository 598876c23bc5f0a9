"""From prompts of different lengths to one batch that a decoder-only model can continue.

A decoder continues the *last* column. With padding on the right that column is padding for every row but the longest,
so the padding goes to the left, and the mask says which columns are not part of a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import nn
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import UsageError

# Tokens that model makers reserve for padding without always naming them as the tokenizer's pad token.
RESERVED_FOR_PADDING = ("<|finetune_right_pad_id|>", "<|pad|>", "<pad>", "[PAD]", "<|padding|>", "<PAD>")


def prepare(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
    """Set the tokenizer's padding side and pad token for batched generation with this model.

    The pad token is one that the model has a row for: the tokenizer's own, else one that is reserved for padding, else
    eos. A pad token added here would have an id behind the last row of the embedding. With eos as the pad token only
    the mask tells padding from the end of a text, so the mask always has to be passed on.

    Raises:
        UsageError: the tokenizer has neither a pad token, nor a reserved one, nor an eos token within the vocabulary.
    """
    tokenizer.padding_side = "left"
    embedding = cast(nn.Embedding, model.get_input_embeddings())  # weight: (vocabulary, hidden)
    tokenizer.pad_token = choose_pad_token(tokenizer, embedding.weight.shape[0])


def choose_pad_token(tokenizer: PreTrainedTokenizerBase, rows: int) -> str:
    """The best pad token among those whose id is below ``rows``, the rows of the model's embedding."""
    vocabulary = tokenizer.get_vocab()
    own = [tokenizer.pad_token] if tokenizer.pad_token != tokenizer.eos_token else []
    for token in (*own, *RESERVED_FOR_PADDING, tokenizer.eos_token):
        if token is not None and vocabulary.get(token, rows) < rows:
            return str(token)
    raise UsageError(
        f"{tokenizer.name_or_path or 'the tokenizer'}: expected a pad, reserved or eos token with an id below {rows} "
        f"(the rows of the model's embedding), found none; set tokenizer.pad_token to a token of the model"
    )


def encode(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> BatchEncoding:
    """Prompts as ``input_ids`` and ``attention_mask``, both (batch, seq), padded on the left and not truncated.

    Raises:
        UsageError: there are no prompts, one of them has no token, or the tokenizer was not prepared.
    """
    if tokenizer.pad_token is None or tokenizer.padding_side != "left":
        raise UsageError(
            f"expected a tokenizer with a pad token and padding_side='left', got pad_token={tokenizer.pad_token!r} and "
            f"padding_side={tokenizer.padding_side!r}; call prepare(tokenizer, model) first"
        )
    if isinstance(prompts, str) or not prompts:
        raise UsageError(f"expected a list of at least one prompt, got {prompts!r:.60}")
    batch: BatchEncoding = tokenizer(list(prompts), padding=True, return_tensors="pt", return_token_type_ids=False)
    lengths = batch["attention_mask"].sum(-1).tolist()  # (batch, seq) -> (batch,)
    if 0 in lengths:
        raise UsageError(f"prompt {lengths.index(0) + 1} of {len(lengths)} has no tokens; leave it out of the batch")
    return batch
