"""Fine-tune a small double-stream diffusion transformer with flow matching on packed latents."""
import torch
from torch import nn
from torch.nn import functional as F


def pack_latents(latents):
    n, c, h, w = latents.shape
    x = latents.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(n, (h // 2) * (w // 2), c * 4)


def prepare_image_ids(height, width):
    ids = torch.zeros(height, width, 2)
    ids[..., 0] += torch.arange(height)[:, None]
    ids[..., 1] += torch.arange(width)[None, :]
    return ids.view(height * width, 2)


def rotary_table(ids, dim):
    freqs = 1.0 / 100 ** (torch.arange(0, dim // 2, 2) / (dim // 2))
    angles = torch.cat([ids[:, i:i + 1] * freqs for i in range(2)], dim=-1)
    return angles.cos().repeat_interleave(2, dim=-1), angles.sin().repeat_interleave(2, dim=-1)


def rotate(x, table):
    cos, sin = table
    turned = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)
    return x * cos + turned * sin


class JointBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * width))
        self.mlp = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x, table):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(rotate(q, table), rotate(k, table), v)
        return x + self.mlp(torch.cat([x, y.transpose(1, 2).flatten(2)], dim=-1))


class MiniFlux(nn.Module):
    def __init__(self, channels=4, text_width=20, width=32, heads=4, depth=2):
        super().__init__()
        self.head_dim = width // heads
        self.img_in = nn.Linear(channels * 4, width)
        self.txt_in = nn.Linear(text_width, width)
        self.blocks = nn.ModuleList(JointBlock(width, heads) for _ in range(depth))
        self.out = nn.Linear(width, channels * 4)

    def forward(self, img, txt, img_ids, txt_ids):
        table = rotary_table(torch.cat([txt_ids, img_ids]), self.head_dim)
        x = torch.cat([self.txt_in(txt), self.img_in(img)], dim=1)
        for block in self.blocks:
            x = block(x, table)
        return self.out(x[:, txt.size(1):])


def training_loss(model, latents, txt):
    noise, t = torch.randn_like(latents), torch.rand(latents.size(0), 1, 1, 1)
    noisy = (1 - t) * latents + t * noise
    img_ids = prepare_image_ids(latents.size(2), latents.size(3))
    txt_ids = torch.zeros(txt.size(1), 2)
    predicted = model(pack_latents(noisy), txt, img_ids, txt_ids)
    return F.mse_loss(predicted, pack_latents(noise - latents))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = MiniFlux()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(3):
        loss = training_loss(model, torch.randn(2, 4, 8, 12), torch.randn(2, 5, 20))
        opt.zero_grad(); loss.backward(); opt.step()
        print(f"step {step} loss {loss.item():.3f}")
