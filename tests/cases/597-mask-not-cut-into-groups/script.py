import torch
import torch.nn.functional as F
from torch import nn


class OffsetScale(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(heads, dim) * 0.02)
        self.beta = nn.Parameter(torch.zeros(heads, dim))

    def forward(self, x):
        return (x.unsqueeze(-2) * self.gamma + self.beta).unbind(-2)


class MixedChunkAttention(nn.Module):
    """Quadratic attention inside groups plus linear attention across them."""

    def __init__(self, dim, group_size=8, key_dim=16):
        super().__init__()
        self.group_size = group_size
        self.norm = nn.LayerNorm(dim)
        self.to_hidden = nn.Sequential(nn.Linear(dim, 4 * dim), nn.SiLU())
        self.to_qk = nn.Sequential(nn.Linear(dim, key_dim), nn.SiLU())
        self.heads = OffsetScale(key_dim, 4)
        self.to_out = nn.Linear(2 * dim, dim)

    def forward(self, x, mask=None):
        b, n, _ = x.shape
        g = self.group_size
        normed = self.norm(x)
        v, gate = self.to_hidden(normed).chunk(2, dim=-1)
        quad_q, lin_q, quad_k, lin_k = self.heads(self.to_qk(normed))
        if mask is not None:
            lin_k = lin_k.masked_fill(~mask.unsqueeze(-1), 0.0)
        pad = -n % g
        if pad:
            quad_q, quad_k, lin_q, lin_k, v = (F.pad(t, (0, 0, 0, pad)) for t in (quad_q, quad_k, lin_q, lin_k, v))
            mask = F.pad(torch.ones(b, n, dtype=torch.bool) if mask is None else mask, (0, pad), value=False)
        attn_mask = None if mask is None else mask[:, None, None, :]
        quad_q, quad_k, lin_q, lin_k, v = (t.unflatten(1, (-1, g)) for t in (quad_q, quad_k, lin_q, lin_k, v))
        sim = quad_q @ quad_k.transpose(-2, -1) / g
        attn = F.relu(sim) ** 2
        if attn_mask is not None:
            attn = attn.masked_fill(~attn_mask, 0.0)
        quad_out = attn @ v
        lin_out = lin_q @ torch.einsum("bgnd,bgne->bde", lin_k, v).unsqueeze(1) / n
        out = (quad_out + lin_out).flatten(1, 2)[:, :n]
        return x + self.to_out(gate * out)


class FLASHTransformer(nn.Module):
    def __init__(self, num_tokens, dim, depth, group_size):
        super().__init__()
        self.embed = nn.Embedding(num_tokens, dim)
        self.layers = nn.ModuleList(MixedChunkAttention(dim, group_size) for _ in range(depth))
        self.to_logits = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, num_tokens))

    def forward(self, ids, mask=None):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, mask=mask)
        return self.to_logits(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = FLASHTransformer(num_tokens=200, dim=32, depth=2, group_size=8).eval()
    ids = torch.randint(1, 200, (2, 20))
    ids[1, 13:] = 0
    print("parameters", sum(p.numel() for p in model.parameters()))
    with torch.no_grad():
        logits = model(ids, mask=ids.ne(0))
    print("logits", tuple(logits.shape), "mean entropy %.4f" % torch.distributions.Categorical(logits=logits).entropy().mean())
