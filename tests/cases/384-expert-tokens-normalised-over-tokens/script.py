"""Video retrieval: projected expert features of a clip are compared with a caption's embedding."""
import torch
import torch.nn.functional as F
from torch import nn

EXPERTS = {"face": (20, 5), "speech": (12, 7), "scene": (30, 3)}


class ReduceDim(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim)

    def forward(self, x):
        x = self.fc(x)
        return F.normalize(x)


class VideoEncoder(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.reduce = nn.ModuleDict({name: ReduceDim(size, dim) for name, (size, _) in EXPERTS.items()})
        self.pooled = nn.ModuleDict({name: ReduceDim(size, dim) for name, (size, _) in EXPERTS.items()})
        self.attn = nn.MultiheadAttention(dim, 4, batch_first=True)

    def forward(self, features):
        tokens = torch.cat([self.reduce[name](x) for name, x in features.items()], dim=1)
        summary = torch.stack([self.pooled[name](x.mean(1)) for name, x in features.items()], dim=1)
        return self.attn(summary, tokens, tokens)[0].mean(1)


class CaptionEncoder(nn.Module):
    def __init__(self, vocab=50, dim=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocab, dim)
        self.project = ReduceDim(dim, dim)

    def forward(self, ids):
        return self.project(self.bag(ids))


def clips(n, seed=0):
    gen = torch.Generator().manual_seed(seed)
    return {name: torch.randn(n, length, size, generator=gen) for name, (size, length) in EXPERTS.items()}


def main(steps=40):
    torch.manual_seed(0)
    video, caption = VideoEncoder(), CaptionEncoder()
    features, ids = clips(8), torch.randint(0, 50, (8, 6))
    opt = torch.optim.Adam([*video.parameters(), *caption.parameters()], lr=5e-3)
    for step in range(steps):
        scores = caption(ids) @ F.normalize(video(features), dim=-1).T / 0.1
        loss = F.cross_entropy(scores, torch.arange(8))
        opt.zero_grad()
        loss.backward()
        opt.step()
    rank = (scores.diag()[:, None] <= scores).sum(1).float()
    print("loss %.4f" % loss.item(), "mean rank %.2f" % rank.mean())


main()
