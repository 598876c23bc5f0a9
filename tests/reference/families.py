"""Tiny random models of every family that the reference loop is held to, and a left-padded batch for them."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

PAD, VOCABULARY = 0, 61
_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.5,  # far-apart logits: no ties for rounding to decide
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": PAD,
}
_MIXED: dict[str, Any] = {
    "head_dim": 16,
    "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention"],
    "tie_word_embeddings": False,  # tied, a random model only says its last token again
}
_GPT2: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "initializer_range": 0.5,
    "bos_token_id": None,
    "eos_token_id": None,
}
_FAMILIES: dict[str, Any] = {
    "llama": (LlamaForCausalLM, LlamaConfig, _SIZES),
    "mistral": (MistralForCausalLM, MistralConfig, _SIZES | {"sliding_window": None}),
    "mistral-sliding": (MistralForCausalLM, MistralConfig, _SIZES | {"sliding_window": 5}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, _SIZES),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, _SIZES | {"head_dim": 16}),
    "gemma": (GemmaForCausalLM, GemmaConfig, _SIZES | {"head_dim": 16}),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig, _SIZES | _MIXED),
    "gpt2": (GPT2LMHeadModel, GPT2Config, _GPT2),  # a table of absolute positions
}
FAMILIES = list(_FAMILIES)


def build(family: str, attention: str = "sdpa") -> Any:
    """A tiny random model of one family."""
    model, config, sizes = _FAMILIES[family]
    torch.manual_seed(7)
    return model._from_config(config(**sizes), attn_implementation=attention).eval()


def left_padded() -> tuple[torch.Tensor, torch.Tensor]:
    """Four random prompts of 9, 4, 6 and 2 tokens: ids and mask, both (4, 9)."""
    ids = torch.randint(1, VOCABULARY, (4, 9), generator=torch.Generator().manual_seed(3))
    lengths = torch.tensor([9, 4, 6, 2])
    mask = (torch.arange(9) >= 9 - lengths[:, None]).long()  # (9,) against (4, 1) -> (4, 9)
    return ids.masked_fill(mask == 0, PAD), mask
