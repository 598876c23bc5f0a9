import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def memory_efficient_attention(query, key, value):
    """Same contract as xformers.ops: operands are [B, M, H, K]."""
    q, k, v = (t.permute(0, 2, 1, 3) for t in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v).permute(0, 2, 1, 3)


class Attention(nn.Module):
    def __init__(self, dim, num_heads, attention_mode):
        super().__init__()
        self.num_heads, self.scale = num_heads, (dim // num_heads) ** -0.5
        self.attention_mode = attention_mode
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, C // self.num_heads).permute(2, 0, 3, 1, 4).contiguous()
        q, k, v = qkv.unbind(0)
        if self.attention_mode == "xformers":
            x = memory_efficient_attention(q, k, v).reshape(B, N, C)
        else:
            attn = (q @ k.transpose(-2, -1) * self.scale).softmax(dim=-1)
            x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return self.proj(x)


class TransformerBlock(nn.Module):
    def __init__(self, dim, heads, mode):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(dim, elementwise_affine=False) for _ in range(2))
        self.attn = Attention(dim, heads, mode)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(approximate="tanh"), nn.Linear(2 * dim, dim))
        self.ada = nn.Linear(dim, 2 * dim)

    def forward(self, x, c):
        shift, scale = self.ada(F.silu(c)).unsqueeze(1).chunk(2, dim=-1)
        x = x + self.attn(self.norm1(x) * (1 + scale) + shift)
        return x + self.mlp(self.norm2(x))


class Latte(nn.Module):
    def __init__(self, frames, tokens, dim, heads, depth, mode):
        super().__init__()
        self.spatial = nn.ModuleList(TransformerBlock(dim, heads, mode) for _ in range(depth))
        self.temporal = nn.ModuleList(TransformerBlock(dim, heads, mode) for _ in range(depth))
        self.pos = nn.Parameter(torch.randn(1, frames, tokens, dim) * 0.02)
        self.t_embed = nn.Embedding(50, dim)

    def forward(self, x, t):
        b, f, n, d = x.shape
        c, x = self.t_embed(t), x + self.pos
        for space, time in zip(self.spatial, self.temporal):
            x = space(x.flatten(0, 1), c.repeat_interleave(f, 0)).view(b, f, n, d)
            x = time(x.transpose(1, 2).flatten(0, 1), c.repeat_interleave(n, 0)).view(b, n, f, d).transpose(1, 2)
        return x


@torch.no_grad()
def sample(model, latents, steps):
    for t in reversed(range(steps)):
        latents = latents - model(latents, torch.full((latents.size(0),), t)) / steps
    return latents


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--attention-mode", choices=("math", "xformers"), default="xformers")
    parser.add_argument("--num-sampling-steps", type=int, default=6)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = Latte(frames=5, tokens=12, dim=32, heads=4, depth=2, mode=args.attention_mode).eval()
    video = sample(model, torch.randn(2, 5, 12, 32), args.num_sampling_steps)
    print("latents", tuple(video.shape), "mean %.4f std %.4f" % (video.mean(), video.std()))
    print("frame means", [round(v, 3) for v in video[0].mean(dim=(1, 2)).tolist()])


if __name__ == "__main__":
    main()
