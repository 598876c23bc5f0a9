"""Score generated clips with a small latent world model: how well is the future predicted?"""
import torch
import torch.nn.functional as F
from torch import nn


class PatchEncoder(nn.Module):
    def __init__(self, patch=4, width=48):
        super().__init__()
        self.proj = nn.Conv3d(1, width, (2, patch, patch), stride=(2, patch, patch))
        self.norm = nn.LayerNorm(width)

    def forward(self, clip):
        return self.norm(self.proj(clip).flatten(2).transpose(1, 2))


class Predictor(nn.Module):
    def __init__(self, width=48, heads=4):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, dim_feedforward=64, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1)
        self.future = nn.Parameter(torch.randn(1, 1, width) * 0.1)

    def forward(self, context, count):
        queries = self.future.expand(len(context), count, -1)
        return self.body(torch.cat([context, queries], dim=1))[:, -count:]


class WorldModelReward(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = PatchEncoder()
        self.predictor = Predictor()

    @staticmethod
    def similarity(z, h):
        return F.cosine_similarity(z, h, dim=1).mean(dim=-1)

    @torch.no_grad()
    def forward(self, clips, context_frames=4):
        context = self.encoder(clips[:, :, :context_frames])
        h = self.encoder(clips[:, :, context_frames:])
        z = self.predictor(context, h.size(1))
        return self.similarity(z, h)


def make_clips():
    gen = torch.Generator().manual_seed(11)
    still = torch.rand(1, 1, 16, 16, generator=gen).expand(1, 8, 16, 16)
    noise = torch.rand(1, 8, 16, 16, generator=gen)
    fade = still * torch.linspace(1, 0, 8).view(1, 8, 1, 1)
    return {"still": still, "noise": noise, "fade": fade}


def rank(rewards, names):
    order = rewards.argsort(descending=True).tolist()
    return [(names[i], round(rewards[i].item(), 4)) for i in order]


def main():
    torch.manual_seed(0)
    reward = WorldModelReward().eval()
    clips = make_clips()
    rewards = reward(torch.stack(list(clips.values())))
    for name, value in rank(rewards, list(clips)):
        print(f"{name:<6} reward {value:+.4f}")


if __name__ == "__main__":
    main()
