import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, hidden_dim, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.qkv_dim = hidden_dim // num_heads
        self.qkv_proj = nn.Linear(hidden_dim, 3 * hidden_dim, bias=False)
        self.o_proj = nn.Linear(hidden_dim, hidden_dim, bias=False)

    def forward(self, x, future_mask):
        batch, length, hidden_dim = x.shape
        qkv = self.qkv_proj(x).reshape(batch, length, self.num_heads, 3 * self.qkv_dim)
        q, k, v = qkv.permute(0, 2, 1, 3).chunk(3, dim=-1)
        values = self.scaled_dot_product(q, k, v, future_mask)
        values = values.permute(0, 2, 1, 3).reshape(batch, length, hidden_dim)
        return self.o_proj(values)

    def scaled_dot_product(self, q, k, v, future_mask):
        logits = q @ k.transpose(-2, -1) / self.qkv_dim ** 0.5
        logits = logits.masked_fill(future_mask, float("-inf"))
        return logits.softmax(dim=-1) @ v


class Decoder(nn.Module):
    def __init__(self, vocab=24, hidden_dim=32, num_heads=4, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden_dim)
        self.layers = nn.ModuleList(MultiHeadAttention(hidden_dim, num_heads) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(layers))
        self.output = nn.Linear(hidden_dim, vocab)

    def forward(self, ids):
        length = ids.size(1)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        x = self.embed(ids)
        for attention, norm in zip(self.layers, self.norms):
            x = norm(x + attention(x, future))
        return self.output(x)


def copy_task(n, length=8, vocab=24):
    return torch.randint(3, vocab, (n, length), generator=torch.Generator().manual_seed(5))


def main():
    torch.manual_seed(0)
    model, ids = Decoder(), copy_task(16)
    optim = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(20):
        loss = nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optim.zero_grad()
        loss.backward()
        optim.step()
    model.eval()
    with torch.no_grad():
        changed = ids[:1].clone()
        changed[0, -1] = 3
        moved = (model(ids[:1]) - model(changed)).abs().amax(-1)[0]
    print("positions that notice another last token:", (moved > 1e-5).nonzero().flatten().tolist())


if __name__ == "__main__":
    main()
