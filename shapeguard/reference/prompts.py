"""From prompts of different lengths to one batch that a decoder-only model can continue.

A decoder continues the *last* column. With padding on the right that column is padding for every row but the longest,
so the padding goes to the left, and the mask says which columns are not part of a prompt.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import UsageError
from shapeguard.reference.pad_token import settle_pad_token


def prepare(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel | None = None, *, pad_token: str | None = None
) -> None:
    """Set the tokenizer's padding side and pad token for batched generation.

    The pad token is ``pad_token`` where it is given, else one that has a row in the embedding already: the tokenizer's
    own, one that is reserved for padding, eos. Only where there is none, or ``pad_token`` is new, a token is added; its
    id lies behind the last row of the embedding, so the model gets a row for it. Without ``model`` a
    :class:`~shapeguard.errors.PadTokenWarning` says that this is still to be done.

    With eos as the pad token only the mask tells padding from the end of a text, so the mask always has to be passed on.
    :func:`encode` makes it; :func:`mask_of` refuses to guess it.
    """
    tokenizer.padding_side = "left"
    settle_pad_token(tokenizer, model, pad_token)


def encode(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> BatchEncoding:
    """Prompts as ``input_ids`` and ``attention_mask``, both (batch, seq), padded on the left and not truncated.

    Raises:
        UsageError: there are no prompts, one of them has no token, or the tokenizer was not prepared.
    """
    if tokenizer.pad_token is None or tokenizer.padding_side != "left":
        raise UsageError(
            f"expected a tokenizer with a pad token and padding_side='left', got pad_token={tokenizer.pad_token!r} and "
            f"padding_side={tokenizer.padding_side!r}; call prepare(tokenizer) first"
        )
    if isinstance(prompts, str) or not prompts:
        raise UsageError(f"expected a list of at least one prompt, got {prompts!r:.60}")
    batch: BatchEncoding = tokenizer(
        list(prompts),  # batch texts -> (batch, seq), seq being the longest one's number of tokens
        padding=True,
        return_tensors="pt",
        return_attention_mask=True,
        return_token_type_ids=False,
    )
    lengths = batch["attention_mask"].sum(-1).tolist()  # (batch, seq) -> (batch,)
    if 0 in lengths:
        raise UsageError(f"prompt {lengths.index(0) + 1} of {len(lengths)} has no tokens; leave it out of the batch")
    return batch


def mask_of(
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    *,
    pad_token_id: int | None = None,
    end_ids: Collection[int] = (),
) -> torch.Tensor:
    """The mask of a left-padded batch, (batch, seq): the one given, else every token but the pad token.

    Raises:
        UsageError: no mask was given and the pad token cannot tell (there is none, or it also ends a text); the mask has
            another shape than the ids; a row does not end with a token of its own.
    """
    if attention_mask is None:
        if pad_token_id is None or pad_token_id in end_ids:
            what = "there is no pad token" if pad_token_id is None else f"the pad token {pad_token_id} also ends a text"
            raise UsageError(f"expected an attention mask, got none, and {what}: pass the tokenizer's attention_mask")
        attention_mask = (input_ids != pad_token_id).long()  # (batch, seq)
    if attention_mask.shape != input_ids.shape:
        raise UsageError(
            f"expected an attention mask of the ids' shape {tuple(input_ids.shape)}, got {tuple(attention_mask.shape)}"
        )
    short = (
        (attention_mask[:, -1] == 0).nonzero().flatten().tolist()
    )  # (batch, seq) -> (batch,) -> (rows, 1) -> (rows,)
    if short:
        raise UsageError(
            f"expected rows that are padded on the left, got row {short[0]} with padding at its end; "
            "call prepare(tokenizer) before the prompts are encoded"
        )
    return attention_mask
