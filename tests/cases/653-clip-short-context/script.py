"""Embed image captions with a small CLIP text tower and look for near duplicates."""
import re
from dataclasses import dataclass

import torch
from torch import nn

SOT, EOT = 1, 2


@dataclass
class TextConfig:
    vocab_size: int = 200
    context_length: int = 77
    width: int = 32
    heads: int = 4
    layers: int = 2
    embed_dim: int = 24


class Block(nn.Module):
    def __init__(self, width, heads, mask):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=self.mask)[0]
        return x + self.mlp(self.ln_2(x))


class TextTower(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.token_embedding = nn.Embedding(cfg.vocab_size, cfg.width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(cfg.context_length, cfg.width))
        mask = torch.full((cfg.context_length, cfg.context_length), float("-inf")).triu(1)
        self.blocks = nn.ModuleList(Block(cfg.width, cfg.heads, mask) for _ in range(cfg.layers))
        self.ln_final = nn.LayerNorm(cfg.width)
        self.text_projection = nn.Parameter(cfg.width ** -0.5 * torch.randn(cfg.width, cfg.embed_dim))

    def encode_text(self, text):
        x = self.token_embedding(text)
        x = x + self.positional_embedding
        for block in self.blocks:
            x = block(x)
        x = self.ln_final(x)
        return x[torch.arange(len(x)), (text == EOT).int().argmax(-1)] @ self.text_projection


def tokenize(texts, context_length=77, truncate=False):
    result = torch.zeros(len(texts), context_length, dtype=torch.long)
    for row, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        ids = [SOT] + [3 + sum(map(ord, word)) % 197 for word in words] + [EOT]
        if len(ids) > context_length:
            if not truncate:
                raise RuntimeError(f"Input {text!r} is too long for context length {context_length}")
            ids = ids[:context_length - 1] + [EOT]
        result[row, :len(ids)] = torch.tensor(ids)
    return result


@torch.no_grad()
def caption_embeddings(captions, model, batch_size=32):
    parts = []
    for start in range(0, len(captions), batch_size):
        tokens = tokenize(captions[start:start + batch_size], context_length=56, truncate=True)
        parts.append(model.encode_text(tokens))
    return torch.cat(parts)


def main():
    torch.manual_seed(0)
    model = TextTower(TextConfig()).eval()
    captions = ["a dog runs on the beach", "two people ride bikes", "a dog is running on a beach", "a bowl of fruit"]
    emb = nn.functional.normalize(caption_embeddings(captions, model, batch_size=2), dim=-1)
    print("embedded", tuple(emb.shape))
    scores = emb @ emb.T - 2 * torch.eye(len(captions))
    print("nearest:", scores.argmax(-1).tolist())


if __name__ == "__main__":
    main()
