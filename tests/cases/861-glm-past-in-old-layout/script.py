"""Dry runs of decoders with a filled cache, as done before a model goes to the converter."""
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, DynamicCache, GlmConfig, LlamaConfig

TINY = dict(
    vocab_size=90, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)


@dataclass
class DummyPastGenerator:
    layers: int
    groups: int
    head_dim: int
    standard_layout: bool
    batch_size: int = 3
    past_length: int = 6

    @classmethod
    def from_config(cls, config):
        return cls(
            layers=config.num_hidden_layers,
            groups=config.num_key_value_heads,
            head_dim=config.head_dim,
            standard_layout="glm" not in config.model_type,
        )

    def shape(self):
        if self.standard_layout:
            return self.batch_size, self.groups, self.past_length, self.head_dim
        return self.past_length, self.batch_size, self.groups, self.head_dim

    def generate(self):
        size = self.shape()
        return DynamicCache([(torch.randn(size), torch.randn(size)) for _ in range(self.layers)])


class DryRun:
    def __init__(self, config):
        torch.manual_seed(1)
        self.model = AutoModelForCausalLM.from_config(config).eval()
        self.dummy = DummyPastGenerator.from_config(config)

    def inputs(self):
        rows = self.dummy.batch_size
        return {"input_ids": torch.randint(3, 90, (rows, 1)), "past_key_values": self.dummy.generate()}

    @torch.no_grad()
    def check(self):
        return tuple(self.model(**self.inputs()).logits.shape)


if __name__ == "__main__":
    for config in (LlamaConfig(**TINY), GlmConfig(**TINY)):
        print(f"{config.model_type:<6} logits {DryRun(config).check()}")
