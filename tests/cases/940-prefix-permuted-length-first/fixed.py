"""Prefix tuning: a small encoder produces keys and values for every layer of a frozen language model."""
from dataclasses import dataclass

import torch
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM


@dataclass
class PrefixConfig:
    num_virtual_tokens: int = 6
    encoder_hidden_size: int = 24
    num_layers: int = 2
    num_heads: int = 4
    token_dim: int = 32


class PrefixEncoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embedding = nn.Embedding(cfg.num_virtual_tokens, cfg.token_dim)
        self.transform = nn.Sequential(
            nn.Linear(cfg.token_dim, cfg.encoder_hidden_size), nn.Tanh(),
            nn.Linear(cfg.encoder_hidden_size, cfg.num_layers * 2 * cfg.token_dim),
        )

    def forward(self, prefix):
        return self.transform(self.embedding(prefix))


class PrefixModel(nn.Module):
    def __init__(self, base, cfg):
        super().__init__()
        self.base, self.cfg = base.requires_grad_(False), cfg
        self.prompt_encoder = PrefixEncoder(cfg)
        self.register_buffer("prompt_tokens", torch.arange(cfg.num_virtual_tokens))

    def get_prompt(self, batch_size):
        cfg = self.cfg
        past = self.prompt_encoder(self.prompt_tokens.unsqueeze(0).expand(batch_size, -1))
        past = past.view(
            batch_size, cfg.num_virtual_tokens, cfg.num_layers * 2, cfg.num_heads, cfg.token_dim // cfg.num_heads
        )
        past = past.permute([2, 0, 3, 1, 4]).split(2)
        return DynamicCache([(layer[0], layer[1]) for layer in past])

    def forward(self, input_ids, attention_mask, labels):
        rows = input_ids.size(0)
        prefix_mask = attention_mask.new_ones(rows, self.cfg.num_virtual_tokens)
        mask = torch.cat([prefix_mask, attention_mask], dim=1)
        return self.base(
            input_ids=input_ids, attention_mask=mask, labels=labels, past_key_values=self.get_prompt(rows)
        )


def main():
    torch.manual_seed(0)
    cfg = PrefixConfig()
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=80, hidden_size=cfg.token_dim, intermediate_size=64, num_hidden_layers=cfg.num_layers,
        num_attention_heads=cfg.num_heads, num_key_value_heads=cfg.num_heads, max_position_embeddings=64,
    ))
    model = PrefixModel(base, cfg)
    optimizer = torch.optim.AdamW(model.prompt_encoder.parameters(), lr=1e-2)
    for step in range(3):
        ids = torch.randint(0, 80, (3, 10))
        loss = model(ids, torch.ones_like(ids), ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
