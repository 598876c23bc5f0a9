from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F


@dataclass
class GPTConfig:
    block_size: int = 16
    vocab_size: int = 64
    n_layer: int = 2
    n_head: int = 2
    n_embd: int = 32


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.h = nn.ModuleList(
            nn.TransformerEncoderLayer(config.n_embd, config.n_head, 4 * config.n_embd, 0.0, batch_first=True,
                                       norm_first=True)
            for _ in range(config.n_layer)
        )
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx, targets):
        T = idx.size(1)
        x = self.wte(idx) + self.wpe(torch.arange(T))
        mask = nn.Transformer.generate_square_subsequent_mask(T)
        for block in self.h:
            x = block(x, src_mask=mask, is_causal=True)
        logits = self.lm_head(self.ln_f(x))
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


class DataLoaderLite:
    def __init__(self, tokens, B, T):
        self.tokens, self.B, self.T = tokens, B, T
        self.current_position = 0
        print(f"loaded {len(tokens)} tokens, {len(tokens) // (B * T)} batches per epoch")

    def next_batch(self):
        B, T = self.B, self.T
        buf = self.tokens[self.current_position:self.current_position + B * T + 1]
        x = buf[:-1].view(B, T)
        y = buf[1:].view(B, T)
        self.current_position += B * T
        if self.current_position >= len(self.tokens):
            self.current_position = 0
        return x, y


def encode(text):
    return torch.tensor([ord(c) % 64 for c in text])


torch.manual_seed(1337)
config = GPTConfig()
corpus = "First Citizen: Before we proceed any further, hear me speak. All: Speak, speak. " * 6
train_loader = DataLoaderLite(encode(corpus), B=4, T=config.block_size)
model = GPT(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
grad_accum_steps = 2

for step in range(5):
    optimizer.zero_grad()
    loss_accum = 0.0
    for micro_step in range(grad_accum_steps):
        x, y = train_loader.next_batch()
        logits, loss = model(x, y)
        (loss / grad_accum_steps).backward()
        loss_accum += loss.item() / grad_accum_steps
    optimizer.step()
    print(f"step {step} | loss: {loss_accum:.4f}")
