"""Batched ``model.generate`` with nothing left to defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.reference.prompts import encode, mask_of


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str] | Mapping[str, torch.Tensor],
    *,
    max_new_tokens: int = 32,
    stop_ids: Sequence[int] = (),
    cache: Literal["dynamic", "static"] = "dynamic",
) -> list[str]:
    """The greedy continuation of every prompt, without the prompt.

    A row ends at the model's end tokens or at one of ``stop_ids``. Call ``prepare(tokenizer, model)`` once before.
    ``prompts`` may be encoded already, as ``input_ids`` and ``attention_mask``, both (batch, prompt).

    Raises:
        UsageError: see :func:`encode`; of a batch without a mask, :func:`mask_of`.
    """
    ends = [*end_ids(model, tokenizer), *stop_ids]
    batch = prompts if isinstance(prompts, Mapping) else encode(tokenizer, prompts)
    ids = batch["input_ids"].to(model.device)  # (batch, prompt)
    mask = mask_of(ids, _on(ids, batch.get("attention_mask")), pad_token_id=tokenizer.pad_token_id, end_ids=ends)
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,  # what is not said here is taken from the model's own generation_config.json
        temperature=1.0,
        top_p=1.0,
        use_cache=True,
        cache_implementation=cache,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=ends or None,
    )
    causal_lm: Any = model  # the annotations of PreTrainedModel do not tell that this one can generate
    with torch.inference_mode():
        sequences = causal_lm.generate(  # (batch, prompt) -> (batch, prompt + new)
            input_ids=ids, attention_mask=mask, generation_config=config
        )
    answers = sequences[:, ids.shape[1] :]  # (batch, prompt + new) -> (batch, new)
    return list(tokenizer.batch_decode(answers, skip_special_tokens=True))


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The ids that end a text: those of the model's generation config, else the tokenizer's eos."""
    config = model.generation_config
    ids = config.eos_token_id if config is not None and config.eos_token_id is not None else tokenizer.eos_token_id
    if ids is None:
        return []
    return [ids] if isinstance(ids, int) else list(ids)


def _on(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
    return None if mask is None else mask.to(ids.device)
