"""What ``model.generate`` does in a greedy batched run, as a loop one can see through.

The invariants, true before every call of the model:

* rows of the tokens = rows of the mask = rows of the cache,
* columns of the mask = tokens in the cache + new tokens,
* position of a token = number of real tokens before it = cumsum(mask) - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from transformers import Cache, DynamicCache, PreTrainedModel, StaticCache

from shapeguard.reference.prompts import mask_of


@torch.no_grad()
def decode_loop(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    *,
    max_new_tokens: int,
    eos_token_id: int | Sequence[int] | None,
    pad_token_id: int | None = None,
    stop_ids: Sequence[int] = (),
    cache: Literal["dynamic", "static"] = "dynamic",
) -> list[list[int]]:
    """The new tokens of every row, greedy, each row up to and with its end token.

    ``input_ids`` and ``attention_mask`` are (batch, prompt), padded on the left. A row that ends leaves the batch:
    tokens, mask and cache lose it together, and the rows that go on are computed without it. For decoders with
    a key-value cache whose forward takes ``attention_mask``, ``position_ids`` and ``past_key_values``.

    Raises:
        UsageError: there is no mask, and ``pad_token_id`` cannot tell either; see :func:`mask_of`.
    """
    ends = [eos_token_id] if isinstance(eos_token_id, int) else list(eos_token_id or ())
    ends += stop_ids
    end_tokens = torch.tensor(ends, dtype=input_ids.dtype, device=input_ids.device)  # (ends,)
    mask = mask_of(input_ids, attention_mask, pad_token_id=pad_token_id, end_ids=ends)  # (batch, prompt)
    past = new_cache(model, cache, length=input_ids.shape[1] + max_new_tokens)
    answers: list[list[int]] = [[] for _ in range(len(input_ids))]
    rows = list(range(len(input_ids)))  # rows[i]: whose continuation row i of the batch is
    tokens = input_ids  # prefill: the whole prompts at once, (batch, prompt)

    for _ in range(max_new_tokens):
        # (batch, past + seq) -> (batch, seq); padding would be -1, and what stands there does not count
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        logits = model(
            input_ids=tokens,  # (batch, prompt), later (batch, 1)
            attention_mask=mask,  # (batch, past + seq)
            position_ids=positions,  # (batch, seq)
            past_key_values=past,  # keys and values: (batch, kv_heads, past, head_dim), filled in place
            use_cache=True,
        ).logits  # (batch, seq, vocab)
        new = logits[:, -1].argmax(-1)  # (batch, seq, vocab) -> (batch, vocab) -> (batch,)
        for row, token in zip(rows, new.tolist(), strict=True):
            answers[row].append(token)

        going_on = torch.isin(new, end_tokens, invert=True)  # (batch,)
        if not going_on.any():
            break
        if not going_on.all():
            kept = going_on.nonzero().squeeze(-1)  # (batch,) -> (kept, 1) -> (kept,)
            rows = [rows[index] for index in kept.tolist()]
            new, mask = new[kept], mask[kept]  # (batch,) -> (kept,) and (batch, past) -> (kept, past)
            # (batch, kv_heads, past, head_dim) -> (kept, kv_heads, past, head_dim); made for beams, and right for
            # leaving rows out: static caches have no batch_select_indices
            past.reorder_cache(kept)  # type: ignore[arg-type]  # a LongTensor is a Tensor of this dtype

        tokens = new.unsqueeze(-1)  # (batch,) -> (batch, 1)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)  # (batch, past) -> (batch, past + 1)
    return answers


def new_cache(model: PreTrainedModel, kind: Literal["dynamic", "static"], length: int) -> Cache:
    """An empty cache: one that grows, or one that holds ``length`` tokens from its first update on.

    The config tells which layers keep a sliding window only: (batch, kv_heads, min(past, window), head_dim).
    """
    config = model.config.get_text_config(decoder=True)
    return StaticCache(config=config, max_cache_len=length) if kind == "static" else DynamicCache(config=config)
