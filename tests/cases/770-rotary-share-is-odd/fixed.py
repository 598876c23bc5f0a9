import torch
from torch import nn


class Rotary(nn.Module):
    """Rotates the first `d` features of a head and leaves the others alone."""

    def __init__(self, d, base=10_000):
        super().__init__()
        self.d, self.base = d, base
        self.cos_cached = self.sin_cached = None

    def build(self, x):
        if self.cos_cached is not None and x.shape[0] <= self.cos_cached.shape[0]:
            return
        theta = 1.0 / (self.base ** (torch.arange(0, self.d, 2).float() / self.d))
        idx_theta = torch.einsum("n,d->nd", torch.arange(x.shape[0]).float(), theta)
        idx_theta = torch.cat([idx_theta, idx_theta], dim=1)
        self.cos_cached = idx_theta.cos()[:, None, None, :]
        self.sin_cached = idx_theta.sin()[:, None, None, :]

    def neg_half(self, x):
        half = self.d // 2
        return torch.cat([-x[..., half:], x[..., :half]], dim=-1)

    def forward(self, x):
        self.build(x)
        rope, rest = x[..., :self.d], x[..., self.d:]
        cos, sin = self.cos_cached[:x.shape[0]], self.sin_cached[:x.shape[0]]
        rope = rope * cos + self.neg_half(rope) * sin
        return torch.cat((rope, rest), dim=-1)


class RotaryAttention(nn.Module):
    def __init__(self, heads, d_model, rope_percentage=0.5):
        super().__init__()
        self.heads, self.d_k = heads, d_model // heads
        d_rope = int(self.d_k * rope_percentage) // 2 * 2
        self.query_rotary, self.key_rotary = Rotary(d_rope), Rotary(d_rope)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x):
        n, b, _ = x.shape
        q, k, v = self.qkv(x).view(n, b, 3, self.heads, self.d_k).unbind(2)
        scores = torch.einsum("ibhd,jbhd->ijbh", self.query_rotary(q), self.key_rotary(k)) * self.d_k ** -0.5
        future = torch.ones(n, n, dtype=torch.bool).triu(1)
        attn = scores.masked_fill(future[:, :, None, None], float("-inf")).softmax(dim=1)
        return self.output(torch.einsum("ijbh,jbhd->ibhd", attn, v).reshape(n, b, -1))


class CharModel(nn.Module):
    def __init__(self, vocab, d_model, heads, rope_percentage):
        super().__init__()
        self.embed = nn.Embedding(vocab, d_model)
        self.attn = RotaryAttention(heads, d_model, rope_percentage)
        self.generator = nn.Linear(d_model, vocab)

    def forward(self, ids):
        x = self.embed(ids)
        return self.generator(x + self.attn(x))


def sweep(settings):
    ids = torch.randint(0, 30, (16, 2), generator=torch.Generator().manual_seed(1))
    for d_model, heads, share in settings:
        torch.manual_seed(0)
        logits = CharModel(30, d_model, heads, share)(ids)
        loss = nn.functional.cross_entropy(logits[:-1].flatten(0, 1), ids[1:].flatten())
        print(f"width {d_model} heads {heads} share {share:.2f} loss {loss.item():.3f}")


if __name__ == "__main__":
    sweep([(64, 4, 0.5), (64, 4, 0.75), (48, 4, 0.5), (48, 4, 0.75)])
