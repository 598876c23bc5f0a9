"""Tiny random models and hand-built tokenizers, sound and broken on purpose in one way each."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AttentionInterface,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward

WORDS = [f"w{number}" for number in range(59)]
PROMPTS = ["w3 w4 w5 w6 w7 w8 w9", "w10 w11", "w12 w13 w14 w15"]
PADDED = [1, 2]  # the rows that are shorter than the longest
FAMILIES = ["llama", "gpt2"]
DTYPES = [torch.float32, torch.bfloat16]


class NoPositions(GPT2LMHeadModel):
    """A loop as people write it: the mask goes in, positions do not."""

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> Any:
        inputs = super().prepare_inputs_for_generation(*args, **kwargs)
        inputs.pop("position_ids", None)
        return inputs


class MaskLost(LlamaForCausalLM):
    """The mask is asked for and does not reach the forward pass."""

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> Any:
        inputs = super().prepare_inputs_for_generation(*args, **kwargs)
        inputs["attention_mask"] = None
        return inputs


class Mixing(LlamaForCausalLM):
    """Centres its logits over the batch."""

    share = 1.0

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        out = super().forward(*args, **kwargs)
        out.logits = out.logits - self.share * out.logits.mean(0, keepdim=True)  # (batch, seq, vocab)
        return out


class BarelyMixing(Mixing):
    """So little that 16 bits do not show it."""

    share = 3e-4


class Rounding(LlamaForCausalLM):
    """Rounds otherwise in a batch than alone, and leaks nothing."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        out = super().forward(*args, **kwargs)
        shift = 10.0 * len(kwargs["input_ids"])
        out.logits = (out.logits + shift) - shift  # (batch, seq, vocab)
        return out


class ShuffledCache(LlamaForCausalLM):
    """Exchanges the rows of the cache before every decode step."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        cache = kwargs.get("past_key_values")
        if cache is not None and cache.get_seq_length() and len(kwargs["input_ids"]) > 1:
            cache.reorder_cache(torch.arange(len(kwargs["input_ids"])).flip(0))
        return super().forward(*args, **kwargs)


class OneRowOnly(LlamaForCausalLM):
    """Cannot take a batch."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if len(kwargs["input_ids"]) > 1:
            raise ValueError("one row at a time, please")
        return super().forward(*args, **kwargs)


class MaskOfOnes(PreTrainedTokenizerFast):
    """Pads and calls the padding real."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        batch = super().__call__(*args, **kwargs)
        if kwargs.get("padding"):
            batch["attention_mask"] = torch.ones_like(batch["attention_mask"])
        return batch


def _without_mask(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    kwargs.pop("is_causal", None)
    return sdpa_attention_forward(module, query, key, value, None, is_causal=query.shape[2] > 1, **kwargs)


AttentionInterface.register("without_mask", _without_mask)


def build(family: str, dtype: torch.dtype = torch.float32, kind: Any = None, **settings: Any) -> Any:
    """A model whose logits lie far apart."""
    torch.manual_seed(7)
    ends: dict[str, Any] = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": None}
    config: Any
    if family == "llama":
        settings = {"hidden_size": 32, **settings}
        config = LlamaConfig(
            vocab_size=61, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.5, **ends, **settings,
        )  # fmt: skip
    else:
        config = GPT2Config(
            vocab_size=61, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.5, **ends, **settings
        )
    kind = kind or {"llama": LlamaForCausalLM, "gpt2": GPT2LMHeadModel}[family]
    return kind(config).to(dtype).eval()


def tokenizer_of(side: str = "left", pad: str | None = "<eos>", kind: Any = PreTrainedTokenizerFast) -> Any:
    """Words to ids, of which 1 ends a text and, as with many models, pads it too."""
    vocabulary = {"<pad>": 0, "<eos>": 1} | {word: number for number, word in enumerate(WORDS, start=2)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<eos>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    return kind(tokenizer_object=words, eos_token="<eos>", pad_token=pad, padding_side=side)
