import torch
from torch import nn

PAD, BOS, EOS = 0, 1, 2


class Attention(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_kv = nn.Linear(dim, 2 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def split(self, t):
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, context=None, mask=None, context_mask=None, causal=False):
        source = x if context is None else context
        q = self.split(self.to_q(x))
        k, v = (self.split(t) for t in self.to_kv(source).chunk(2, dim=-1))
        dots = q @ k.transpose(-1, -2) * q.size(-1) ** -0.5

        input_mask = mask if context_mask is None else context_mask
        if input_mask is not None:
            dots = dots.masked_fill(~input_mask[:, None, None, :], float("-inf"))
        if causal:
            n, m = dots.shape[-2:]
            dots = dots.masked_fill(torch.ones(n, m, dtype=torch.bool).triu(1), float("-inf"))

        out = dots.softmax(dim=-1) @ v
        return self.to_out(out.transpose(1, 2).flatten(2))


class DecoderLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.self_attn, self.cross_attn = Attention(dim), Attention(dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x, context=None, **kwargs):
        x = x + self.self_attn(self.norms[0](x), mask=kwargs.get("mask"), causal=True)
        if context is not None:
            x = x + self.cross_attn(self.norms[1](x), context=context, **kwargs)
        return x + self.ff(self.norms[2](x))


class Captioner(nn.Module):
    def __init__(self, vocab=50, dim=32, depth=2):
        super().__init__()
        self.patches = nn.Conv2d(3, dim, 8, stride=8)
        self.tokens, self.positions = nn.Embedding(vocab, dim), nn.Embedding(32, dim)
        self.layers = nn.ModuleList(DecoderLayer(dim) for _ in range(depth))
        self.logits = nn.Linear(dim, vocab)

    def forward(self, ids, images=None):
        context = None if images is None else self.patches(images).flatten(2).transpose(1, 2)
        x = self.tokens(ids) + self.positions.weight[:ids.size(1)]
        for layer in self.layers:
            x = layer(x, context=context, mask=ids != PAD)
        return self.logits(x)


def captions(texts):
    rows = [torch.tensor([BOS, *(3 + ord(c) % 40 for c in t), EOS]) for t in texts]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


torch.manual_seed(0)
model = Captioner().eval()
ids = captions(["a dog", "two cats", "tea"])
with torch.no_grad():
    print("language model", tuple(model(ids).shape))
    print("captioner", tuple(model(ids, torch.rand(3, 3, 32, 32)).shape))
