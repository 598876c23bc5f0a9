"""Video denoiser that generates colour and alpha frames in one token sequence."""
import torch
import torch.nn.functional as F
from torch import nn

HEADS, HEAD_DIM = 4, 12


def rope_3d(frames, height, width):
    grid = torch.stack(torch.meshgrid(
        torch.arange(frames), torch.arange(height), torch.arange(width), indexing="ij"
    ), dim=-1).reshape(-1, 3)
    freqs = 100.0 ** (-torch.arange(HEAD_DIM // 6) / (HEAD_DIM // 6))
    angle = (grid[..., None] * freqs).flatten(1).repeat_interleave(2, dim=1)
    return angle.cos(), angle.sin()


def apply_rotary_emb(x, rope):
    cos, sin = rope
    real, imag = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([-imag, real], dim=-1).flatten(-2)
    return x * cos + turned * sin


class RGBAAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, tokens, text_len, rope):
        b, n, _ = tokens.shape
        q, k, v = self.qkv(tokens).view(b, n, 3, HEADS, HEAD_DIM).permute(2, 0, 3, 1, 4)
        half = (n - text_len) // 2
        text, rgb, alpha = slice(0, text_len), slice(text_len, text_len + half), slice(text_len + half, n)
        q = torch.cat([q[:, :, text]] + [apply_rotary_emb(q[:, :, part], rope) for part in (rgb, alpha)], dim=2)
        k = torch.cat([k[:, :, text]] + [apply_rotary_emb(k[:, :, part], rope) for part in (rgb, alpha)], dim=2)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b, n, -1))


class RGBATransformer(nn.Module):
    def __init__(self, channels=4, dim=HEADS * HEAD_DIM):
        super().__init__()
        self.patch, self.unpatch = nn.Linear(channels, dim), nn.Linear(dim, channels)
        self.domain = nn.Parameter(torch.randn(2, 1, 1, dim) * 0.02)
        self.attn = RGBAAttention(dim)

    def forward(self, latents, text, rope):
        b, frames, c, h, w = latents.shape
        video = self.patch(latents.permute(0, 1, 3, 4, 2)).reshape(b, 2, frames // 2 * h * w, -1)
        video = (video + self.domain[:, 0]).flatten(1, 2)
        tokens = torch.cat([text, video], dim=1)
        tokens = tokens + self.attn(tokens, text.size(1), rope)
        out = self.unpatch(tokens[:, text.size(1):])
        return out.view(b, frames, h, w, c).permute(0, 1, 4, 2, 3)


@torch.no_grad()
def sample(model, text, frames=3, size=(4, 5), steps=2):
    latents = torch.randn(text.size(0), frames, 4, *size)
    latents = torch.cat([latents, torch.randn_like(latents)], dim=1)
    rope = rope_3d(latents.size(1) // 2, *size)
    for _ in range(steps):
        latents = latents - 0.5 * model(latents, text, rope)
    return latents.chunk(2, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    rgb, alpha = sample(RGBATransformer().eval(), torch.randn(1, 7, HEADS * HEAD_DIM))
    print("rgb", tuple(rgb.shape), "alpha", tuple(alpha.shape))
