"""Prompt conditioning with the text tower of a contrastive image-text model, one block at a time."""
import torch
from torch import nn


class ResidualBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, attn_mask=None):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=attn_mask)[0]
        return x + self.mlp(self.ln_2(x))


class TextTower(nn.Module):
    def __init__(self, vocab=120, width=32, heads=4, layers=3, context=16):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, width)
        self.positional_embedding = nn.Parameter(torch.randn(context, width) * 0.01)
        self.resblocks = nn.ModuleList(ResidualBlock(width, heads) for _ in range(layers))
        self.ln_final = nn.LayerNorm(width)
        mask = torch.full((context, context), float("-inf")).triu(1)
        self.register_buffer("attn_mask", mask, persistent=False)


class FrozenTextEmbedder(nn.Module):
    """Returns the states of the last or of the last but one layer."""

    LAYERS = ["last", "penultimate"]

    def __init__(self, tower, layer="penultimate", length=16):
        super().__init__()
        assert layer in self.LAYERS
        self.model, self.length = tower.eval(), length
        self.skip = self.LAYERS.index(layer)

    def tokenize(self, texts):
        ids = torch.zeros(len(texts), self.length, dtype=torch.long)
        for row, text in enumerate(texts):
            codes = [ord(c) % 120 for c in text][:self.length]
            ids[row, :len(codes)] = torch.tensor(codes)
        return ids

    def transform(self, x, attn_mask):
        for i, block in enumerate(self.model.resblocks):
            if i == len(self.model.resblocks) - self.skip:
                break
            x = block(x, attn_mask=attn_mask)
        return x

    @torch.no_grad()
    def forward(self, texts):
        x = self.model.token_embedding(self.tokenize(texts)) + self.model.positional_embedding
        x = self.transform(x, self.model.attn_mask)
        return self.model.ln_final(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    embedder = FrozenTextEmbedder(TextTower())
    states = embedder(["a red chair", "the same chair from behind", ""])
    print("conditioning", tuple(states.shape), "norm %.3f" % states.norm())
