"""What ``model.generate`` does in a greedy batched run, as a loop one can see through.

The invariants, true before every call of the model:

* rows of the tokens = rows of the mask = rows of the cache,
* columns of the mask = tokens in the cache + new tokens,
* position of a token = number of real tokens before it = cumsum(mask) - 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import DynamicCache, PreTrainedModel


@torch.no_grad()
def decode_loop(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    *,
    max_new_tokens: int,
    eos_token_id: int | Sequence[int] | None,
    stop_ids: Sequence[int] = (),
) -> list[list[int]]:
    """The new tokens of every row, greedy, each row up to and with its end token.

    ``input_ids`` and ``attention_mask`` are (batch, prompt), padded on the left. A row that ends leaves the batch:
    tokens, mask and cache lose it together, and the rows that go on are computed without it. For decoders with
    a key-value cache whose forward takes ``attention_mask``, ``position_ids`` and ``past_key_values``.
    """
    ends = [eos_token_id] if isinstance(eos_token_id, int) else list(eos_token_id or ())
    end_tokens = torch.tensor([*ends, *stop_ids], dtype=input_ids.dtype, device=input_ids.device)
    cache = DynamicCache(config=model.config)
    answers: list[list[int]] = [[] for _ in range(len(input_ids))]
    rows = list(range(len(input_ids)))  # rows[i]: whose continuation row i of the batch is
    tokens, mask = input_ids, attention_mask  # prefill: the whole prompts at once, (batch, prompt) both

    for _ in range(max_new_tokens):
        # (batch, past + seq) -> (batch, seq); padding would be -1, and what stands there does not count
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        logits = model(
            input_ids=tokens,  # (batch, prompt), later (batch, 1)
            attention_mask=mask,  # (batch, past + seq)
            position_ids=positions,
            past_key_values=cache,  # keys and values: (batch, kv_heads, past, head_dim), grown in place
            use_cache=True,
        ).logits
        new = logits[:, -1].argmax(-1)  # (batch, seq, vocab) -> (batch,)
        for row, token in zip(rows, new.tolist(), strict=True):
            answers[row].append(token)

        going_on = torch.isin(new, end_tokens, invert=True)  # (batch,)
        if not going_on.any():
            break
        if not going_on.all():
            kept = going_on.nonzero().squeeze(-1)  # (batch,) -> (kept, 1) -> (kept,)
            rows = [rows[index] for index in kept.tolist()]
            new, mask = new[kept], mask[kept]  # (batch,) -> (kept,) and (batch, past) -> (kept, past)
            cache.batch_select_indices(kept)  # (batch, kv_heads, past, head_dim) -> (kept, kv_heads, past, head_dim)

        tokens = new.unsqueeze(-1)  # (batch,) -> (batch, 1)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)  # (batch, past) -> (batch, past + 1)
    return answers
