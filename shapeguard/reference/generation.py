"""Batched ``model.generate`` with nothing left to defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.reference.prompts import encode


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 32,
    stop_ids: Sequence[int] = (),
) -> list[str]:
    """The greedy continuation of every prompt, without the prompt.

    A row ends at the model's end tokens or at one of ``stop_ids``. Call ``prepare(tokenizer, model)`` once before.
    """
    batch = encode(tokenizer, prompts).to(model.device)  # input_ids, attention_mask: (batch, prompt)
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,  # what is not said here is taken from the model's own generation_config.json
        temperature=1.0,
        top_p=1.0,
        use_cache=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[*end_ids(model, tokenizer), *stop_ids] or None,
    )
    causal_lm: Any = model  # the annotations of PreTrainedModel do not tell that this one can generate
    with torch.inference_mode():
        sequences = causal_lm.generate(  # (batch, prompt) -> (batch, prompt + new)
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], generation_config=config
        )
    answers = sequences[:, batch["input_ids"].shape[1] :]  # (batch, prompt + new) -> (batch, new)
    return list(tokenizer.batch_decode(answers, skip_special_tokens=True))


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The ids that end a text: those of the model's generation config, else the tokenizer's eos."""
    config = model.generation_config
    ids = config.eos_token_id if config is not None and config.eos_token_id is not None else tokenizer.eos_token_id
    if ids is None:
        return []
    return [ids] if isinstance(ids, int) else list(ids)
