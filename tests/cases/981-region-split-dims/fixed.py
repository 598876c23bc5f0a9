"""Cross attention with one prompt per column of the picture, on every level of the U-Net."""
import math

import torch
import torch.nn as nn


class CrossAttention(nn.Module):
    def __init__(self, dim, context_dim, heads=2):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(context_dim, dim, bias=False)
        self.to_v = nn.Linear(context_dim, dim, bias=False)

    def forward(self, x, context):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for t in (self.to_q(x), self.to_k(context), self.to_v(context)))
        out = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return out.transpose(1, 2).flatten(2)


class RegionHook:
    """Replaces the forward of a cross attention; columns are given as shares of the width."""

    def __init__(self, height, width, columns):
        self.h, self.w, self.columns = height, width, columns

    def layer_dims(self, tokens):
        scale = 2 ** round(math.log2(self.h * self.w / tokens) / 2)
        dsh = math.ceil(self.h / scale)
        dsw = math.ceil(self.w / scale)
        return dsh, dsw

    def attach(self, attn):
        plain = attn.forward

        def forward(x, contexts):
            dsh, dsw = self.layer_dims(x.shape[1])
            states, start = [], 0
            for share, context in zip(self.columns, contexts):
                out = plain(x, context).reshape(x.shape[0], dsh, dsw, x.shape[2])
                stop = round(dsw * share)
                states.append(out[:, :, start:stop])
                start = stop
            return torch.cat(states, dim=2).reshape(x.shape)

        attn.forward = forward


class DownPath(nn.Module):
    def __init__(self, dim=16, context_dim=12, levels=3):
        super().__init__()
        self.conv_in = nn.Conv2d(4, dim, 3, padding=1)
        self.attns = nn.ModuleList(CrossAttention(dim, context_dim) for _ in range(levels))
        self.downs = nn.ModuleList(nn.Conv2d(dim, dim, 3, stride=2, padding=1) for _ in range(levels - 1))

    def forward(self, latents, contexts):
        h = self.conv_in(latents)
        for level, attn in enumerate(self.attns):
            x = h.flatten(2).transpose(1, 2)
            h = (x + attn(x, contexts)).transpose(1, 2).reshape(h.shape)
            h = self.downs[level](h) if level < len(self.downs) else h
        return h


if __name__ == "__main__":
    torch.manual_seed(0)
    contexts = [torch.randn(2, 7, 12) for _ in range(2)]
    for pixels in ((128, 192), (144, 208)):
        height, width = pixels[0] // 8, pixels[1] // 8
        net, hook = DownPath(), RegionHook(height, width, columns=(0.5, 1.0))
        for attn in net.attns:
            hook.attach(attn)
        print(pixels, tuple(net(torch.randn(2, 4, height, width), contexts).shape))
