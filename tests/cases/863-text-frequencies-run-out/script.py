"""Joint text and image attention with rotary positions: text is placed after the image's grid."""
import torch
from torch import nn
from torch.nn import functional as F

MAX_TEXT = 64


def rotate(x, freqs):
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * freqs.unsqueeze(1)).flatten(3)


class JointRope(nn.Module):
    def __init__(self, dim, positions):
        super().__init__()
        rate = 10000.0 ** (-torch.arange(0, dim, 2) / dim)
        angle = torch.outer(torch.arange(positions).float(), rate)
        self.register_buffer("table", torch.polar(torch.ones_like(angle), angle), persistent=False)

    def forward(self, height, width, text_length):
        half = self.table.size(1) // 2
        rows = self.table[:height, None, :half].expand(height, width, half)
        cols = self.table[None, :width, half:].expand(height, width, -1)
        offset = max(height, width)
        return torch.cat([rows, cols], dim=-1).flatten(0, 1), self.table[offset:offset + text_length]


class JointAttention(nn.Module):
    def __init__(self, width=32, heads=4):
        super().__init__()
        self.heads = heads
        self.image_qkv, self.text_qkv = nn.Linear(width, 3 * width), nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, qkv, freqs):
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).unbind(2)
        return rotate(q, freqs), rotate(k, freqs), v

    def forward(self, image, text, rope):
        image_freqs, text_freqs = rope
        parts = zip(self.split(self.text_qkv(text), text_freqs), self.split(self.image_qkv(image), image_freqs))
        q, k, v = (torch.cat(pair, dim=1).transpose(1, 2) for pair in parts)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return image + self.out(mixed[:, text.size(1):])


class Painter(nn.Module):
    def __init__(self, vocab=100, width=32, heads=4):
        super().__init__()
        self.words = nn.Embedding(vocab, width)
        self.rope = JointRope(width // heads, MAX_TEXT)
        self.block = JointAttention(width, heads)

    @torch.no_grad()
    def denoise(self, latent, prompt):
        text = self.words(prompt[:, :MAX_TEXT])
        height, width = latent.shape[1:3]
        return self.block(latent.flatten(1, 2), text, self.rope(height, width, text.size(1)))


if __name__ == "__main__":
    torch.manual_seed(2)
    painter = Painter().eval()
    for label, words in (("a cat", 2), ("a street in the rain", 31), ("a whole page of wishes", 90)):
        prompt = torch.randint(0, 100, (1, words))
        out = painter.denoise(torch.randn(1, 6, 8, 32), prompt)
        print(f"{label:<24} {tuple(out.shape)} {out.std().item():.3f}")
