"""Two-stage sampling with step skipping: draft at low resolution, upscale, refine."""
import torch
from torch import nn
from torch.nn import functional as F


class SkipCache:
    """Reuses the last block residual while the modulated input hardly changes."""

    def __init__(self, threshold):
        self.threshold = threshold
        self.previous_input = None
        self.previous_residual = None
        self.accumulated = 0.0
        self.skipped = 0

    def should_skip(self, modulated):
        if self.previous_input is None:
            self.previous_input = modulated
            return False
        change = (modulated - self.previous_input).abs().mean() / self.previous_input.abs().mean()
        self.accumulated += change.item()
        self.previous_input = modulated
        if self.accumulated < self.threshold:
            self.skipped += 1
            return True
        self.accumulated = 0.0
        return False


class TinyDiT(nn.Module):
    def __init__(self, channels=4, dim=32, depth=2):
        super().__init__()
        self.patch = nn.Conv2d(channels, dim, 2, stride=2)
        self.time = nn.Linear(1, dim)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True) for _ in range(depth))
        self.out = nn.ConvTranspose2d(dim, channels, 2, stride=2)
        self.cache = None

    def forward(self, x, sigma):
        h = self.patch(x)
        tokens = h.flatten(2).transpose(1, 2)
        modulated = tokens * (1 + self.time(sigma.view(1, 1)))
        if self.cache is not None and self.cache.should_skip(modulated):
            result = tokens + self.cache.previous_residual
        else:
            result = modulated
            for block in self.blocks:
                result = block(result)
            if self.cache is not None:
                self.cache.previous_residual = result - tokens
        return self.out(result.transpose(1, 2).unflatten(2, h.shape[2:]))


@torch.no_grad()
def sample(model, latents, steps, start=1.0):
    sigmas = torch.linspace(start, 0, steps + 1)
    for now, after in zip(sigmas[:-1], sigmas[1:]):
        latents = latents + (after - now) * model(latents, now)
    return latents


def two_stage(model, batch, size, factor=2):
    model.cache = SkipCache(threshold=0.3)
    draft = sample(model, torch.randn(batch, 4, size, size), steps=8)
    print("draft", tuple(draft.shape), "skipped", model.cache.skipped)
    refined = sample(model, F.interpolate(draft, scale_factor=factor), steps=4, start=0.4)
    print("refined", tuple(refined.shape), "skipped", model.cache.skipped)
    return refined


if __name__ == "__main__":
    torch.manual_seed(0)
    two_stage(TinyDiT().eval(), batch=2, size=12)
