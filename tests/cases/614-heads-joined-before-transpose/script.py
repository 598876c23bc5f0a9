"""Swap nn.MultiheadAttention for an attention made of plain linear layers, for per-sample gradients, and go on from the checkpoint."""
import torch
from torch import nn


class PlainMultiheadAttention(nn.Module):
    def __init__(self, embed_dim, num_heads, batch_first=False):
        super().__init__()
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        self.head_dim = embed_dim // num_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(embed_dim, embed_dim) for _ in range(4))

    def fold(self, x):
        if self.batch_first:
            x = x.transpose(0, 1)
        length, bsz, _ = x.shape
        return x.reshape(length, bsz * self.num_heads, self.head_dim).transpose(0, 1)

    def forward(self, query, key, value, need_weights=False):
        tgt_len, bsz = (query.size(1), query.size(0)) if self.batch_first else query.shape[:2]
        q = self.fold(self.q_proj(query)) * self.head_dim ** -0.5
        k, v = self.fold(self.k_proj(key)), self.fold(self.v_proj(value))
        weights = torch.bmm(q, k.transpose(1, 2)).softmax(-1)
        output = torch.bmm(weights, v)
        if self.batch_first:
            output = output.reshape(bsz, tgt_len, self.embed_dim)
        else:
            output = output.transpose(0, 1).reshape(tgt_len, bsz, self.embed_dim)
        return self.out_proj(output), weights if need_weights else None

    @classmethod
    def from_torch(cls, old):
        new = cls(old.embed_dim, old.num_heads, old.batch_first)
        parts = zip((new.q_proj, new.k_proj, new.v_proj), old.in_proj_weight.chunk(3), old.in_proj_bias.chunk(3))
        for layer, weight, bias in parts:
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(bias)
        new.out_proj.load_state_dict(old.out_proj.state_dict())
        return new


class Tagger(nn.Module):
    """Says for every digit whether it stands at least twice in the row."""

    def __init__(self, width=32, heads=4):
        super().__init__()
        self.embed = nn.Embedding(10, width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, digits):
        x = self.embed(digits)
        return self.head(x + self.attention(x, x, x, need_weights=False)[0])


def sample(n, generator, length=8):
    digits = torch.randint(0, 10, (n, length), generator=generator)
    return digits, ((digits[:, :, None] == digits[:, None]).sum(-1) > 1).long()


def train(model, steps, generator):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        digits, target = sample(64, generator)
        loss = nn.functional.cross_entropy(model(digits).flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model):
    digits, target = sample(500, torch.Generator().manual_seed(99))
    return (model(digits).argmax(-1) == target).float().mean().item()


def main():
    torch.manual_seed(0)
    model = Tagger()
    train(model, 250, torch.Generator().manual_seed(1))
    print(f"trained         {accuracy(model):.3f}")
    model.attention = PlainMultiheadAttention.from_torch(model.attention)
    print(f"plain attention {accuracy(model):.3f}")


if __name__ == "__main__":
    main()
