"""Score distillation: pull a rendered latent towards a prompt with a frozen diffusion prior."""
from dataclasses import dataclass

import torch
from torch import nn

TEXT_WIDTH = {"clip-vit-l": 24, "open-clip-h": 32}
UNET_CONTEXT = {"sd-v1-5": 24, "sd-v2-1-base": 32}


@dataclass
class PromptSettings:
    prompt: str = "a corgi on a skateboard"
    text_encoder: str = "clip-vit-l"
    length: int = 12


@dataclass
class GuidanceSettings:
    base_model: str = "sd-v1-5"
    scale: float = 7.5
    steps: int = 3


class PromptProcessor:
    def __init__(self, cfg):
        self.cfg = cfg
        self.encoder = nn.Embedding(128, TEXT_WIDTH[cfg.text_encoder])

    def embeddings(self):
        rows = []
        for text in (self.cfg.prompt, ""):
            ids = [ord(c) % 128 for c in text][:self.cfg.length]
            rows.append(ids + [0] * (self.cfg.length - len(ids)))
        return self.encoder(torch.tensor(rows)).detach()


class CrossAttention(nn.Module):
    def __init__(self, width, context, heads=4):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)

    def forward(self, x, context):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.to_q(x), self.to_k(context), self.to_v(context)))
        return nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class UNet(nn.Module):
    def __init__(self, name, width=40):
        super().__init__()
        self.inp, self.out = nn.Linear(4, width), nn.Linear(width, 4)
        self.attn = CrossAttention(width, UNET_CONTEXT[name])

    def forward(self, latents, context):
        x = self.inp(latents.flatten(2).transpose(1, 2))
        return self.out(x + self.attn(x, context)).transpose(1, 2).reshape(latents.shape)


def run(overrides):
    prompt = PromptSettings(**overrides.get("prompt", {}))
    guidance = GuidanceSettings(**overrides.get("guidance", {}))
    torch.manual_seed(0)
    context, unet = PromptProcessor(prompt).embeddings(), UNet(guidance.base_model).requires_grad_(False)
    latent = torch.randn(1, 4, 8, 8)
    for step in range(guidance.steps):
        cond, uncond = unet(latent.repeat(2, 1, 1, 1), context).chunk(2)
        latent = latent - 0.1 * (uncond + guidance.scale * (cond - uncond))
        print(f"step {step} norm {latent.norm():.3f}")


if __name__ == "__main__":
    run({"prompt": {"prompt": "a blue vase", "text_encoder": "open-clip-h"}, "guidance": {"base_model": "sd-v2-1-base"}})
