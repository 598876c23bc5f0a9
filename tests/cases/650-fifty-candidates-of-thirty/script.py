"""Sampling from a toy transformer that reads sums modulo a small prime."""
from dataclasses import dataclass, replace
from typing import Optional

import torch
from torch import nn

PRIME = 29
EQUALS = PRIME


@dataclass
class SamplingOptions:
    max_new_tokens: int = 6
    temperature: float = 1.0
    top_k: Optional[int] = 50
    top_p: Optional[float] = None
    do_sample: bool = True


class ToyTransformer(nn.Module):
    def __init__(self, d_vocab=PRIME + 1, d_model=32, n_ctx=24):
        super().__init__()
        self.embed = nn.Embedding(d_vocab, d_model)
        self.pos = nn.Parameter(0.02 * torch.randn(n_ctx, d_model))
        layer = nn.TransformerEncoderLayer(d_model, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.unembed = nn.Linear(d_model, d_vocab)

    def forward(self, tokens):
        length = tokens.size(1)
        causal = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.blocks(self.embed(tokens) + self.pos[:length], mask=causal, is_causal=True)
        return self.unembed(x)


def keep_nucleus(logits, top_p):
    ordered, order = logits.sort(dim=-1, descending=True)
    probs = ordered.softmax(-1)
    drop = probs.cumsum(-1) - probs > top_p
    return logits.masked_fill(drop.scatter(-1, order, drop), -torch.inf)


def sample_logits(logits, options):
    if not options.do_sample or options.temperature == 0.0:
        return logits.argmax(-1)
    logits = logits / options.temperature
    if options.top_k is not None:
        assert options.top_k > 0, "top_k has to be greater than 0"
        best, _ = logits.topk(options.top_k, dim=-1)
        logits = logits.masked_fill(logits < best[..., -1:], -torch.inf)
    if options.top_p is not None:
        logits = keep_nucleus(logits, options.top_p)
    return torch.distributions.Categorical(logits=logits).sample()


@torch.no_grad()
def generate(model, tokens, options):
    for _ in range(options.max_new_tokens):
        picked = sample_logits(model(tokens)[:, -1], options)
        tokens = torch.cat([tokens, picked.unsqueeze(1)], dim=1)
    return tokens


def train(model, steps=30):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        pair = torch.randint(PRIME, (64, 2))
        tokens = torch.cat([pair, torch.full((64, 1), EQUALS)], dim=1)
        loss = nn.functional.cross_entropy(model(tokens)[:, -1], pair.sum(1) % PRIME)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def main():
    torch.manual_seed(0)
    model = ToyTransformer()
    print(f"loss {train(model):.3f}")
    model.eval()
    prompts = torch.tensor([[3, 11, EQUALS], [20, 20, EQUALS]])
    usual = SamplingOptions()
    for name, options in (
        ("greedy", replace(usual, do_sample=False)),
        ("narrow", replace(usual, top_k=5)),
        ("nucleus", replace(usual, top_k=None, top_p=0.9)),
        ("usual", usual),
    ):
        print(f"{name:8}", generate(model, prompts, options)[:, 3:].tolist())


if __name__ == "__main__":
    main()
